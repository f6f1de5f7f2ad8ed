// The record work of one key done the usual way, by OpenSSL's EVP interface one record at a time:
// what a stack without batches does, for comparison. AES-128-GCM only.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/record/key_material.h"
#include "dataplane/record/replay_window.h"

struct evp_cipher_ctx_st;

namespace sdg::perf {

class EvpRecord {
 public:
    explicit EvpRecord(const record::KeyMaterial& material);

    // Content at record + 3; returns the record's length.
    uint32_t seal(uint8_t* record, uint32_t content_length);
    // Returns the content's length, 0 when the record does not open.
    uint32_t open(uint8_t* record, uint32_t record_length);

 private:
    struct Free {
        void operator()(evp_cipher_ctx_st* context) const noexcept;
    };
    using Cipher = std::unique_ptr<evp_cipher_ctx_st, Free>;

    void apply_mask(uint8_t* record);
    void write_nonce(uint64_t sequence, uint8_t nonce[record::kIvLength]) const;

    Cipher encrypt_;  // set up once; each record sets the nonce only
    Cipher decrypt_;
    Cipher number_;
    uint8_t iv_[record::kIvLength];
    uint64_t next_ = 0;
    record::ReplayWindow window_{record::ReplayWindow::kDefaultSize};
};

}  // namespace sdg::perf
