// Two sessions of method 192.
#pragma once

#include "control/keymgmt/tls13/session.h"
#include "tests/unit/keymgmt/sessions.h"

namespace sdg::keymgmt::tls13 {

using keymgmt::test::kClientParameter;
using keymgmt::test::kServerParameter;
using keys::EpochStatistics;
using keys::KeyRole;
using keys::KmRole;
using sdg::test::Octets;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Side = keymgmt::test::Side<TlsSession, SessionEnvironment>;

class TlsSessions : public keymgmt::test::Sessions<TlsSession, SessionEnvironment, SessionOptions> {
};

}  // namespace sdg::keymgmt::tls13
