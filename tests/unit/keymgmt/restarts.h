// What tests of protected restarts add to a pair of sessions.
#pragma once

#include "tests/unit/keymgmt/sessions.h"

namespace sdg::keymgmt::test {

template <class Fixture>
class Restarts : public Fixture {
 protected:
    using Fixture::client;
    using Fixture::clock;
    using Fixture::options;
    using Fixture::restart;
    using Fixture::run;
    using Fixture::server;
    using Fixture::tick;
    using typename Fixture::Side;
    static constexpr uint32_t kRestart = Side::kRestart;

    Restarts() { restart = true; }

    void rekey(Side& starter) {
        starter.take(starter.session->on_rekey_requested());
        run();
    }
    // Time passes until nothing of the epoch before is under way.
    void drain() {
        EpochStatistics current;
        current.role = client->selected >= kRestart ? KeyRole::restart : KeyRole::primary;
        current.epoch = static_cast<uint16_t>(client->selected);
        current.has_receive_key = true;
        current.opened = 1;
        for (Side* side : {&*client, &*server}) {
            tick(*side, {current});  // the server learns that the client uses the new keys
        }
        clock.advance(options.drain);
        for (Side* side : {&*client, &*server}) {
            tick(*side, {current});
        }
    }
    void expect_restart_keys(uint32_t epoch) {
        for (const Side* side : {&*client, &*server}) {
            EXPECT_TRUE(side->receive.contains(kRestart + epoch)) << side->events;
        }
        EXPECT_EQ(client->send[kRestart + epoch], server->receive[kRestart + epoch]);
        EXPECT_EQ(server->send[kRestart + epoch], client->receive[kRestart + epoch]);
        EXPECT_NE(client->send[kRestart + epoch], client->send[epoch]);
        EXPECT_NE(client->send[kRestart + epoch], server->send[kRestart + epoch]);
    }
    // What is left after the data plane and the host have done their part of a restart: the restart
    // keys of one epoch, selected. The roles may have changed.
    void begin_restart(uint16_t epoch, bool roles_change = false) {
        if (roles_change) {
            std::swap(client, server);
            client->role = KmRole::client;
            server->role = KmRole::server;
        }
        for (Side* side : {&*client, &*server}) {
            SessionContext context = side->context;
            context.role = side->role;
            context.initiator = side == &*client;
            context.client_parameter = {0x80, 0x06, 0, 10, 5, 5, 5, 5, 5, 192};
            context.server_parameter = {0x80, 0x06, 0, 10, 6, 6, 6, 6, 6, 192};
            context.restarted = epoch;
            context.peer_identity = side->kept.back().peer_identity;
            const uint32_t place = kRestart + epoch;
            std::erase_if(side->send, [&](const auto& key) { return key.first != place; });
            std::erase_if(side->receive, [&](const auto& key) { return key.first != place; });
            side->selected = place;
            side->outgoing.clear();
            side->events.clear();
            side->kept.clear();
            side->opened = true;
            side->wants_turn = false;
            side->begin(context);
            side->take(side->session->on_parameters_agreed());
        }
        server->take(server->session->on_established());
        client->take(client->session->on_established());
    }
};

}  // namespace sdg::keymgmt::test
