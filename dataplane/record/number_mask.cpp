#include "dataplane/record/number_mask.h"

#include <openssl/evp.h>

namespace sdg::record {
namespace {

using Block = std::array<uint8_t, NumberMasks::kSample>;
constexpr Block kZeros{};

// A job costs about 13 ns whatever it holds, a single AES-128 block by the CFB call 3.
constexpr uint32_t kJobWorthwhile = 4;

// CFB over one block of zeros is the block cipher over the IV.
void encrypt_single(IMB_MGR* library, const KeySchedule& keys, Block& block) {
    const Block sample = block;
    IMB_AES128_CFB_ONE(library, block.data(), kZeros.data(), sample.data(),
                       keys.sn_round_keys.data(), NumberMasks::kSample);
}

void encrypt_blocks(IMB_MGR* library, const KeySchedule& keys, Block* blocks, uint32_t count) {
    IMB_JOB* job = IMB_GET_NEXT_JOB(library);
    job->cipher_mode = IMB_CIPHER_ECB;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_CIPHER_HASH;
    job->hash_alg = IMB_AUTH_NULL;
    job->enc_keys = keys.sn_round_keys.data();
    job->dec_keys = keys.sn_round_keys.data();
    job->key_len_in_bytes = keys.key_length;
    job->src = blocks->data();
    job->dst = blocks->data();
    job->cipher_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = uint64_t{count} * NumberMasks::kSample;
    job->iv = nullptr;
    job->iv_len_in_bytes = 0;
    // The queue is empty here and ECB is not a multi-buffer cipher: done on return.
    IMB_SUBMIT_JOB_NOCHECK(library);
}

// The sample is the counter (little endian) and the nonce, which is how OpenSSL lays out its IV.
void chacha_block(const KeySchedule& keys, Block& block) {
    const Block sample = block;
    int written = 0;
    EVP_EncryptInit_ex2(keys.chacha_mask.get(), nullptr, nullptr, sample.data(), nullptr);
    EVP_EncryptUpdate(keys.chacha_mask.get(), block.data(), &written, kZeros.data(),
                      sizeof(uint16_t));
}

}  // namespace

void NumberMasks::run(IMB_MGR* library, uint32_t count) {
    const KeySchedule& keys = *keys_[0];
    if (count < kJobWorthwhile || keys.chacha_mask != nullptr) {
        for (uint32_t i = 0; i < count; ++i) {
            run_single(library, i);
        }
    } else {
        encrypt_blocks(library, keys, blocks_.data(), count);
    }
}

void NumberMasks::run_single(IMB_MGR* library, uint32_t index) {
    const KeySchedule& keys = *keys_[index];
    Block& block = blocks_[index];
    if (keys.chacha_mask != nullptr) [[unlikely]] {
        chacha_block(keys, block);
    } else if (keys.key_length == 16) {
        encrypt_single(library, keys, block);
    } else {
        encrypt_blocks(library, keys, &block, 1);
    }
}

}  // namespace sdg::record
