// What a peer may send as key-management messages of a method with certificates, at every stage: to
// a server that waits for a beginning, to a client that waits for an answer, and to both once they
// are protected. The input is an octet (whether it begins with a protected restart) and a list of
// messages (length in two octets, content); an octet before each says to whom it goes, whether it
// is sent as it is or as a change of the message that really comes next, whether time goes on
// instead, and whether turns are given.
//
// It must not crash, and what it is answered is bounded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "control/keymgmt/method.h"
#include "control/keymgmt/tls13/credentials.h"
#include "control/keymgmt/tls13/peer_name.h"
#include "foundation/random.h"
#include "tests/support/pki.h"

namespace sdg::keymgmt::fuzz {

struct Side {
    std::unique_ptr<Session> session;
    std::deque<std::vector<uint8_t>> outgoing;
    bool wants_turn = false;
    bool failed = false;

    void take(const Actions& actions) {
        for (const Action& action : actions) {
            if (const auto* message = std::get_if<SendMessage>(&action)) {
                outgoing.push_back(message->octets);
            }
            wants_turn = wants_turn || std::holds_alternative<RequestTurn>(action);
            if (failed && std::holds_alternative<Fail>(action)) {
                std::abort();  // twice
            }
            failed = failed || std::holds_alternative<Fail>(action);
        }
        if (outgoing.size() > 64) {
            std::abort();  // answers without end
        }
    }
    void turns() {
        for (int i = 0; i < 64 && wants_turn; ++i) {
            wants_turn = false;
            take(session->on_turn(true));
        }
    }
};

template <class OneSession, class Environment, class Options>
struct World {
    test::Pki pki;
    ManualClock clock;
    SeededRandom random{1};
    std::shared_ptr<const Environment> environment;

    explicit World(const Options& options) {
        pki.issue("a", "a.example");
        tls13::CredentialSettings settings;
        settings.certificate = pki.folder() / "a.pem";
        settings.private_key = (pki.folder() / "a.key").string();
        settings.authorities = {pki.folder() / "ca.pem"};
        settings.suites = {record::Suite::aes_128_gcm_sha256};
        environment = std::make_shared<Environment>(
            Environment{.credentials = *tls13::CredentialStore::open(settings),
                        .peer_names = *tls13::PeerNames::parse({"any"}),
                        .options = options,
                        .clock = clock,
                        .random = random,
                        .unix_time = [] { return std::time(nullptr); }});
    }

    Side side(keys::KmRole role, bool restarted) const {
        Side out;
        SessionContext context{.role = role,
                               .initiator = role == keys::KmRole::client,
                               .client_parameter = {0x80, 0x06, 0, 10, 0, 0, 0, 0, 1, 192},
                               .server_parameter = {0x80, 0x06, 0, 10, 0, 0, 0, 1, 2, 192},
                               .client_tag = 1,
                               .server_tag = 2};
        if (restarted) {
            const auto who = tls13::identity_of(
                SSL_CTX_get0_certificate(environment->credentials->current()->context.get()));
            context.restart = true;
            context.restarted = uint16_t{3};
            context.peer_identity = who.fingerprint();
        }
        out.session = std::make_unique<OneSession>(std::move(context), environment);
        out.take(out.session->on_established());
        return out;
    }
};

inline void deliver(Side& from, Side& to) {
    if (!from.outgoing.empty()) {
        const auto message = from.outgoing.front();
        from.outgoing.pop_front();
        to.take(to.session->on_first_opened());
        to.take(to.session->on_message(message));
        to.turns();
    }
}

template <class OneWorld>
int run(const uint8_t* data, size_t size, OneWorld& world) {
    if (size == 0) {
        return 0;
    }
    const bool restarted = (*data++ & 1) != 0;
    --size;
    Side client = world.side(keys::KmRole::client, restarted);
    Side server = world.side(keys::KmRole::server, restarted);
    while (size >= 3) {
        const uint8_t how = data[0];
        const size_t length = std::min<size_t>((size_t{data[1]} << 8 | data[2]), size - 3);
        const std::span<const uint8_t> content(data + 3, length);
        data += 3 + length;
        size -= 3 + length;
        Side& to = (how & 1) != 0 ? client : server;
        Side& from = (how & 1) != 0 ? server : client;
        if ((how & 2) != 0) {
            from.turns();
            deliver(from, to);
        } else if ((how & 4) != 0 && !from.outgoing.empty() && !from.outgoing.front().empty()) {
            auto& message = from.outgoing.front();
            for (size_t i = 0; i + 2 < content.size(); i += 3) {
                message[(size_t{content[i]} << 8 | content[i + 1]) % message.size()] ^=
                    content[i + 2];
            }
            deliver(from, to);
        } else if ((how & 8) != 0) {
            to.take(to.session->on_rekey_requested());
        } else if ((how & 32) != 0) {
            world.clock.advance(std::chrono::seconds(1 + (how >> 6) * 10));
            to.take(to.session->on_tick(world.clock.now(), {}));
            to.take(to.session->on_sender_dry());
        } else {
            to.take(to.session->on_message(content));
        }
        if ((how & 16) == 0) {
            client.turns();
            server.turns();
        }
    }
    return 0;
}

}  // namespace sdg::keymgmt::fuzz
