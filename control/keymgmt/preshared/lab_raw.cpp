#include "control/keymgmt/preshared/lab_raw.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "control/keymgmt/owner_only_file.h"
#include "control/keymgmt/preshared/key_file.h"
#include "control/log.h"
#include "dataplane/packet/code_points.h"

namespace sdg::keymgmt {
namespace {

constexpr size_t kMaxFileOctets = 16 * 1024;

// Fails unless node is a map with no other keys than these, each at most once.
Result<void> check_keys(const YAML::Node& node, const std::string& where,
                        std::initializer_list<std::string_view> known) {
    if (!node.IsMap()) {
        return fail(ErrorCode::invalid_argument, "{}: expected a map", where);
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
        const auto key = entry.first.as<std::string>("");
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            return fail(ErrorCode::invalid_argument, "{}: line {}: unknown key", where,
                        entry.first.Mark().line + 1);
        }
        if (!seen.insert(key).second) {
            return fail(ErrorCode::invalid_argument, "{}: {} is given twice", where, key);
        }
    }
    return {};
}

Result<record::KeyMaterial> material_of(const YAML::Node& node, const std::string& where,
                                        record::Suite suite) {
    if (!node) {
        return fail(ErrorCode::invalid_argument, "{}: is missing", where);
    }
    if (auto known = check_keys(node, where, {"key", "iv", "sn_key"}); !known) {
        return tl::unexpected(known.error());
    }
    record::KeyMaterial material;
    material.suite = suite;
    struct Wanted {
        const char* name;
        SecretBytes* octets;
    };
    for (const Wanted& wanted : {Wanted{"key", &material.key}, Wanted{"iv", &material.iv},
                                 Wanted{"sn_key", &material.sn_key}}) {
        auto octets = secret_from_hex(node[wanted.name].as<std::string>(""));
        if (!octets) {
            return fail(ErrorCode::invalid_argument, "{}.{}: {}", where, wanted.name,
                        octets.error().message);
        }
        *wanted.octets = std::move(*octets);
    }
    if (auto valid = material.validate(); !valid) {
        return fail(ErrorCode::invalid_argument, "{}: {}", where, valid.error().message);
    }
    return material;
}

class RawKeysMethod final : public Method {
 public:
    RawKeysMethod(RawKeys keys, KeySessionOptions options)
        : keys_(std::make_shared<const RawKeys>(std::move(keys))), options_(options) {
        options_.may_advance = false;
        options_.first_epoch = keys_->first_epoch;
    }

    [[nodiscard]] uint8_t id() const override { return packet::kMethodPreshared; }

    [[nodiscard]] Result<std::unique_ptr<Session>> start(SessionContext context) override {
        if (context.restart) {
            return fail(ErrorCode::invalid_argument,
                        "raw laboratory keys cannot be restarted: the keys would be the same");
        }
        if (!in_use_.expired()) {
            return fail(ErrorCode::resource_exhausted,
                        "raw laboratory keys serve one association at a time");
        }
        if (std::exchange(used_before_, true)) {
            log::of("keymgmt").warn(
                "LAB: raw keys are used for another association: nonces repeat");
        }
        auto token = std::make_shared<int>(0);
        in_use_ = token;
        auto source = [keys = keys_, token](KeySession::Direction direction, keys::KeyRole role,
                                            uint16_t epoch) -> Result<record::KeyMaterial> {
            if (epoch != keys->first_epoch || role != keys::KeyRole::primary) {
                return fail(ErrorCode::not_found, "the raw key file has no key of epoch {}", epoch);
            }
            return direction == KeySession::Direction::send ? keys->send_primary.clone()
                                                            : keys->receive_primary.clone();
        };
        return std::make_unique<KeySession>(context, std::move(source), options_);
    }

 private:
    std::shared_ptr<const RawKeys> keys_;
    KeySessionOptions options_;
    std::weak_ptr<int> in_use_;
    bool used_before_ = false;
};

}  // namespace

bool RawKeys::same_both_ways() const {
    return send_primary.key == receive_primary.key;
}

Result<RawKeys> parse_raw_keys(std::span<const uint8_t> text, const std::string& name) {
    YAML::Node root;
    try {
        root = YAML::Load(std::string(reinterpret_cast<const char*>(text.data()), text.size()));
        if (auto known = check_keys(root, name, {"suite", "first_epoch", "send", "receive"});
            !known) {
            return tl::unexpected(known.error());
        }
        RawKeys keys;
        const auto suite_name = root["suite"].as<std::string>("");
        const auto suite = record::suite_from_name(suite_name);
        if (!suite) {
            return fail(ErrorCode::invalid_argument,
                        "{}: suite: expected a cipher suite such as TLS_AES_128_GCM_SHA256", name);
        }
        keys.suite = *suite;
        const YAML::Node epoch_node = root["first_epoch"];
        const int epoch = epoch_node ? epoch_node.as<int>(-1) : packet::kFirstEpoch;
        if (epoch < packet::kFirstEpoch || epoch > UINT16_MAX) {
            return fail(ErrorCode::invalid_argument, "{}: first_epoch: expected 3 to 65535", name);
        }
        keys.first_epoch = static_cast<uint16_t>(epoch);
        struct Section {
            const char* name;
            record::KeyMaterial* primary;
            std::optional<record::KeyMaterial>* restart;
        };
        for (const Section& section :
             {Section{"send", &keys.send_primary, &keys.send_restart},
              Section{"receive", &keys.receive_primary, &keys.receive_restart}}) {
            const YAML::Node node = root[section.name];
            const std::string where = fmt::format("{}: {}", name, section.name);
            if (!node) {
                return fail(ErrorCode::invalid_argument, "{}: is missing", where);
            }
            if (auto known = check_keys(node, where, {"primary", "restart"}); !known) {
                return tl::unexpected(known.error());
            }
            auto primary = material_of(node["primary"], where + ".primary", keys.suite);
            if (!primary) {
                return tl::unexpected(primary.error());
            }
            *section.primary = std::move(*primary);
            if (node["restart"]) {
                auto restart = material_of(node["restart"], where + ".restart", keys.suite);
                if (!restart) {
                    return tl::unexpected(restart.error());
                }
                *section.restart = std::move(*restart);
            }
        }
        return keys;
    } catch (const YAML::Exception& error) {
        // The exception's text may quote the file; line and column are enough.
        return fail(ErrorCode::invalid_argument, "{}:{}:{}: not valid YAML", name,
                    error.mark.line + 1, error.mark.column + 1);
    }
}

Result<RawKeys> read_raw_keys_file(const std::filesystem::path& path) {
    auto text = read_owner_only_file(path, kMaxFileOctets);
    if (!text) {
        return tl::unexpected(text.error());
    }
    return parse_raw_keys(text->bytes(), path.string());
}

std::shared_ptr<Method> make_raw_keys_method(RawKeys keys, KeySessionOptions options) {
    auto& log = log::of("keymgmt");
    log.warn("LAB: raw keys from a file are in use; they give no protection worth the name");
    if (keys.same_both_ways()) {
        log.warn("LAB: raw keys are the same in both directions: both sides use the same nonces");
    }
    return std::make_shared<RawKeysMethod>(std::move(keys), options);
}

}  // namespace sdg::keymgmt
