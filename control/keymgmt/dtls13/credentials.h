// The certificates, authorities and peer names of tls13/ for the DTLS 1.3 engine, so that both
// methods show and trust the same. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "control/keymgmt/dtls13/configuration.h"
#include "control/keymgmt/tls13/credentials.h"
#include "control/keymgmt/tls13/peer_name.h"

namespace sdg::keymgmt::dtls13 {

// Identity, suites, groups and signature algorithms of the settings; everything else has its
// default. What the engine does not have (CCM, rsa_pss_pss_*) is left out; invalid_argument when
// nothing is left.
[[nodiscard]] Result<Configuration> configuration_from(const tls13::CredentialSettings& settings,
                                                       const tls13::Credentials& credentials);

// A hook that verifies the chain against the credentials' authorities and lists, then usage, names
// and identity as method 192 does. pinned: the identity of the association so far. taken is told
// who the peer is, once it is accepted; it may be empty.
[[nodiscard]] PeerCheck check_against(std::shared_ptr<const tls13::Credentials> credentials,
                                      tls13::PeerNames names,
                                      std::optional<tls13::PeerIdentity> pinned,
                                      std::function<void(const tls13::PeerIdentity&)> taken);

}  // namespace sdg::keymgmt::dtls13
