#include "dataplane/record/number_mask.h"

#include <sodium/crypto_stream_chacha20.h>

#include <bit>

namespace sdg::record {
namespace {

using Block = std::array<uint8_t, NumberMasks::kSample>;
constexpr Block kZeros{};

// A job costs about 13 ns whatever it holds, a single AES-128 block by the CFB call 3.
constexpr uint32_t kJobWorthwhile = 4;

// CFB over one block of zeros is the block cipher over the IV.
void encrypt_single(IMB_MGR* library, const KeySchedule& keys, Block& block) {
    const Block sample = block;
    IMB_AES128_CFB_ONE(library, block.data(), kZeros.data(), sample.data(), keys.sn_key.data(),
                       NumberMasks::kSample);
}

void encrypt_blocks(IMB_MGR* library, const KeySchedule& keys, Block* blocks, uint32_t count) {
    IMB_JOB* job = IMB_GET_NEXT_JOB(library);
    job->cipher_mode = IMB_CIPHER_ECB;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_CIPHER_HASH;
    job->hash_alg = IMB_AUTH_NULL;
    job->enc_keys = keys.sn_key.data();
    job->dec_keys = keys.sn_key.data();
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

// The sample is the counter (little endian) and the nonce.
void chacha_block(const KeySchedule& keys, Block& block) {
    const Block sample = block;
    uint32_t counter = 0;
    std::memcpy(&counter, sample.data(), sizeof counter);
    static_assert(std::endian::native == std::endian::little);
    crypto_stream_chacha20_ietf_xor_ic(block.data(), kZeros.data(), sizeof(uint16_t),
                                       sample.data() + sizeof counter, counter, keys.sn_key.data());
}

}  // namespace

void NumberMasks::run(IMB_MGR* library, uint32_t count) {
    if (count == 0) {
        return;
    }
    uintptr_t differences = 0;
    for (uint32_t i = 1; i < count; ++i) {
        differences |=
            reinterpret_cast<uintptr_t>(keys_[i]) ^ reinterpret_cast<uintptr_t>(keys_[0]);
    }
    if (differences != 0) {
        run_mixed(library, count);
    } else {
        run_group(library, *keys_[0], blocks_.data(), count);
    }
}

void NumberMasks::run_group(IMB_MGR* library, const KeySchedule& keys, Block* blocks,
                            uint32_t count) {
    if (keys.suite == Suite::chacha20_poly1305_sha256) {
        for (uint32_t i = 0; i < count; ++i) {
            chacha_block(keys, blocks[i]);
        }
    } else if (count < kJobWorthwhile && keys.key_length == 16) {
        for (uint32_t i = 0; i < count; ++i) {
            encrypt_single(library, keys, blocks[i]);
        }
    } else {
        encrypt_blocks(library, keys, blocks, count);
    }
}

void NumberMasks::run_mixed(IMB_MGR* library, uint32_t count) {
    // A counting sort by key; the table maps a key's address to its group.
    constexpr uint32_t kTable = 2 * kCapacity;
    constexpr uint8_t kFree = 0xff;
    std::array<uint8_t, kTable> table;
    table.fill(kFree);
    std::array<const KeySchedule*, kCapacity> group_keys;
    std::array<uint8_t, kCapacity> group_size;
    std::array<uint8_t, kCapacity> group_of;
    uint32_t groups = 0;
    for (uint32_t i = 0; i < count; ++i) {
        if (i != 0 && keys_[i] == keys_[i - 1]) {
            group_of[i] = group_of[i - 1];
            ++group_size[group_of[i]];
            continue;
        }
        constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;
        auto at = static_cast<uint32_t>((reinterpret_cast<uintptr_t>(keys_[i]) * kGolden) >> 57);
        while (table[at] != kFree && group_keys[table[at]] != keys_[i]) {
            at = (at + 1) % kTable;
        }
        if (table[at] == kFree) {
            table[at] = static_cast<uint8_t>(groups);
            group_keys[groups] = keys_[i];
            group_size[groups] = 0;
            ++groups;
        }
        group_of[i] = table[at];
        ++group_size[group_of[i]];
    }

    std::array<uint8_t, kCapacity> fill_at;
    std::array<uint8_t, kCapacity> slots;
    uint32_t start = 0;
    for (uint32_t group = 0; group < groups; ++group) {
        fill_at[group] = static_cast<uint8_t>(start);
        start += group_size[group];
    }
    for (uint32_t i = 0; i < count; ++i) {
        slots[i] = fill_at[group_of[i]]++;
        grouped_[slots[i]] = blocks_[i];
    }
    start = 0;
    for (uint32_t group = 0; group < groups; ++group) {
        run_group(library, *group_keys[group], &grouped_[start], group_size[group]);
        start += group_size[group];
    }
    for (uint32_t i = 0; i < count; ++i) {
        blocks_[i] = grouped_[slots[i]];
    }
}

}  // namespace sdg::record
