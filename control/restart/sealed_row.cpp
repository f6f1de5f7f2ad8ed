#include "control/restart/sealed_row.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/reader.h"

namespace sdg::restart {
namespace {

constexpr std::string_view kLabel = "sdg restart store row";
constexpr uint8_t kRoleRestart = 1;
constexpr size_t kNonceLength = 12;
constexpr size_t kTagLength = 16;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

void store_be64(uint8_t* to, uint64_t value) {
    packet::store_be32(to, static_cast<uint32_t>(value >> 32));
    packet::store_be32(to + 4, static_cast<uint32_t>(value));
}

uint64_t read_be64(packet::Reader& reader) {
    const uint64_t high = reader.be32();
    return high << 32 | reader.be32();
}

void write_header(std::span<uint8_t> out, const RowHeader& header) {
    out[0] = kSchemaVersion;
    store_be64(out.data() + 1, header.generation);
    store_be64(out.data() + 9, header.lease_epoch);
    std::copy(header.key_id.begin(), header.key_id.end(), out.begin() + 17);
    std::copy(header.mark.begin(), header.mark.end(), out.begin() + 25);
}

std::vector<uint8_t> additional_data(std::span<const uint8_t> header, const RowPlace& place) {
    const EncodedTuple tuple = encode(place.tuple);
    std::vector<uint8_t> out(kLabel.size() + header.size() + 3 + place.group.size() + tuple.size());
    auto at = std::copy(kLabel.begin(), kLabel.end(), out.begin());
    at = std::copy(header.begin(), header.end(), at);
    *at++ = kRoleRestart;
    *at++ = static_cast<uint8_t>(place.group.size() >> 8);
    *at++ = static_cast<uint8_t>(place.group.size());
    at = std::copy(place.group.begin(), place.group.end(), at);
    std::copy(tuple.begin(), tuple.end(), at);
    return out;
}

}  // namespace

Result<RowHeader> parse_row_header(std::span<const uint8_t> row) {
    if (row.size() < kRowHeaderLength + kNonceLength + kTagLength || row.size() > kMaxRowLength) {
        return fail(ErrorCode::corrupt, "a row of {} octets", row.size());
    }
    packet::Reader reader(row);
    if (const uint8_t version = reader.u8(); version != kSchemaVersion) {
        return fail(ErrorCode::corrupt, "a row of schema version {}, expected {}", version,
                    kSchemaVersion);
    }
    RowHeader header;
    header.generation = read_be64(reader);
    header.lease_epoch = read_be64(reader);
    const auto key_id = reader.bytes(header.key_id.size());
    std::copy(key_id.begin(), key_id.end(), header.key_id.begin());
    const auto mark = reader.bytes(header.mark.size());
    std::copy(mark.begin(), mark.end(), header.mark.begin());
    return header;
}

Result<std::vector<uint8_t>> seal_row(const SealingKey& key, const RowPlace& place,
                                      RowHeader header, const AssociationDescription& description,
                                      const RestartContext& context, Random& random) {
    const SecretBytes clear = encode(description, context);
    header.key_id = key.id();
    header.mark = key.mark(context);
    std::vector<uint8_t> row(kRowHeaderLength + kNonceLength + clear.size() + kTagLength);
    const std::span<uint8_t> out(row);
    write_header(out, header);
    const auto nonce = out.subspan(kRowHeaderLength, kNonceLength);
    random.fill(nonce);
    const auto sealed = out.subspan(kRowHeaderLength + kNonceLength, clear.size());
    const auto tag = out.last(kTagLength);
    const auto additional = additional_data(out.first(kRowHeaderLength), place);
    const CipherContext cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    int length = 0;
    if (!cipher ||
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                           key.sealing_key().bytes().data(), nonce.data()) != 1 ||
        EVP_EncryptUpdate(cipher.get(), nullptr, &length, additional.data(),
                          static_cast<int>(additional.size())) != 1 ||
        EVP_EncryptUpdate(cipher.get(), sealed.data(), &length, clear.bytes().data(),
                          static_cast<int>(clear.size())) != 1 ||
        EVP_EncryptFinal_ex(cipher.get(), sealed.data() + length, &length) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagLength, tag.data()) != 1) {
        return fail(ErrorCode::internal, "OpenSSL's AES-256-GCM failed");
    }
    return row;
}

Result<OpenedRow> open_row(const KeyRing& ring, const RowPlace& place,
                           std::span<const uint8_t> row) {
    const auto header = parse_row_header(row);
    if (!header) {
        return fail(header.error().code, "{}: {}", to_string(place.tuple), header.error().message);
    }
    const SealingKey* key = ring.find(header->key_id);
    if (key == nullptr) {
        return fail(ErrorCode::permission_denied,
                    "{}: sealed under key-encryption key {}, which is not configured ({})",
                    to_string(place.tuple), to_string(header->key_id), ring.ids());
    }
    const auto nonce = row.subspan(kRowHeaderLength, kNonceLength);
    const auto tag = row.last(kTagLength);
    const auto sealed = row.subspan(kRowHeaderLength + kNonceLength,
                                    row.size() - kRowHeaderLength - kNonceLength - kTagLength);
    const auto additional = additional_data(row.first(kRowHeaderLength), place);
    SecretBytes clear(sealed.size());
    const CipherContext cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    int length = 0;
    uint8_t none = 0;
    if (!cipher ||
        EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                           key->sealing_key().bytes().data(), nonce.data()) != 1 ||
        EVP_DecryptUpdate(cipher.get(), nullptr, &length, additional.data(),
                          static_cast<int>(additional.size())) != 1 ||
        (!sealed.empty() &&
         EVP_DecryptUpdate(cipher.get(), clear.mutable_bytes().data(), &length, sealed.data(),
                           static_cast<int>(sealed.size())) != 1) ||
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagLength,
                            const_cast<uint8_t*>(tag.data())) != 1 ||
        EVP_DecryptFinal_ex(cipher.get(), &none, &length) != 1) {
        return fail(ErrorCode::corrupt, "{}: the stored row is damaged or belongs elsewhere",
                    to_string(place.tuple));
    }
    auto record = decode_record(clear.bytes());
    if (!record) {
        return fail(record.error().code, "{}: {}", to_string(place.tuple), record.error().message);
    }
    if (record->description.tuple != place.tuple) {
        return fail(ErrorCode::corrupt, "{}: the stored row names another association",
                    to_string(place.tuple));
    }
    return OpenedRow{*header, std::move(*record)};
}

Result<std::vector<uint8_t>> reseal_row(const KeyRing& ring, const RowPlace& place,
                                        std::span<const uint8_t> row, Random& random) {
    const auto opened = open_row(ring, place, row);
    if (!opened) {
        return tl::unexpected(opened.error());
    }
    return seal_row(ring.active(), place, opened->header, opened->record.description,
                    opened->record.context, random);
}

}  // namespace sdg::restart
