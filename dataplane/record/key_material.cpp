#include "dataplane/record/key_material.h"

namespace sdg::record {

Result<void> KeyMaterial::validate() const {
    const SuiteTraits* suite_traits = traits(suite);
    if (suite_traits == nullptr) {
        return fail(ErrorCode::invalid_argument, "unknown cipher suite 0x{:04x}",
                    static_cast<uint16_t>(suite));
    }
    const auto check = [&](std::string_view part, size_t size, uint32_t expected) -> Result<void> {
        if (size != expected) {
            return fail(ErrorCode::invalid_argument, "{} of {} must have {} octets, not {}", part,
                        suite_traits->name, expected, size);
        }
        return {};
    };
    return check("key", key.size(), suite_traits->key_length)
        .and_then([&] { return check("iv", iv.size(), suite_traits->iv_length); })
        .and_then([&] { return check("sn_key", sn_key.size(), suite_traits->sn_key_length); });
}

KeyMaterial KeyMaterial::clone() const {
    return {suite, key.clone(), iv.clone(), sn_key.clone()};
}

}  // namespace sdg::record
