#include "gateway/plan.h"

#include <algorithm>
#include <ctime>

#include "control/keymgmt/dtls13/method.h"
#include "control/keymgmt/preshared/key_file.h"
#include "control/keymgmt/preshared/lab_raw.h"
#include "control/keymgmt/preshared/method.h"
#include "control/keymgmt/tls13/method.h"

namespace sdg::gateway {
namespace {

port::HugepageUse hugepage_use(config::Hugepages use) {
    switch (use) {
        case config::Hugepages::never:
            return port::HugepageUse::never;
        case config::Hugepages::require:
            return port::HugepageUse::require;
        case config::Hugepages::automatic:
            break;
    }
    return port::HugepageUse::automatic;
}

port::Prefix prefix(const config::Prefix& from) {
    return {.address = from.address, .length = from.length};
}

// "0000:01:00.0" or "01:00.0", perhaps with devargs behind a comma.
bool is_pci(const std::string& device) {
    const std::string address = device.substr(0, device.find(','));
    return address.find(':') != std::string::npos && address.find('.') != std::string::npos;
}

Result<std::shared_ptr<keymgmt::Method>> load_preshared(const config::ProtectionPolicy& policy) {
    keymgmt::KeySessionOptions options;
    options.rekey_fraction = policy.rekey_fraction;
    if (policy.lab_raw_file) {
        auto keys = keymgmt::read_raw_keys_file(*policy.lab_raw_file);
        if (!keys) {
            return tl::unexpected(keys.error());
        }
        return keymgmt::make_raw_keys_method(std::move(*keys), options);
    }
    auto key = keymgmt::read_preshared_key_file(*policy.preshared_file);
    if (!key) {
        return tl::unexpected(key.error());
    }
    return keymgmt::make_preshared_method(std::move(*key), static_cast<record::Suite>(policy.suite),
                                          options);
}

keymgmt::tls13::CredentialSettings credential_settings(const config::TlsCredentials& tls) {
    keymgmt::tls13::CredentialSettings out;
    out.certificate = tls.certificate;
    out.private_key = tls.private_key;
    out.passphrase_file = tls.passphrase_file;
    out.authorities = tls.authorities;
    out.revocation_lists = tls.revocation_lists;
    for (const config::CipherSuite suite : tls.suites) {
        out.suites.push_back(static_cast<record::Suite>(suite));
    }
    out.groups = tls.groups;
    out.signature_algorithms = tls.signature_algorithms;
    return out;
}

keymgmt::tls13::SessionOptions tls_session_options(const config::ProtectionPolicy& policy) {
    using std::chrono::milliseconds;
    using std::chrono::seconds;
    const config::Tls13& tls13 = *policy.tls13;
    keymgmt::tls13::SessionOptions out;
    out.handshake_timeout = milliseconds(tls13.handshake_timeout_ms);
    out.rekey_age = seconds(tls13.rekey_age_s);
    out.rekey_octets = uint64_t{tls13.rekey_volume_mb} * 1'000'000;
    out.rekey_fraction = policy.rekey_fraction;
    out.expiry_margin = seconds(tls13.expiry_margin_s);
    out.key_lifetime = seconds(tls13.key_lifetime_s);
    out.drain = seconds(tls13.drain_s);
    out.drain_unconfirmed = seconds(tls13.drain_unconfirmed_s);
    out.min_rekey_interval = milliseconds(tls13.min_rekey_interval_ms);
    return out;
}

keymgmt::dtls13::SessionOptions dtls_session_options(const config::ProtectionPolicy& policy) {
    using std::chrono::milliseconds;
    using std::chrono::seconds;
    const config::Dtls13& dtls13 = *policy.dtls13;
    keymgmt::dtls13::SessionOptions out;
    out.handshake_timeout = milliseconds(dtls13.handshake_timeout_ms);
    out.update_age = seconds(dtls13.update_age_s);
    out.update_octets = uint64_t{dtls13.update_volume_mb} * 1'000'000;
    out.update_fraction = policy.rekey_fraction;
    out.update_timeout = milliseconds(dtls13.update_timeout_ms);
    out.min_update_interval = milliseconds(dtls13.min_update_interval_ms);
    out.key_lifetime = seconds(dtls13.key_lifetime_s);
    out.drain = seconds(dtls13.drain_s);
    out.drain_unconfirmed = seconds(dtls13.drain_unconfirmed_s);
    out.reauthentication_interval = seconds(dtls13.reauthentication_interval_s);
    out.reauthentication_timeout = milliseconds(dtls13.reauthentication_timeout_ms);
    out.expiry_margin = seconds(dtls13.expiry_margin_s);
    return out;
}

int64_t unix_time() {
    return static_cast<int64_t>(std::time(nullptr));
}

// What makes the policy's methods; those with certificates differ by the peer names of the leg.
struct Sources {
    std::shared_ptr<keymgmt::Method> preshared;
    std::shared_ptr<keymgmt::tls13::CredentialStore> tls13;
    std::shared_ptr<keymgmt::tls13::CredentialStore> dtls13;
};

std::shared_ptr<keymgmt::Method> running_raw_keys(const config::ProtectionPolicy& policy,
                                                  const Policies* running) {
    if (running == nullptr || !policy.lab_raw_file) {
        return nullptr;
    }
    const auto found = running->raw_keys.find(policy.name);
    return found != running->raw_keys.end() && found->second.file == *policy.lab_raw_file
               ? found->second.method
               : nullptr;
}

class PolicyLoader {
 public:
    // secret_log: lab.tls_keylog, or null.
    PolicyLoader(const Clock& clock, Random& random, std::shared_ptr<keymgmt::KeyLog> secret_log)
        : clock_(clock), random_(random), secret_log_(std::move(secret_log)) {}

    // running: may be null.
    Result<Sources> load(const config::ProtectionPolicy& from, const Policies* running) const {
        Sources out;
        if (const auto raw_keys = running_raw_keys(from, running)) {
            out.preshared = raw_keys;
        } else if (from.preshared_file || from.lab_raw_file) {
            auto method = load_preshared(from);
            if (!method) {
                return tl::unexpected(method.error());
            }
            out.preshared = std::move(*method);
        }
        const auto open = [&](const config::TlsCredentials& tls, auto& to) -> Result<void> {
            auto settings = credential_settings(tls);
            settings.secret_log = secret_log_;
            auto store = keymgmt::tls13::CredentialStore::open(std::move(settings));
            if (!store) {
                return tl::unexpected(store.error());
            }
            to = std::move(*store);
            return {};
        };
        if (from.tls13) {
            if (auto done = open(*from.tls13, out.tls13); !done) {
                return tl::unexpected(done.error());
            }
        }
        if (from.dtls13) {
            if (auto done = open(*from.dtls13, out.dtls13); !done) {
                return tl::unexpected(done.error());
            }
        }
        return out;
    }

    // For the leg ("listener nodes"; empty: for none). peer_names: empty for the policy's own.
    Result<std::shared_ptr<const keymgmt::Policy>> make(const config::ProtectionPolicy& from,
                                                        const Sources& sources,
                                                        const std::string& leg,
                                                        const std::vector<std::string>& peer_names,
                                                        LegEnvironments& environments) const {
        auto to = std::make_shared<keymgmt::Policy>();
        const bool has_own_names = !peer_names.empty();
        to->name = from.name;
        for (const auto id : from.methods) {
            to->key_management.methods.push_back(static_cast<uint8_t>(id));
        }
        to->key_management.client = from.role_client;
        to->key_management.server = from.role_server;
        to->key_management.restart = from.restart;
        to->key_management.required = from.mode == config::ProtectionMode::strict;
        to->replay_window = from.replay_window;
        if (sources.preshared) {
            to->methods.push_back(sources.preshared);
        }
        if (sources.tls13) {
            auto names = keymgmt::tls13::PeerNames::parse(
                peer_names.empty() ? from.tls13->peer_names : peer_names);
            if (!names) {
                return tl::unexpected(names.error());
            }
            const auto environment = std::make_shared<keymgmt::tls13::SessionEnvironment>(
                keymgmt::tls13::SessionEnvironment{.credentials = sources.tls13,
                                                   .peer_names = std::move(*names),
                                                   .options = tls_session_options(from),
                                                   .clock = clock_,
                                                   .random = random_,
                                                   .unix_time = unix_time});
            environments.tls13.push_back({leg, from.name, has_own_names, environment});
            to->methods.push_back(keymgmt::tls13::make_tls_method(environment));
        }
        if (sources.dtls13) {
            auto names = keymgmt::tls13::PeerNames::parse(
                peer_names.empty() ? from.dtls13->peer_names : peer_names);
            if (!names) {
                return tl::unexpected(names.error());
            }
            const auto environment = std::make_shared<keymgmt::dtls13::SessionEnvironment>(
                keymgmt::dtls13::SessionEnvironment{.credentials = sources.dtls13,
                                                    .peer_names = std::move(*names),
                                                    .options = dtls_session_options(from),
                                                    .clock = clock_,
                                                    .random = random_,
                                                    .unix_time = unix_time});
            environments.dtls13.push_back({leg, from.name, has_own_names, environment});
            auto method = keymgmt::dtls13::make_dtls_method(environment);
            if (!method) {
                return tl::unexpected(method.error());
            }
            to->methods.push_back(std::move(*method));
        }
        return to;
    }

 private:
    const Clock& clock_;
    Random& random_;
    std::shared_ptr<keymgmt::KeyLog> secret_log_;
};

sctp::LegSettings leg_settings(const config::Configuration& configuration, size_t port_index,
                               uint16_t streams, const keymgmt::Policy* policy) {
    sctp::LegSettings leg;
    if (policy != nullptr) {
        leg.key_management = policy->key_management;
    }
    leg.outbound_streams = streams;
    leg.max_inbound_streams = streams;
    leg.send_buffer = configuration.limits.send_buffer_kib * 1024;
    leg.receive_buffer = configuration.limits.receive_buffer_kib * 1024;
    const uint32_t mtu = configuration.ports[port_index].mtu;
    leg.mtu = static_cast<uint16_t>(std::min(mtu, configuration.sctp.path_mtu.value_or(mtu)));
    return leg;
}

}  // namespace

port::EalSettings eal_settings(const config::Configuration& configuration) {
    port::EalSettings out;
    out.memory_mib = configuration.eal.memory_mib;
    out.hugepages = hugepage_use(configuration.eal.hugepages);
    out.file_prefix = configuration.eal.file_prefix;
    out.workers = configuration.workers.count;
    out.worker_cpus = configuration.workers.cpus;
    out.control_cpu = configuration.control.cpu;
    out.uses_pci = std::any_of(configuration.ports.begin(), configuration.ports.end(),
                               [](const auto& port) { return is_pci(port.device); }) ||
                   is_pci(configuration.workers.crypto_device.value_or(""));
    out.telemetry = configuration.eal.telemetry;
    out.extra_args = configuration.eal.extra_args;
    out.verbose = configuration.log.level == config::LogLevel::debug;
    return out;
}

std::vector<port::PortSettings> port_settings(const config::Configuration& configuration) {
    std::vector<port::PortSettings> out;
    for (const config::Port& from : configuration.ports) {
        port::PortSettings to;
        to.name = from.name;
        to.device = from.device;
        for (const auto& address : from.addresses) {
            to.addresses.push_back(prefix(address));
        }
        for (const auto& route : from.routes) {
            to.routes.push_back({.destination = prefix(route.prefix), .via = route.via});
        }
        for (const auto& neighbour : from.neighbours) {
            to.neighbours.push_back({.address = neighbour.address, .mac = neighbour.mac});
        }
        to.vlan = from.vlan;
        to.mac = from.mac;
        to.mtu = static_cast<uint16_t>(from.mtu);
        to.rx_descriptors = static_cast<uint16_t>(from.rx_descriptors);
        to.tx_descriptors = static_cast<uint16_t>(from.tx_descriptors);
        to.mbufs = from.mbufs;
        to.promiscuous = from.promiscuous;
        out.push_back(std::move(to));
    }
    return out;
}

sctp::ProtocolParameters protocol_parameters(const config::Sctp& sctp) {
    using std::chrono::milliseconds;
    return {.rto_initial = milliseconds(sctp.rto_initial_ms),
            .rto_min = milliseconds(sctp.rto_min_ms),
            .rto_max = milliseconds(sctp.rto_max_ms),
            .heartbeat_interval = milliseconds(sctp.heartbeat_interval_ms),
            .sack_delay = milliseconds(sctp.sack_delay_ms),
            .cookie_lifetime = milliseconds(sctp.cookie_lifetime_ms),
            .association_max_retransmissions = sctp.association_max_retransmissions,
            .init_max_retransmissions = sctp.init_max_retransmissions};
}

worker::WorkerSettings worker_settings(const config::Configuration& configuration, unsigned index,
                                       record::AeadProvider* aead) {
    const config::Workers& workers = configuration.workers;
    const config::Budgets& budgets = configuration.budgets;
    // A port spreads packets over its queues by their addresses: a source is one worker's mostly.
    return {.index = index,
            .burst = workers.burst,
            .idle_sleep_us = workers.idle_sleep_us,
            .aead = aead,
            .strangers = {.source = budgets.source_per_second,
                          .inits = budgets.init_per_second / workers.count,
                          .cookies = budgets.cookie_per_second / workers.count,
                          .strays = budgets.stray_per_second / workers.count}};
}

tl::expected<Policies, PolicyError> load_policies(const config::Configuration& configuration,
                                                  const Clock& clock, Random& random,
                                                  const Policies* running) {
    std::shared_ptr<keymgmt::KeyLog> secret_log;
    if (configuration.lab.tls_keylog) {
        auto log = keymgmt::KeyLog::open(*configuration.lab.tls_keylog);
        if (!log) {
            return tl::unexpected(PolicyError{log.error(), {}});
        }
        secret_log = std::move(*log);
    }
    const PolicyLoader loader(clock, random, std::move(secret_log));
    Policies out;
    std::vector<Sources> sources;
    const auto failed = [](const std::string& name, const Error& error) {
        return tl::unexpected(PolicyError{
            {error.code, fmt::format("protection policy {}: {}", name, error.message)}, name});
    };
    for (const config::ProtectionPolicy& from : configuration.protection) {
        auto loaded = loader.load(from, running);
        if (!loaded) {
            return failed(from.name, loaded.error());
        }
        auto made = loader.make(from, *loaded, {}, {}, out.environments);
        if (!made) {
            return failed(from.name, made.error());
        }
        for (const auto& store : {loaded->tls13, loaded->dtls13}) {
            if (store) {
                out.credentials.push_back({from.name, store});
            }
        }
        if (from.lab_raw_file) {
            out.raw_keys[from.name] = {*from.lab_raw_file, loaded->preshared};
        }
        sources.push_back(std::move(*loaded));
        out.base.push_back(std::move(*made));
    }
    const auto make_own = [&](const auto& legs, const char* kind,
                              auto& to) -> tl::expected<void, PolicyError> {
        for (const auto& leg : legs) {
            to.emplace_back();
            if (leg.protection) {
                const auto& from = configuration.protection[*leg.protection];
                auto made = loader.make(from, sources[*leg.protection],
                                        fmt::format("{} {}", kind, leg.name), leg.peer_names,
                                        out.environments);
                if (!made) {
                    return failed(from.name, made.error());
                }
                to.back() = std::move(*made);
            }
        }
        return {};
    };
    if (auto done = make_own(configuration.listeners, "listener", out.of_listeners); !done) {
        return tl::unexpected(done.error());
    }
    if (auto done = make_own(configuration.backends, "backend", out.of_backends); !done) {
        return tl::unexpected(done.error());
    }
    return out;
}

bool wants_restart(const config::Configuration& configuration) {
    return std::ranges::any_of(configuration.protection, &config::ProtectionPolicy::restart);
}

std::vector<relay::BackendSettings> backend_settings(const config::Configuration& configuration,
                                                     const Policies& policies) {
    std::vector<relay::BackendSettings> out;
    for (const config::Backend& from : configuration.backends) {
        relay::BackendSettings to;
        to.name = from.name;
        to.endpoints = {.local = from.local,
                        .peer = from.address,
                        .local_port = from.local_port,
                        .peer_port = from.port,
                        .port = static_cast<uint16_t>(from.port_index)};
        to.policy = policies.of_backends[out.size()];
        to.leg = leg_settings(configuration, from.port_index, from.streams, to.policy.get());
        to.connect_timeout = std::chrono::milliseconds(from.connect_timeout_ms);
        out.push_back(std::move(to));
    }
    return out;
}

std::vector<relay::ListenerSettings> listener_settings(const config::Configuration& configuration,
                                                       const Policies& policies) {
    std::vector<relay::ListenerSettings> out;
    for (const config::Listener& from : configuration.listeners) {
        relay::ListenerSettings to;
        to.name = from.name;
        to.address = from.address;
        to.sctp_port = from.port;
        to.port = static_cast<uint16_t>(from.port_index);
        to.policy = policies.of_listeners[out.size()];
        to.leg = leg_settings(configuration, from.port_index, from.max_streams, to.policy.get());
        to.max_associations = from.max_associations;
        to.backend = configuration.backends[from.backend].name;
        to.on_restart = from.on_restart == config::OnRestart::keep ? relay::OnRestart::keep
                                                                   : relay::OnRestart::reset;
        out.push_back(std::move(to));
    }
    return out;
}

}  // namespace sdg::gateway
