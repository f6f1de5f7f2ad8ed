#include "config/bind.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "config/scalar.h"
#include "config/schema.h"

namespace sdg::config {
namespace {

template <class Enum>
using Words = std::span<const std::pair<std::string_view, Enum>>;

constexpr std::array<std::pair<std::string_view, Hugepages>, 3> hugepages_words{
    {{"auto", Hugepages::automatic}, {"never", Hugepages::never}, {"require", Hugepages::require}}};
constexpr std::array<std::pair<std::string_view, ProtectionMode>, 2> mode_words{
    {{"strict", ProtectionMode::strict}, {"loose", ProtectionMode::loose}}};
constexpr std::array<std::pair<std::string_view, KeyManagementMethod>, 3> method_words{
    {{"preshared", KeyManagementMethod::preshared},
     {"dtls13", KeyManagementMethod::dtls13},
     {"tls13", KeyManagementMethod::tls13}}};
constexpr std::array<std::pair<std::string_view, CipherSuite>, 4> suite_words{
    {{"TLS_AES_128_GCM_SHA256", CipherSuite::aes_128_gcm_sha256},
     {"TLS_AES_256_GCM_SHA384", CipherSuite::aes_256_gcm_sha384},
     {"TLS_CHACHA20_POLY1305_SHA256", CipherSuite::chacha20_poly1305_sha256},
     {"TLS_AES_128_CCM_SHA256", CipherSuite::aes_128_ccm_sha256}}};
constexpr std::array<std::pair<std::string_view, Side>, 2> side_words{
    {{"plain", Side::plain}, {"protected", Side::protected_side}}};
constexpr std::array<std::pair<std::string_view, OnRestart>, 2> on_restart_words{
    {{"keep", OnRestart::keep}, {"reset", OnRestart::reset}}};
constexpr std::array<std::pair<std::string_view, LogLevel>, 4> level_words{
    {{"error", LogLevel::error},
     {"warn", LogLevel::warn},
     {"info", LogLevel::info},
     {"debug", LogLevel::debug}}};
constexpr std::array<std::pair<std::string_view, LogFormat>, 3> format_words{
    {{"auto", LogFormat::automatic}, {"text", LogFormat::text}, {"json", LogFormat::json}}};

template <class Enum>
Enum word_value(Words<Enum> words, std::string_view text) {
    const auto found = std::find_if(words.begin(), words.end(),
                                    [&](const auto& word) { return word.first == text; });
    return found == words.end() ? words.front().second : found->second;
}

// One section of the checked tree, read key by key.
class Section {
 public:
    Section(YamlNodePtr node, std::string schema_path, std::string path)
        : node_(std::move(node)), schema_path_(std::move(schema_path)), path_(std::move(path)) {}

    [[nodiscard]] bool has(std::string_view key) const { return entry(key) != nullptr; }

    [[nodiscard]] std::string path(std::string_view key) const { return join(path_, key); }

    // Where the value is written; only for keys that are there.
    [[nodiscard]] Position position(std::string_view key) const {
        const YamlEntry* found = entry(key);
        return found == nullptr ? Position{} : found->value_position;
    }

    [[nodiscard]] std::string text(std::string_view key) const { return value(key)->scalar; }

    template <class Integer>
    void read(std::string_view key, Integer& out) const {
        out = static_cast<Integer>(*parse_integer(text(key)));
    }
    template <class Integer>
    void read(std::string_view key, std::optional<Integer>& out) const {
        if (has(key)) {
            read(key, out.emplace());
        }
    }
    void read(std::string_view key, bool& out) const { out = *parse_boolean(text(key)); }
    void read(std::string_view key, double& out) const { out = *parse_fraction(text(key)); }
    void read(std::string_view key, std::string& out) const { out = text(key); }
    void read(std::string_view key, IpAddress& out) const { out = *parse_address(text(key)); }
    void read(std::string_view key, Prefix& out) const { out = *parse_prefix(text(key)); }
    void read(std::string_view key, MacAddress& out) const { out = *parse_mac(text(key)); }

    template <class Enum, size_t N>
    void read(std::string_view key, Enum& out,
              const std::array<std::pair<std::string_view, Enum>, N>& words) const {
        out = word_value(Words<Enum>(words), text(key));
    }

    void read(std::string_view key, std::optional<std::filesystem::path>& out,
              const std::filesystem::path& folder) const {
        if (has(key)) {
            out = (folder / text(key)).lexically_normal();  // an absolute name replaces folder
        }
    }

    [[nodiscard]] Section below(std::string_view key) const {
        return {value(key), join(schema_path_, key), path(key)};
    }

    // Elements of a list of sections.
    [[nodiscard]] std::vector<Section> sections(std::string_view key) const {
        std::vector<Section> out;
        const YamlNodePtr list = value(key);
        for (size_t i = 0; i < list->entries.size(); ++i) {
            out.push_back({list->entries[i].value, join(schema_path_, key) + "[]",
                           fmt::format("{}[{}]", path(key), i)});
        }
        return out;
    }

    // Elements of a list of words.
    [[nodiscard]] std::vector<std::string> words(std::string_view key) const {
        std::vector<std::string> out;
        const YamlNodePtr list = value(key);  // may be the default, which nobody else holds
        for (const YamlEntry& element : list->entries) {
            out.push_back(element.value->scalar);
        }
        return out;
    }

 private:
    [[nodiscard]] const YamlEntry* entry(std::string_view key) const {
        const YamlEntry* found = node_->find(key);
        return found == nullptr || found->value->kind == YamlNode::Kind::empty ? nullptr : found;
    }

    // What is written, or the schema's default read the same way, or an empty node.
    [[nodiscard]] YamlNodePtr value(std::string_view key) const {
        if (const YamlEntry* found = entry(key); found != nullptr) {
            return found->value;
        }
        const Key* known = find_key(join(schema_path_, key));
        const auto parsed = parse_yaml(known == nullptr ? "" : known->default_text);
        return parsed ? parsed->value : std::make_shared<YamlNode>();
    }

    static std::string join(std::string_view path, std::string_view key) {
        return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
    }

    YamlNodePtr node_;
    std::string schema_path_;
    std::string path_;
};

class Binder {
 public:
    Binder(const Section& document, std::filesystem::path folder, ErrorList& errors)
        : document_(document), folder_(std::move(folder)), errors_(errors) {}

    Configuration run() {
        small_sections();
        for (const Section& section : document_.sections("ports")) {
            out_.ports.push_back(port(section));
        }
        for (const Section& section : document_.sections("protection")) {
            out_.protection.push_back(policy(section));
        }
        for (const Section& section : document_.sections("backends")) {
            out_.backends.push_back(backend(section));
        }
        for (const Section& section : document_.sections("listeners")) {
            out_.listeners.push_back(listener(section));
        }
        return std::move(out_);
    }

 private:
    void small_sections() {
        const Section eal = document_.below("eal");
        eal.read("memory_mib", out_.eal.memory_mib);
        eal.read("hugepages", out_.eal.hugepages, hugepages_words);
        if (eal.has("file_prefix")) {
            out_.eal.file_prefix = eal.text("file_prefix");
        }
        eal.read("telemetry", out_.eal.telemetry);
        out_.eal.extra_args = eal.words("extra_args");

        const Section workers = document_.below("workers");
        workers.read("count", out_.workers.count);
        for (const std::string& cpu : workers.words("cpus")) {
            out_.workers.cpus.push_back(static_cast<uint32_t>(*parse_integer(cpu)));
        }
        workers.read("idle_sleep_us", out_.workers.idle_sleep_us);
        workers.read("burst", out_.workers.burst);
        if (workers.has("crypto_device")) {
            out_.workers.crypto_device = workers.text("crypto_device");
        }

        const Section control = document_.below("control");
        control.read("cpu", out_.control.cpu);
        control.read("idle_sleep_us", out_.control.idle_sleep_us);

        const Section limits = document_.below("limits");
        limits.read("associations", out_.limits.associations);
        limits.read("send_buffer_kib", out_.limits.send_buffer_kib);
        limits.read("receive_buffer_kib", out_.limits.receive_buffer_kib);
        limits.read("handshakes", out_.limits.handshakes);
        limits.read("unauthenticated", out_.limits.unauthenticated);
        limits.read("unauthenticated_source", out_.limits.unauthenticated_source);
        limits.read("ring_packets", out_.limits.ring_packets);

        const Section budgets = document_.below("budgets");
        budgets.read("source_per_second", out_.budgets.source_per_second);
        budgets.read("init_per_second", out_.budgets.init_per_second);
        budgets.read("cookie_per_second", out_.budgets.cookie_per_second);
        budgets.read("stray_per_second", out_.budgets.stray_per_second);

        const Section sctp = document_.below("sctp");
        sctp.read("rto_initial_ms", out_.sctp.rto_initial_ms);
        sctp.read("rto_min_ms", out_.sctp.rto_min_ms);
        sctp.read("rto_max_ms", out_.sctp.rto_max_ms);
        sctp.read("heartbeat_interval_ms", out_.sctp.heartbeat_interval_ms);
        sctp.read("association_max_retransmissions", out_.sctp.association_max_retransmissions);
        sctp.read("init_max_retransmissions", out_.sctp.init_max_retransmissions);
        sctp.read("cookie_lifetime_ms", out_.sctp.cookie_lifetime_ms);
        sctp.read("cookie_key_rotation_s", out_.sctp.cookie_key_rotation_s);
        sctp.read("sack_delay_ms", out_.sctp.sack_delay_ms);
        sctp.read("path_mtu", out_.sctp.path_mtu);

        document_.below("shutdown").read("timeout_ms", out_.shutdown.timeout_ms);
        const Section log = document_.below("log");
        log.read("level", out_.log.level, level_words);
        log.read("format", out_.log.format, format_words);
        log.read("lines_per_second", out_.log.lines_per_second);
        const Section modules = log.below("modules");
        for (const char* module : {"admin", "gateway", "keymgmt", "relay", "restart"}) {
            if (modules.has(module)) {
                modules.read(module, out_.log.modules[module], level_words);
            }
        }
        if (document_.has("admin")) {
            out_.admin = admin(document_.below("admin"));
        }
        if (document_.has("metrics")) {
            out_.metrics = metrics(document_.below("metrics"));
        }
        if (document_.has("restart")) {
            out_.restart = restart(document_.below("restart"));
        }
        const Section security = document_.below("security");
        if (security.has("user")) {
            out_.security.user = security.text("user");
        }
        if (security.has("group")) {
            out_.security.group = security.text("group");
        }
        security.read("seccomp", out_.security.seccomp);
        document_.below("lab").read("keylog", out_.lab.keylog, folder_);
        document_.below("lab").read("tls_keylog", out_.lab.tls_keylog, folder_);
        document_.read("stats_file", out_.stats_file, folder_);
    }

    [[nodiscard]] Admin admin(const Section& section) const {
        Admin out;
        out.socket = resolved(section.text("socket"));
        if (section.has("group")) {
            out.group = section.text("group");
        }
        out.audit_log = resolved(section.text("audit_log"));
        return out;
    }

    [[nodiscard]] Metrics metrics(const Section& section) const {
        Metrics out;
        section.read("address", out.address);
        section.read("port", out.port);
        section.read("certificate", out.certificate, folder_);
        section.read("private_key", out.private_key, folder_);
        section.read("token_file", out.token_file, folder_);
        section.read("page", out.page);
        return out;
    }

    static Port port(const Section& section) {
        Port out;
        section.read("name", out.name);
        section.read("device", out.device);
        section.read("mtu", out.mtu);
        section.read("vlan", out.vlan);
        for (const std::string& address : section.words("addresses")) {
            out.addresses.push_back(*parse_prefix(address));
        }
        for (const Section& route : section.sections("routes")) {
            Route& added = out.routes.emplace_back();
            route.read("prefix", added.prefix);
            route.read("via", added.via);
        }
        for (const Section& neighbour : section.sections("neighbours")) {
            Neighbour& added = out.neighbours.emplace_back();
            neighbour.read("address", added.address);
            neighbour.read("mac", added.mac);
        }
        section.read("rx_descriptors", out.rx_descriptors);
        section.read("tx_descriptors", out.tx_descriptors);
        section.read("promiscuous", out.promiscuous);
        section.read("mbufs", out.mbufs);
        if (section.has("mac")) {
            section.read("mac", out.mac.emplace());
        }
        return out;
    }

    [[nodiscard]] ProtectionPolicy policy(const Section& section) const {
        ProtectionPolicy out;
        section.read("name", out.name);
        section.read("mode", out.mode, mode_words);
        const auto roles = section.words("roles");
        out.role_client = std::find(roles.begin(), roles.end(), "client") != roles.end();
        out.role_server = std::find(roles.begin(), roles.end(), "server") != roles.end();
        out.methods.clear();
        for (const std::string& method : section.words("methods")) {
            out.methods.push_back(word_value(Words<KeyManagementMethod>(method_words), method));
        }
        section.read("restart", out.restart);
        section.read("suite", out.suite, suite_words);
        section.read("replay_window", out.replay_window);
        section.read("rekey_fraction", out.rekey_fraction);
        section.below("preshared").read("file", out.preshared_file, folder_);
        section.below("lab_raw").read("file", out.lab_raw_file, folder_);
        if (section.has("tls13")) {
            out.tls13 = tls13(section.below("tls13"));
        }
        if (section.has("dtls13")) {
            out.dtls13 = dtls13(section.below("dtls13"));
        }
        if (!section.has("methods")) {
            if (out.tls13) {
                out.methods.push_back(KeyManagementMethod::tls13);
            }
            if (out.dtls13) {
                out.methods.push_back(KeyManagementMethod::dtls13);
            }
            if (out.preshared_file || out.lab_raw_file) {
                out.methods.push_back(KeyManagementMethod::preshared);
            }
        }
        return out;
    }

    [[nodiscard]] std::filesystem::path resolved(const std::string& file) const {
        return (folder_ / file).lexically_normal();  // an absolute name replaces the folder
    }

    void credentials(const Section& section, TlsCredentials& out) const {
        out.certificate = resolved(section.text("certificate"));
        out.private_key = section.text("private_key");
        if (!out.private_key.starts_with("pkcs11:")) {
            out.private_key = resolved(out.private_key).string();
        }
        section.read("passphrase_file", out.passphrase_file, folder_);
        for (const std::string& file : section.words("authorities")) {
            out.authorities.push_back(resolved(file));
        }
        for (const std::string& file : section.words("revocation_lists")) {
            out.revocation_lists.push_back(resolved(file));
        }
        out.peer_names = section.words("peer_names");
        out.suites.clear();
        for (const std::string& suite : section.words("suites")) {
            out.suites.push_back(word_value(Words<CipherSuite>(suite_words), suite));
        }
        out.groups = section.words("groups");
        out.signature_algorithms = section.words("signature_algorithms");
    }

    [[nodiscard]] Tls13 tls13(const Section& section) const {
        Tls13 out;
        credentials(section, out);
        section.read("handshake_timeout_ms", out.handshake_timeout_ms);
        section.read("rekey_age_s", out.rekey_age_s);
        section.read("rekey_volume_mb", out.rekey_volume_mb);
        section.read("key_lifetime_s", out.key_lifetime_s);
        section.read("expiry_margin_s", out.expiry_margin_s);
        section.read("drain_s", out.drain_s);
        section.read("drain_unconfirmed_s", out.drain_unconfirmed_s);
        section.read("min_rekey_interval_ms", out.min_rekey_interval_ms);
        return out;
    }

    [[nodiscard]] Dtls13 dtls13(const Section& section) const {
        Dtls13 out;
        credentials(section, out);
        section.read("handshake_timeout_ms", out.handshake_timeout_ms);
        section.read("update_age_s", out.update_age_s);
        section.read("update_volume_mb", out.update_volume_mb);
        section.read("update_timeout_ms", out.update_timeout_ms);
        section.read("min_update_interval_ms", out.min_update_interval_ms);
        section.read("key_lifetime_s", out.key_lifetime_s);
        section.read("reauthentication_interval_s", out.reauthentication_interval_s);
        section.read("reauthentication_timeout_ms", out.reauthentication_timeout_ms);
        section.read("expiry_margin_s", out.expiry_margin_s);
        section.read("drain_s", out.drain_s);
        section.read("drain_unconfirmed_s", out.drain_unconfirmed_s);
        return out;
    }

    Backend backend(const Section& section) {
        Backend out;
        section.read("name", out.name);
        section.read("side", out.side, side_words);
        section.read("local", out.local);
        section.read("local_port", out.local_port);
        section.read("address", out.address);
        section.read("port", out.port);
        section.read("streams", out.streams);
        section.read("connect_timeout_ms", out.connect_timeout_ms);
        out.port_index = owner(section, "local", out.local);
        if (section.has("via")) {
            check_via(section, out);
        }
        out.protection = protection(section, out.side);
        out.peer_names = section.words("peer_names");
        return out;
    }

    [[nodiscard]] Restart restart(const Section& section) const {
        Restart out;
        section.read("group", out.group);
        section.read("owner", out.owner);
        section.read("lease_ms", out.lease_ms);
        section.read("standby", out.standby);
        section.read("per_second", out.per_second);
        section.read("at_once", out.at_once);
        if (section.has("sqlite")) {
            section.below("sqlite").read("file", out.sqlite_file, folder_);
        }
        if (section.has("redis")) {
            const Section redis = section.below("redis");
            RedisServer& to = out.redis.emplace();
            to.place = *parse_redis_server(redis.text("server"));
            if (redis.has("user")) {
                redis.read("user", to.user);
            }
            redis.read("password_file", to.password_file, folder_);
            redis.read("prefix", to.prefix);
            redis.read("wait_replicas", to.wait_replicas);
            redis.read("require_durable", to.require_durable);
        }
        out.key = sealing_key(section.below("key"));
        for (const Section& former : section.sections("former_keys")) {
            out.former_keys.push_back(sealing_key(former));
        }
        return out;
    }

    [[nodiscard]] SealingKeySource sealing_key(const Section& section) const {
        SealingKeySource out;
        section.read("file", out.file, folder_);
        if (section.has("credential")) {
            out.credential = section.text("credential");
        }
        if (section.has("token")) {
            out.token = section.text("token");
        }
        section.read("wrapped_file", out.wrapped_file, folder_);
        return out;
    }

    Listener listener(const Section& section) {
        Listener out;
        section.read("name", out.name);
        section.read("side", out.side, side_words);
        section.read("address", out.address);
        section.read("port", out.port);
        section.read("on_restart", out.on_restart, on_restart_words);
        section.read("max_streams", out.max_streams);
        section.read("max_associations", out.max_associations);
        out.port_index = owner(section, "address", out.address);
        out.backend = named(out_.backends, section, "backend", "backends");
        out.protection = protection(section, out.side);
        out.peer_names = section.words("peer_names");
        return out;
    }

    // Index of the port that has the address, which the user wrote at key.
    size_t owner(const Section& section, std::string_view key, const IpAddress& address) {
        for (size_t i = 0; i < out_.ports.size(); ++i) {
            for (const Prefix& own : out_.ports[i].addresses) {
                if (own.address == address) {
                    return i;
                }
            }
        }
        errors_.add(section.position(key), section.path(key),
                    "an address listed in ports[].addresses", shown(section.text(key)));
        return unresolved;
    }

    template <class Entry>
    size_t named(const std::vector<Entry>& entries, const Section& section, std::string_view key,
                 std::string_view list) {
        const std::string wanted = section.text(key);
        const auto found = std::find_if(entries.begin(), entries.end(),
                                        [&](const Entry& entry) { return entry.name == wanted; });
        if (found != entries.end()) {
            return static_cast<size_t>(found - entries.begin());
        }
        errors_.add(section.position(key), section.path(key),
                    fmt::format("the name of an entry of {}", list), shown(wanted));
        return unresolved;
    }

    void check_via(const Section& section, const Backend& backend) {
        const size_t via = named(out_.ports, section, "via", "ports");
        if (via != unresolved && backend.port_index != unresolved && via != backend.port_index) {
            errors_.add(
                section.position("via"), section.path("via"),
                fmt::format("{}, the port that has local {}",
                            shown(out_.ports[backend.port_index].name), backend.local.to_string()),
                shown(section.text("via")));
        }
    }

    std::optional<size_t> protection(const Section& section, Side side) {
        if (side == Side::plain) {
            if (section.has("protection")) {
                errors_.add(section.position("protection"), section.path("protection"),
                            "no policy on side plain", shown(section.text("protection")));
            }
            return std::nullopt;
        }
        if (!section.has("protection")) {
            errors_.add(section.position("side"), section.path("protection"),
                        "the name of a policy, as side is protected", "nothing");
            return std::nullopt;
        }
        return named(out_.protection, section, "protection", "protection");
    }

    const Section& document_;
    std::filesystem::path folder_;
    ErrorList& errors_;
    Configuration out_;
};

}  // namespace

Configuration bind(const YamlEntry& document, const std::filesystem::path& folder,
                   ErrorList& errors) {
    const Section section(document.value, "", "");
    return Binder(section, folder, errors).run();
}

}  // namespace sdg::config
