// What the key-management sessions of listeners and backends go by, so that a change of the
// configuration reaches associations that are up.
//
// A session keeps the environment it was made with: credentials, names of peers, options. When the
// configuration changes, what is in it is replaced by what holds now, and the next handshake or
// authenticator of the association goes by that:
//
//   its listener or backend is still there, and has the method   that one's
//   else its policy is still there, and has the method           the policy's; names of peers of
//   its
//                                                                own stay as they were
//   else                                                         nobody authenticates any more
//
// Control thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/keymgmt/dtls13/session.h"
#include "control/keymgmt/tls13/session.h"

namespace sdg::gateway {

template <class Environment>
struct LegEnvironment {
    std::string leg;  // "listener nodes", "backend amf"; empty: of the policy itself
    std::string policy;
    bool has_own_names = false;  // the leg's, not the policy's
    std::weak_ptr<Environment> environment;
};

struct LegEnvironments {
    std::vector<LegEnvironment<keymgmt::tls13::SessionEnvironment>> tls13;
    std::vector<LegEnvironment<keymgmt::dtls13::SessionEnvironment>> dtls13;

    // Takes the place of running: everything there goes by what is here from now on, and is here,
    // too, for as long as somebody uses it.
    void replace(LegEnvironments running);
    // Those that nobody uses any more.
    void forget_unused();
};

}  // namespace sdg::gateway
