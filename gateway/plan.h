// From the checked configuration to the plain settings of every module. Pure but for reading the
// key files that policies name.
#pragma once

#include <memory>
#include <vector>

#include "config/configuration.h"
#include "control/keymgmt/protection.h"
#include "control/relay/relay.h"
#include "control/sctp/host.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/port_settings.h"
#include "dataplane/worker/worker.h"
#include "foundation/result.h"

namespace sdg::gateway {

[[nodiscard]] port::EalSettings eal_settings(const config::Configuration& configuration);
[[nodiscard]] std::vector<port::PortSettings> port_settings(
    const config::Configuration& configuration);
[[nodiscard]] sctp::ProtocolParameters protocol_parameters(const config::Sctp& sctp);
[[nodiscard]] worker::WorkerSettings worker_settings(const config::Workers& workers,
                                                     unsigned index);

// One per protection policy of the configuration, in its order; reads the key files. The error
// names the policy and what is wrong with the file.
using Policies = std::vector<std::unique_ptr<keymgmt::Policy>>;
[[nodiscard]] Result<Policies> load_policies(const config::Configuration& configuration);

// policies as load_policies() made them; they outlive what is returned.
[[nodiscard]] std::vector<relay::BackendSettings> backend_settings(
    const config::Configuration& configuration, const Policies& policies);
[[nodiscard]] std::vector<relay::ListenerSettings> listener_settings(
    const config::Configuration& configuration, const Policies& policies);

}  // namespace sdg::gateway
