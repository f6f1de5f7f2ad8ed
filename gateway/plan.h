// From the checked configuration to the plain settings of every module. Pure but for reading the
// key files that policies name.
#pragma once

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
    // One per policy of the configuration, in its order.
    std::vector<std::unique_ptr<keymgmt::Policy>> base;
    // Copies for listeners and backends with peer names of their own: null where there are none.
    std::vector<std::unique_ptr<keymgmt::Policy>> of_listeners;
    std::vector<std::unique_ptr<keymgmt::Policy>> of_backends;
    // Certificates that can be loaded again, with the name of their policy; a policy with two
    // methods that have certificates is there twice.
    struct Reloadable {
        std::string policy;
        std::shared_ptr<keymgmt::tls13::CredentialStore> credentials;
    };
    std::vector<Reloadable> credentials;
};

// Reads the key files and certificates. The error names the policy and what is wrong with the file.
// clock and random outlive the policies.
[[nodiscard]] Result<Policies> load_policies(const config::Configuration& configuration,
                                             const Clock& clock, Random& random);

[[nodiscard]] bool wants_restart(const config::Configuration& configuration);

// policies as load_policies() made them; they outlive what is returned.
[[nodiscard]] std::vector<relay::BackendSettings> backend_settings(
    const config::Configuration& configuration, const Policies& policies);
[[nodiscard]] std::vector<relay::ListenerSettings> listener_settings(
    const config::Configuration& configuration, const Policies& policies);

}  // namespace sdg::gateway
