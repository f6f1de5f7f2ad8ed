// Two sessions of method 1.
#pragma once

#include "control/keymgmt/dtls13/session.h"
#include "tests/unit/keymgmt/sessions.h"

namespace sdg::keymgmt::dtls13 {

using keymgmt::test::kClientParameter;
using keymgmt::test::kServerParameter;
using keys::EpochStatistics;
using keys::KeyRole;
using keys::KmRole;
using std::chrono::milliseconds;
using std::chrono::seconds;
using OneSide = keymgmt::test::Side<DtlsSession, SessionEnvironment>;

class DtlsSessions
    : public keymgmt::test::Sessions<DtlsSession, SessionEnvironment, SessionOptions> {
 protected:
    void start() {
        make();
        server->take(server->session->on_established());
        client->take(client->session->on_established());
    }
    // A packet of the client's: the method itself sends none after the ACK.
    void after_first_keys() override {
        if (!std::exchange(server->opened, true)) {
            server->take(server->session->on_first_opened());
        }
    }
    // Whatever can be done next, in an order drawn from the seed, until nothing can.
    void run_in_order(uint32_t seed) {
        SeededRandom order(seed);
        for (size_t idle = 0; idle < 20; ++idle) {
            bool done = false;
            switch (order.u32() % 4) {
                case 0:
                    done = client->turn();
                    break;
                case 1:
                    done = server->turn();
                    break;
                case 2:
                    done = deliver(*client, *server);
                    break;
                default:
                    done = deliver(*server, *client);
            }
            idle = done ? 0 : idle;
        }
        run();
    }
    void update(OneSide& starter) {
        starter.take(starter.session->on_rekey_requested());
        run();
    }
};

}  // namespace sdg::keymgmt::dtls13
