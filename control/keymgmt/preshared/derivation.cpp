#include "control/keymgmt/preshared/derivation.h"

#include <string_view>
#include <vector>

#include "foundation/hkdf.h"

namespace sdg::keymgmt {
namespace {

constexpr std::string_view kSalt = "SCTP DTLS chunk method 0";
constexpr std::string_view kLabel = "sctp-dtls-chunk psk v1";

hkdf::Octets salt() {
    return {reinterpret_cast<const uint8_t*>(kSalt.data()), kSalt.size()};
}

enum class Part : uint8_t { key = 0, sn_key = 1, iv = 2 };

void put_be16(std::vector<uint8_t>& out, size_t value) {
    out.push_back(static_cast<uint8_t>(value >> 8));
    out.push_back(static_cast<uint8_t>(value));
}

void put_be32(std::vector<uint8_t>& out, uint32_t value) {
    put_be16(out, value >> 16);
    put_be16(out, value & 0xffff);
}

std::vector<uint8_t> info_of(record::Suite suite, const SessionContext& context,
                             keys::KmRole writer, keys::KeyRole role, uint16_t epoch, Part part) {
    std::vector<uint8_t> info(kLabel.begin(), kLabel.end());
    put_be16(info, static_cast<uint16_t>(suite));
    put_be16(info, epoch);
    info.push_back(writer == keys::KmRole::client ? 0 : 1);
    info.push_back(static_cast<uint8_t>(role));
    info.push_back(static_cast<uint8_t>(part));
    put_be32(info, context.client_tag);
    put_be32(info, context.server_tag);
    for (const auto* parameter : {&context.client_parameter, &context.server_parameter}) {
        put_be16(info, parameter->size());
        info.insert(info.end(), parameter->begin(), parameter->end());
    }
    return info;
}

}  // namespace

Result<record::KeyMaterial> derive_preshared(const SecretBytes& preshared_key, record::Suite suite,
                                             const SessionContext& context, keys::KmRole writer,
                                             keys::KeyRole role, uint16_t epoch) {
    const record::SuiteTraits* traits = record::traits(suite);
    if (traits == nullptr) {
        return fail(ErrorCode::invalid_argument, "unknown cipher suite {:#06x}",
                    static_cast<uint16_t>(suite));
    }
    record::KeyMaterial material;
    material.suite = suite;
    struct Wanted {
        Part part;
        SecretBytes* where;
        size_t length;
    };
    for (const Wanted& wanted : {Wanted{Part::key, &material.key, traits->key_length},
                                 Wanted{Part::sn_key, &material.sn_key, traits->sn_key_length},
                                 Wanted{Part::iv, &material.iv, traits->iv_length}}) {
        auto octets = hkdf::extract_and_expand(
            traits->hash, salt(), preshared_key.bytes(),
            info_of(suite, context, writer, role, epoch, wanted.part), wanted.length);
        if (!octets) {
            return tl::unexpected(octets.error());
        }
        *wanted.where = std::move(*octets);
    }
    return material;
}

}  // namespace sdg::keymgmt
