// What a peer may send as key-management messages of a method with certificates, at every stage: to
// a server that waits for a beginning, to a client that waits for an answer, and to both once they
// are protected; and what the operator, the data plane and time do meanwhile. The input is an octet
// of options and a list of steps: an octet that says what happens and to whom (Bits), a length in
// two octets, and content.
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

// The first of these that is set says what happens; none: the content comes as a message.
enum Bits : uint8_t {
    kToClient = 1,
    kNext = 2,      // the message that really comes next; with kChanged: before anything was opened
    kChanged = 4,   // the same, changed: (at, at, xor)...
    kControl = 8,   // [Control, ...]
    kNoTurns = 16,  // beside any of the others
    kTick = 32,     // time, seconds by the two highest bits: [hundreds of seconds, statistics...]
};

enum Control : uint8_t {
    kRekey,
    kReauthenticate,
    kRestartKeysKept,  // [epoch, whether]
    kParameters,
    kEstablished,  // once more
    kSenderDry,
    kFirstOpened,
    kCalendar,  // goes on: [quarters of a day]
    kControls
};

enum Option : uint8_t {
    kRestarted = 1,
    kNotEstablished = 2,  // yet
    kStranger = 4,        // the peer has another name than is wanted, or than it had before
    kSameRoles = 8,       // both are clients
};

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
    std::shared_ptr<const Environment> suspicious;  // knows nobody
    int64_t calendar = 0;                           // seconds that the calendar is ahead

    explicit World(const Options& options) {
        pki.issue("a", "a.example");
        tls13::CredentialSettings settings;
        settings.certificate = pki.folder() / "a.pem";
        settings.private_key = (pki.folder() / "a.key").string();
        settings.authorities = {pki.folder() / "ca.pem"};
        settings.suites = {record::Suite::aes_128_gcm_sha256};
        const auto with_names = [&](const char* names) {
            return std::make_shared<Environment>(
                Environment{.credentials = *tls13::CredentialStore::open(settings),
                            .peer_names = *tls13::PeerNames::parse({names}),
                            .options = options,
                            .clock = clock,
                            .random = random,
                            .unix_time = [this] { return std::time(nullptr) + calendar; }});
        };
        environment = with_names("any");
        suspicious = with_names("dns:b.example");
    }

    Side side(keys::KmRole role, uint8_t options) const {
        const bool restarted = (options & kRestarted) != 0;
        const bool is_stranger = (options & kStranger) != 0 && role == keys::KmRole::client;
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
            if (is_stranger) {
                context.peer_identity.front() ^= 1;
            }
        }
        out.session = std::make_unique<OneSession>(
            std::move(context), is_stranger && !restarted ? suspicious : environment);
        if ((options & kNotEstablished) == 0) {
            out.take(out.session->on_established());
        }
        return out;
    }
};

inline void deliver(Side& from, Side& to, bool opened = true) {
    if (!from.outgoing.empty()) {
        const auto message = from.outgoing.front();
        from.outgoing.pop_front();
        if (opened) {
            to.take(to.session->on_first_opened());
        }
        to.take(to.session->on_message(message));
        to.turns();
    }
}

// What the data plane has counted, four octets an epoch: epoch, what of it there is, records
// opened, and how much of its limits is used up.
inline std::vector<keys::EpochStatistics> statistics(std::span<const uint8_t> octets) {
    constexpr uint64_t kLimit = 255;
    std::vector<keys::EpochStatistics> out;
    for (size_t i = 0; i + 3 < octets.size() && out.size() < 4; i += 4) {
        keys::EpochStatistics& one = out.emplace_back();
        const uint8_t what = octets[i + 1];
        one.epoch = octets[i];
        one.role = (what & 1) != 0 ? keys::KeyRole::restart : keys::KeyRole::primary;
        one.has_send_key = (what & 2) == 0;
        one.selected = (what & 4) == 0;
        one.has_receive_key = (what & 8) == 0;
        one.opened = octets[i + 2];
        one.seal_limit = kLimit;
        one.open_limit = kLimit;
        ((what & 16) != 0 ? one.sealed : one.open_failed) = octets[i + 3];
        one.opened_octets = (what & 32) != 0 ? uint64_t{octets[i + 2]} << 32 : 0;
    }
    return out;
}

inline void control(Side& to, std::span<const uint8_t> content, int64_t& calendar) {
    const auto at = [content](size_t index) { return index < content.size() ? content[index] : 0; };
    switch (static_cast<Control>(at(0) % kControls)) {
        case kReauthenticate:
            to.take(to.session->on_reauthentication_requested());
            break;
        case kRestartKeysKept:
            to.take(to.session->on_restart_keys_kept(static_cast<uint16_t>(at(1)), at(2) != 0));
            break;
        case kParameters:
            to.take(to.session->on_parameters_agreed());
            break;
        case kEstablished:
            to.take(to.session->on_established());
            break;
        case kSenderDry:
            to.take(to.session->on_sender_dry());
            break;
        case kFirstOpened:
            to.take(to.session->on_first_opened());
            break;
        case kCalendar:
            calendar += int64_t{at(1)} * 21'600;
            break;
        default:
            to.take(to.session->on_rekey_requested());
    }
}

template <class OneWorld>
int run(const uint8_t* data, size_t size, OneWorld& world) {
    if (size == 0) {
        return 0;
    }
    const uint8_t options = *data++;
    --size;
    world.calendar = 0;
    Side client = world.side(keys::KmRole::client, options);
    Side server =
        world.side((options & kSameRoles) != 0 ? keys::KmRole::client : keys::KmRole::server,
                   options & ~kStranger);
    while (size >= 3) {
        const uint8_t how = data[0];
        const size_t length = std::min<size_t>((size_t{data[1]} << 8 | data[2]), size - 3);
        const std::span<const uint8_t> content(data + 3, length);
        data += 3 + length;
        size -= 3 + length;
        Side& to = (how & kToClient) != 0 ? client : server;
        Side& from = (how & kToClient) != 0 ? server : client;
        if ((how & kNext) != 0) {
            from.turns();
            deliver(from, to, (how & kChanged) == 0);
        } else if ((how & kChanged) != 0 && !from.outgoing.empty() &&
                   !from.outgoing.front().empty()) {
            auto& message = from.outgoing.front();
            for (size_t i = 0; i + 2 < content.size(); i += 3) {
                message[(size_t{content[i]} << 8 | content[i + 1]) % message.size()] ^=
                    content[i + 2];
            }
            deliver(from, to);
        } else if ((how & kControl) != 0) {
            control(to, content, world.calendar);
        } else if ((how & kTick) != 0) {
            const int hundreds = content.empty() ? 0 : content[0];
            world.clock.advance(std::chrono::seconds(1 + (how >> 6) * 10 + hundreds * 100));
            to.take(to.session->on_tick(world.clock.now(),
                                        statistics(content.subspan(std::min<size_t>(length, 1)))));
            to.take(to.session->on_sender_dry());
        } else {
            to.take(to.session->on_message(content));
        }
        if ((how & kNoTurns) == 0) {
            client.turns();
            server.turns();
        }
    }
    return 0;
}

}  // namespace sdg::keymgmt::fuzz
