// From the checked configuration to the plain settings of every module. Pure but for reading the
// key files that policies name.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/configuration.h"
#include "control/keymgmt/protection.h"
#include "control/keymgmt/tls13/credentials.h"
#include "control/relay/relay.h"
#include "control/sctp/host.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/port_settings.h"
#include "dataplane/worker/worker.h"
#include "foundation/clock.h"
#include "foundation/random.h"
#include "foundation/result.h"
#include "gateway/leg_environments.h"

namespace sdg::gateway {

[[nodiscard]] port::EalSettings eal_settings(const config::Configuration& configuration);
[[nodiscard]] std::vector<port::PortSettings> port_settings(
    const config::Configuration& configuration);
[[nodiscard]] sctp::ProtocolParameters protocol_parameters(const config::Sctp& sctp);
// aead: may be null, for IPsec-MB.
[[nodiscard]] worker::WorkerSettings worker_settings(const config::Configuration& configuration,
                                                     unsigned index, record::AeadProvider* aead);

// The protection policies of a configuration, with their keys and certificates loaded.
struct Policies {
    // One per policy of the configuration, in its order, whether anything uses it or not.
    std::vector<std::shared_ptr<const keymgmt::Policy>> base;
    // Of each listener and backend, in their order: each has one of its own, since what a live
    // association is held to follows its leg's configuration. Null on side plain.
    std::vector<std::shared_ptr<const keymgmt::Policy>> of_listeners;
    std::vector<std::shared_ptr<const keymgmt::Policy>> of_backends;
    // What their sessions go by, and those of policies before that associations still have.
    LegEnvironments environments;
    // Certificates, with the name of their policy; a policy with two methods that have certificates
    // is there twice.
    struct Certificates {
        std::string policy;
        std::shared_ptr<keymgmt::tls13::CredentialStore> credentials;
    };
    std::vector<Certificates> credentials;
    // By policy. Raw keys are read once: the method remembers that they have been used.
    struct RawKeys {
        std::filesystem::path file;
        std::shared_ptr<keymgmt::Method> method;
    };
    std::map<std::string, RawKeys> raw_keys;
};

struct PolicyError : Error {
    std::string policy;
};

// Reads the key files and certificates. The error names the policy and what is wrong with the file.
// clock and random outlive the policies. running: those that are replaced; null: none.
[[nodiscard]] tl::expected<Policies, PolicyError> load_policies(
    const config::Configuration& configuration, const Clock& clock, Random& random,
    const Policies* running = nullptr);

[[nodiscard]] bool wants_restart(const config::Configuration& configuration);

// policies as load_policies() made them.
[[nodiscard]] std::vector<relay::BackendSettings> backend_settings(
    const config::Configuration& configuration, const Policies& policies);
[[nodiscard]] std::vector<relay::ListenerSettings> listener_settings(
    const config::Configuration& configuration, const Policies& policies);

}  // namespace sdg::gateway
