// What a peer may send as key-management messages of method 192, at every stage: to a server that
// waits for a ClientHello, to a client that waits for a ServerHello, and to both once they are
// protected. The input is a list of messages (length in two octets, content); an octet before each
// says to whom it goes, whether it is sent as it is or as a change of the message that really comes
// next, and whether turns are given.
//
// It must not crash, and what it is answered is bounded.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>

#include "control/keymgmt/tls13/session.h"
#include "tests/support/pki.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt;
using namespace sdg::keymgmt::tls13;

struct Side {
    std::unique_ptr<TlsSession> session;
    std::deque<std::vector<uint8_t>> outgoing;
    bool wants_turn = false;
    bool failed = false;

    void take(const Actions& actions) {
        for (const Action& action : actions) {
            if (const auto* message = std::get_if<SendMessage>(&action)) {
                outgoing.push_back(message->octets);
            }
            wants_turn = wants_turn || std::holds_alternative<RequestTurn>(action);
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

struct World {
    test::Pki pki;
    ManualClock clock;
    SeededRandom random{1};
    std::shared_ptr<const SessionEnvironment> environment;

    World() {
        pki.issue("a", "a.example");
        CredentialSettings settings;
        settings.certificate = pki.folder() / "a.pem";
        settings.private_key = (pki.folder() / "a.key").string();
        settings.authorities = {pki.folder() / "ca.pem"};
        settings.suites = {record::Suite::aes_128_gcm_sha256};
        environment = std::make_shared<SessionEnvironment>(
            SessionEnvironment{.credentials = *CredentialStore::open(settings),
                               .peer_names = *PeerNames::parse({"any"}),
                               .options = {.min_rekey_interval = {}},
                               .clock = clock,
                               .random = random,
                               .unix_time = [] { return std::time(nullptr); }});
    }

    Side side(keys::KmRole role) const {
        Side out;
        out.session = std::make_unique<TlsSession>(
            SessionContext{.role = role,
                           .initiator = role == keys::KmRole::client,
                           .client_parameter = {0x80, 0x06, 0, 10, 0, 0, 0, 0, 1, 192},
                           .server_parameter = {0x80, 0x06, 0, 10, 0, 0, 0, 1, 2, 192},
                           .client_tag = 1,
                           .server_tag = 2},
            environment);
        out.take(out.session->on_established());
        return out;
    }
};

void deliver(Side& from, Side& to) {
    if (!from.outgoing.empty()) {
        const auto message = from.outgoing.front();
        from.outgoing.pop_front();
        to.take(to.session->on_first_opened());
        to.take(to.session->on_message(message));
        to.turns();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const World world;
    Side client = world.side(keys::KmRole::client);
    Side server = world.side(keys::KmRole::server);
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
