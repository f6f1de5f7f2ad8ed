#include "control/keymgmt/dtls13/record_protection.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr size_t kMaskInput = 16;  // octets of ciphertext

struct Ciphers {
    const EVP_CIPHER* aead = nullptr;
    const EVP_CIPHER* number = nullptr;
};

Ciphers ciphers_of(record::Suite suite) {
    switch (suite) {
        case record::Suite::aes_128_gcm_sha256:
            return {EVP_aes_128_gcm(), EVP_aes_128_ecb()};
        case record::Suite::aes_256_gcm_sha384:
            return {EVP_aes_256_gcm(), EVP_aes_256_ecb()};
        case record::Suite::chacha20_poly1305_sha256:
            return {EVP_chacha20_poly1305(), EVP_chacha20()};
        case record::Suite::aes_128_ccm_sha256:
            break;  // EVP's CCM wants the lengths first; nobody has asked for it in DTLS 1.3
    }
    return {};
}

}  // namespace

Checked<RecordProtection> RecordProtection::create(record::Suite suite, Direction direction,
                                                   View traffic_secret) {
    const Ciphers ciphers = ciphers_of(suite);
    const record::SuiteTraits* traits = record::traits(suite);
    const Hash hash = Hash::of(suite);
    const auto key = expand_label(hash, traffic_secret, "key", {}, traits->key_length);
    const auto iv = expand_label(hash, traffic_secret, "iv", {}, record::kIvLength);
    const auto sn_key = expand_label(hash, traffic_secret, "sn", {}, traits->sn_key_length);
    RecordProtection out;
    out.aead_.reset(EVP_CIPHER_CTX_new());
    out.number_cipher_.reset(EVP_CIPHER_CTX_new());
    out.chacha20_ = suite == record::Suite::chacha20_poly1305_sha256;
    if (ciphers.aead == nullptr || !key || !iv || !sn_key || !out.aead_ || !out.number_cipher_ ||
        EVP_CipherInit_ex(out.aead_.get(), ciphers.aead, nullptr, key->bytes().data(), nullptr,
                          direction == Direction::seal ? 1 : 0) != 1 ||
        // The mask is an encryption in both directions.
        EVP_EncryptInit_ex(out.number_cipher_.get(), ciphers.number, nullptr,
                           sn_key->bytes().data(), nullptr) != 1 ||
        EVP_CIPHER_CTX_set_padding(out.number_cipher_.get(), 0) != 1) {
        return refuse(AlertDescription::internal_error, "OpenSSL makes no record keys");
    }
    std::copy(iv->bytes().begin(), iv->bytes().end(), out.iv_.begin());
    return out;
}

bool RecordProtection::set_nonce(uint64_t sequence) {
    auto nonce = iv_;
    for (size_t i = 0; i < sizeof sequence; ++i) {
        nonce[nonce.size() - 1 - i] ^= static_cast<uint8_t>(sequence >> (8 * i));
    }
    return EVP_CipherInit_ex(aead_.get(), nullptr, nullptr, nullptr, nonce.data(), -1) == 1;
}

std::optional<RecordProtection::Mask> RecordProtection::mask_of(View ciphertext) {
    if (ciphertext.size() < kMaskInput) {
        return std::nullopt;
    }
    std::array<uint8_t, kMaskInput> block{};
    int length = 0;
    if (chacha20_) {
        // EVP's IV is the block counter (little endian) and the nonce: the sixteen octets as they
        // are. The mask is the keystream.
        const std::array<uint8_t, 2> zeros{};
        if (EVP_EncryptInit_ex(number_cipher_.get(), nullptr, nullptr, nullptr,
                               ciphertext.data()) != 1 ||
            EVP_EncryptUpdate(number_cipher_.get(), block.data(), &length, zeros.data(),
                              static_cast<int>(zeros.size())) != 1) {
            return std::nullopt;
        }
    } else if (EVP_EncryptUpdate(number_cipher_.get(), block.data(), &length, ciphertext.data(),
                                 static_cast<int>(kMaskInput)) != 1) {
        return std::nullopt;
    }
    return Mask{{block[0], block[1]}};
}

Checked<void> RecordProtection::seal(RecordNumber number, ContentType type, View content,
                                     Octets& datagram) {
    const size_t start = datagram.size();
    const size_t inner = content.size() + 1;
    const size_t length = inner + record::kTagLength;
    datagram.resize(start + kUnifiedHeader + length);
    uint8_t* header = datagram.data() + start;
    header[0] = static_cast<uint8_t>(0x2c | (number.epoch & 3));
    packet::store_be16(header + 1, static_cast<uint16_t>(number.sequence));
    packet::store_be16(header + 3, static_cast<uint16_t>(length));
    uint8_t* body = header + kUnifiedHeader;
    std::copy(content.begin(), content.end(), body);
    body[content.size()] = static_cast<uint8_t>(type);
    int written = 0;
    int last = 0;
    if (!set_nonce(number.sequence) ||
        EVP_CipherUpdate(aead_.get(), nullptr, &written, header,
                         static_cast<int>(kUnifiedHeader)) != 1 ||
        EVP_CipherUpdate(aead_.get(), body, &written, body, static_cast<int>(inner)) != 1 ||
        EVP_CipherFinal_ex(aead_.get(), body + written, &last) != 1 ||
        EVP_CIPHER_CTX_ctrl(aead_.get(), EVP_CTRL_AEAD_GET_TAG, record::kTagLength, body + inner) !=
            1) {
        datagram.resize(start);  // never plaintext
        return refuse(AlertDescription::internal_error, "OpenSSL cannot seal a record");
    }
    const auto mask = mask_of({body, length});
    if (!mask) {
        datagram.resize(start);
        return refuse(AlertDescription::internal_error, "OpenSSL cannot mask a record number");
    }
    header[1] ^= mask->octets[0];
    header[2] ^= mask->octets[1];
    return {};
}

std::optional<uint64_t> RecordProtection::sequence_of(const WireRecord& record,
                                                      uint64_t next_expected) {
    const auto mask = mask_of(record.payload);
    if (!mask || record.payload.size() <= record::kTagLength ||
        record.payload.size() > kMaxCiphertext) {
        return std::nullopt;
    }
    uint64_t low = 0;
    for (size_t i = 0; i < record.sequence_length; ++i) {
        low = low << 8 | static_cast<uint8_t>(record.header[1 + i] ^ mask->octets[i]);
    }
    const uint64_t span = uint64_t{1} << (8 * record.sequence_length);
    uint64_t candidate = (next_expected & ~(span - 1)) | low;
    if (candidate > next_expected && candidate - next_expected > span / 2 && candidate >= span) {
        candidate -= span;
    } else if (candidate < next_expected && next_expected - candidate > span / 2) {
        candidate += span;
    }
    return candidate;
}

std::optional<Octets> RecordProtection::open(const WireRecord& record, uint64_t sequence) {
    std::array<uint8_t, kUnifiedHeader> header{};
    std::copy(record.header.begin(), record.header.end(), header.begin());
    for (size_t i = 0; i < record.sequence_length; ++i) {
        header[record.sequence_length - i] = static_cast<uint8_t>(sequence >> (8 * i));
    }
    const View sealed = record.payload.first(record.payload.size() - record::kTagLength);
    const View tag = record.payload.last(record::kTagLength);
    Octets inner(sealed.size());
    int written = 0;
    int last = 0;
    if (!set_nonce(sequence) ||
        EVP_CIPHER_CTX_ctrl(aead_.get(), EVP_CTRL_AEAD_SET_TAG, record::kTagLength,
                            const_cast<uint8_t*>(tag.data())) != 1 ||
        EVP_CipherUpdate(aead_.get(), nullptr, &written, header.data(),
                         static_cast<int>(record.header.size())) != 1 ||
        EVP_CipherUpdate(aead_.get(), inner.data(), &written, sealed.data(),
                         static_cast<int>(sealed.size())) != 1 ||
        EVP_CipherFinal_ex(aead_.get(), inner.data() + written, &last) != 1) {
        ERR_clear_error();
        return std::nullopt;
    }
    return inner;
}

}  // namespace sdg::keymgmt::dtls13
