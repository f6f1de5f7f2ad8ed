// IPsec-MB's own calls on bare buffers, nothing around them: what the record layer is held against.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/record/ipsec_mb.h"
#include "dataplane/record/record.h"
#include "perf/measure.h"

namespace sdg::perf {

enum class RawCall : uint8_t { direct, job };

// One thread. Texts are in place; the tag goes behind them, the additional data are before them.
class RawAead {
 public:
    RawAead(record::Suite suite, unsigned keys)
        : suite_(suite), library_(expect(record::make_ipsec_mb(record::Architecture::best))) {
        for (unsigned i = 0; i < keys; ++i) {
            const auto material = make_material(suite, i);
            Key& key = *keys_.emplace_back(std::make_unique<Key>());
            if (suite == record::Suite::aes_128_gcm_sha256) {
                IMB_AES128_GCM_PRE(library_, material.key.bytes().data(), &key.gcm);
            } else if (suite == record::Suite::aes_256_gcm_sha384) {
                IMB_AES256_GCM_PRE(library_, material.key.bytes().data(), &key.gcm);
            } else {
                std::memcpy(key.chacha.data(), material.key.bytes().data(), key.chacha.size());
            }
        }
    }
    [[nodiscard]] bool is_gcm() const { return suite_ != record::Suite::chacha20_poly1305_sha256; }

    void run(RawCall call, bool sealing, size_t key, uint8_t* text, uint64_t length, uint8_t* tag) {
        if (call == RawCall::direct) {
            direct(sealing, *keys_[key], text, length, tag);
        } else {
            job(sealing, *keys_[key], text, length, tag);
        }
    }
    // After the last job of a burst.
    void finish() {
        while (IMB_FLUSH_JOB(library_.get()) != nullptr) {
        }
    }

 private:
    struct Key {
        gcm_key_data gcm{};
        std::array<uint8_t, 32> chacha{};
    };

    void direct(bool sealing, const Key& key, uint8_t* text, uint64_t length, uint8_t* tag) {
        const uint8_t* aad = text - record::kRecordHeader;
        if (!is_gcm()) {
            IMB_CHACHA20_POLY1305_INIT(library_, key.chacha.data(), &chacha_, nonce_.data(), aad,
                                       record::kRecordHeader);
            if (sealing) {
                IMB_CHACHA20_POLY1305_ENC_UPDATE(library_, key.chacha.data(), &chacha_, text, text,
                                                 length);
                IMB_CHACHA20_POLY1305_ENC_FINALIZE(library_, &chacha_, tag, record::kTagLength);
            } else {
                IMB_CHACHA20_POLY1305_DEC_UPDATE(library_, key.chacha.data(), &chacha_, text, text,
                                                 length);
                IMB_CHACHA20_POLY1305_DEC_FINALIZE(library_, &chacha_, tag, record::kTagLength);
            }
            return;
        }
        const bool long_key = suite_ == record::Suite::aes_256_gcm_sha384;
        const auto function = sealing ? (long_key ? library_->gcm256_enc : library_->gcm128_enc)
                                      : (long_key ? library_->gcm256_dec : library_->gcm128_dec);
        function(&key.gcm, &gcm_, text, text, length, nonce_.data(), aad, record::kRecordHeader,
                 tag, record::kTagLength);
    }

    void job(bool sealing, const Key& key, uint8_t* text, uint64_t length, uint8_t* tag) {
        IMB_JOB* queued = IMB_GET_NEXT_JOB(library_.get());
        queued->cipher_direction = sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
        queued->chain_order = sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
        queued->src = text;
        queued->dst = text;
        queued->cipher_start_src_offset_in_bytes = 0;
        queued->msg_len_to_cipher_in_bytes = length;
        queued->hash_start_src_offset_in_bytes = 0;
        queued->msg_len_to_hash_in_bytes = length;
        queued->iv = nonce_.data();
        queued->iv_len_in_bytes = record::kIvLength;
        queued->auth_tag_output = tag;
        queued->auth_tag_output_len_in_bytes = record::kTagLength;
        const uint8_t* aad = text - record::kRecordHeader;
        if (is_gcm()) {
            queued->key_len_in_bytes = suite_ == record::Suite::aes_256_gcm_sha384 ? 32 : 16;
            queued->cipher_mode = IMB_CIPHER_GCM;
            queued->hash_alg = IMB_AUTH_AES_GMAC;
            queued->enc_keys = &key.gcm;
            queued->dec_keys = &key.gcm;
            queued->u.GCM.aad = aad;
            queued->u.GCM.aad_len_in_bytes = record::kRecordHeader;
        } else {
            queued->key_len_in_bytes = 32;
            queued->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
            queued->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
            queued->enc_keys = key.chacha.data();
            queued->dec_keys = key.chacha.data();
            queued->u.CHACHA20_POLY1305.aad = aad;
            queued->u.CHACHA20_POLY1305.aad_len_in_bytes = record::kRecordHeader;
            queued->u.CHACHA20_POLY1305.ctx = nullptr;
        }
        IMB_SUBMIT_JOB_NOCHECK(library_.get());
    }

    record::Suite suite_;
    record::IpsecMb library_;
    std::vector<std::unique_ptr<Key>> keys_;
    alignas(64) gcm_context_data gcm_{};
    alignas(64) chacha20_poly1305_context_data chacha_{};
    alignas(64) std::array<uint8_t, 16> nonce_{1};
};

}  // namespace sdg::perf
