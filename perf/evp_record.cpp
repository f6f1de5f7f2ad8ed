#include "perf/evp_record.h"

#include <openssl/evp.h>

#include <cstring>

#include "dataplane/record/record.h"
#include "dataplane/record/record_number.h"

namespace sdg::perf {

using namespace record;

void EvpRecord::Free::operator()(evp_cipher_ctx_st* context) const noexcept {
    EVP_CIPHER_CTX_free(context);
}

EvpRecord::EvpRecord(const KeyMaterial& material)
    : encrypt_(EVP_CIPHER_CTX_new()),
      decrypt_(EVP_CIPHER_CTX_new()),
      number_(EVP_CIPHER_CTX_new()) {
    const uint8_t* key = material.key.bytes().data();
    EVP_EncryptInit_ex(encrypt_.get(), EVP_aes_128_gcm(), nullptr, key, nullptr);
    EVP_DecryptInit_ex(decrypt_.get(), EVP_aes_128_gcm(), nullptr, key, nullptr);
    EVP_EncryptInit_ex(number_.get(), EVP_aes_128_ecb(), nullptr, material.sn_key.bytes().data(),
                       nullptr);
    EVP_CIPHER_CTX_set_padding(number_.get(), 0);
    std::memcpy(iv_, material.iv.bytes().data(), sizeof iv_);
}

void EvpRecord::write_nonce(uint64_t sequence, uint8_t nonce[kIvLength]) const {
    std::memcpy(nonce, iv_, kIvLength);
    for (int i = 0; i < 8; ++i) {
        nonce[kIvLength - 1 - i] ^= static_cast<uint8_t>(sequence >> (8 * i));
    }
}

void EvpRecord::apply_mask(uint8_t* record) {
    uint8_t mask[16];
    int written = 0;
    EVP_EncryptUpdate(number_.get(), mask, &written, record + kRecordHeader, sizeof mask);
    record[1] ^= mask[0];
    record[2] ^= mask[1];
}

uint32_t EvpRecord::seal(uint8_t* record, uint32_t content_length) {
    const uint64_t sequence = next_++;
    uint8_t nonce[kIvLength];
    write_nonce(sequence, nonce);
    record[0] = 0x28 | 3;
    record[1] = static_cast<uint8_t>(sequence >> 8);
    record[2] = static_cast<uint8_t>(sequence);
    uint8_t* text = record + kRecordHeader;
    const auto length = static_cast<int>(content_length) + 1;
    text[content_length] = kContentTypeApplicationData;
    int written = 0;
    EVP_EncryptInit_ex(encrypt_.get(), nullptr, nullptr, nullptr, nonce);
    EVP_EncryptUpdate(encrypt_.get(), nullptr, &written, record, kRecordHeader);
    EVP_EncryptUpdate(encrypt_.get(), text, &written, text, length);
    EVP_EncryptFinal_ex(encrypt_.get(), text + length, &written);
    EVP_CIPHER_CTX_ctrl(encrypt_.get(), EVP_CTRL_AEAD_GET_TAG, kTagLength, text + length);
    apply_mask(record);
    return record_length(content_length);
}

uint32_t EvpRecord::open(uint8_t* record, uint32_t length_of_record) {
    apply_mask(record);
    const uint64_t sequence = reconstruct_record_number(
        static_cast<uint16_t>(record[1] << 8 | record[2]), window_.next_expected());
    if (!window_.check(sequence)) {
        return 0;
    }
    uint8_t nonce[kIvLength];
    write_nonce(sequence, nonce);
    uint8_t* text = record + kRecordHeader;
    const auto length = static_cast<int>(length_of_record - kRecordHeader - kTagLength);
    int written = 0;
    EVP_DecryptInit_ex(decrypt_.get(), nullptr, nullptr, nullptr, nonce);
    EVP_DecryptUpdate(decrypt_.get(), nullptr, &written, record, kRecordHeader);
    EVP_DecryptUpdate(decrypt_.get(), text, &written, text, length);
    EVP_CIPHER_CTX_ctrl(decrypt_.get(), EVP_CTRL_AEAD_SET_TAG, kTagLength, text + length);
    if (EVP_DecryptFinal_ex(decrypt_.get(), text + length, &written) != 1) {
        return 0;
    }
    window_.commit(sequence);
    auto content = static_cast<uint32_t>(length);
    while (content != 0 && text[content - 1] == 0) {
        --content;
    }
    return content != 0 && text[content - 1] == kContentTypeApplicationData ? content - 1 : 0;
}

}  // namespace sdg::perf
