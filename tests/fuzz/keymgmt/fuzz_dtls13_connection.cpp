// A DTLS 1.3 connection in both roles against a peer who has the keys: what goes from one side to
// the other may be changed on the wire, or opened, changed inside and sealed again, so that the
// fuzzer gets behind the AEAD at every stage of handshake and key update.
//
// The input is a list of steps: an octet that says what to do and to whom, a length in two octets,
// and content. Nothing may crash, hold memory without bound or answer without end, and two sides
// that are established must be established with each other.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>

#include "control/keymgmt/dtls13/connection.h"
#include "control/keymgmt/dtls13/credentials.h"
#include "tests/support/hex.h"
#include "tests/support/pki.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt;
using namespace sdg::keymgmt::dtls13;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

struct Identity {
    test::Pki pki;
    tls13::CredentialSettings settings;
    std::shared_ptr<const tls13::Credentials> credentials;

    Identity() {
        pki.issue("a", "a.example");
        settings.certificate = pki.folder() / "a.pem";
        settings.private_key = (pki.folder() / "a.key").string();
        settings.authorities = {pki.folder() / "ca.pem"};
        settings.suites = {record::Suite::aes_128_gcm_sha256};
        credentials = *tls13::Credentials::load(settings);
    }
};

struct Side {
    std::unique_ptr<Connection> connection;
    std::deque<Octets> outgoing;
    size_t sent = 0;
    // The keys this side sends under, as the man in the middle has them.
    RecordLayer read;
    RecordLayer write;
};

class World {
 public:
    World(const Identity& identity, uint8_t options) {
        for (const Role role : {Role::client, Role::server}) {
            auto configuration = std::make_shared<Configuration>(
                *configuration_from(identity.settings, *identity.credentials));
            configuration->transport =
                (options & 1) != 0 ? Transport::reliable : Transport::datagram;
            configuration->always_hello_retry = (options & 2) != 0;
            configuration->packing.max_datagram = (options & 4) != 0 ? 300 : 60000;
            if (role == Role::server && (options & 8) != 0) {
                configuration->groups = {NamedGroup::secp256r1};
            }
            configuration->min_update_interval = std::chrono::seconds((options & 16) != 0 ? 1 : 0);
            configuration->key_log = [this](std::string_view line) { learn(line); };
            side(role).connection = std::move(*Connection::create(
                {.role = role,
                 .configuration = configuration,
                 .check_peer =
                     check_against(identity.credentials, {.any = true, .names = {}}, {}, {}),
                 .peer_address = {}},
                clock, random));
        }
        side(Role::client).connection->start();
        drain();
    }

    Side& side(Role role) { return sides_[role == Role::client ? 0 : 1]; }

    void drain() {
        for (Side& one : sides_) {
            for (Octets& datagram : one.connection->take_datagrams()) {
                one.sent += datagram.size();
                one.outgoing.push_back(std::move(datagram));
            }
            static_cast<void>(one.connection->take_data());
            require(one.connection->buffered() <= Reassembly::kMaxBuffered);
            while (one.outgoing.size() > 256) {
                one.outgoing.pop_front();
            }
        }
    }
    void give(Role to, View datagram) {
        side(to).connection->receive(datagram);
        drain();
    }
    std::optional<Octets> next(Role from) {
        auto& queue = side(from).outgoing;
        if (queue.empty()) {
            return std::nullopt;
        }
        Octets out = std::move(queue.front());
        queue.pop_front();
        return out;
    }
    void pass_time() {
        clock.advance(std::chrono::milliseconds(1100));
        for (Side& one : sides_) {
            one.connection->on_time();
        }
        drain();
    }
    void check() {
        Connection& client = *side(Role::client).connection;
        Connection& server = *side(Role::server).connection;
        const auto mine = client.export_secret("EXPORTER-x", {}, 32);
        const auto theirs = server.export_secret("EXPORTER-x", {}, 32);
        require(!mine || !theirs || *mine == *theirs);
    }
    // Opens the records of a datagram, changes the content and seals it again.
    Octets changed_inside(Role from, View datagram, View change) {
        Octets out;
        Side& one = side(from);
        bool first = true;
        while (!datagram.empty()) {
            OpenedRecord record;
            const auto outcome = one.read.read(datagram, record);
            if (!outcome || *outcome != ReadOutcome::opened) {
                continue;
            }
            if (first && !record.content.empty()) {
                apply(record.content, change);
                first = false;
            }
            static_cast<void>(
                one.write.write(record.number.epoch, record.type, record.content, out));
        }
        return out;
    }
    static void apply(Octets& octets, View change) {
        for (size_t i = 0; i + 2 < change.size() && !octets.empty(); i += 3) {
            octets[(size_t{change[i]} << 8 | change[i + 1]) % octets.size()] ^= change[i + 2];
        }
    }
    Octets sealed(Role from, uint64_t epoch, ContentType type, View content) {
        Octets out;
        static_cast<void>(side(from).write.write(epoch, type, content, out));
        return out;
    }

    ManualClock clock;
    SeededRandom random{1};

 private:
    void learn(std::string_view line) {
        const std::string label(line.substr(0, line.find(' ')));
        uint64_t epoch = 0;
        if (label.ends_with("HANDSHAKE_TRAFFIC_SECRET")) {
            epoch = kHandshakeEpoch;
        } else if (const auto at = label.find("_TRAFFIC_SECRET_"); at != std::string::npos) {
            epoch = kFirstApplicationEpoch + std::stoull(label.substr(at + 16));
        }
        if (epoch == 0) {
            return;
        }
        const Octets secret = test::from_hex(line.substr(line.rfind(' ') + 1));
        Side& one = side(label.starts_with("CLIENT") ? Role::client : Role::server);
        if (!one.read.can_receive(epoch)) {
            static_cast<void>(one.read.install_receive(epoch, secret));
            static_cast<void>(one.write.install_send(epoch, secret));
        }
    }

    std::array<Side, 2> sides_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Identity identity;
    if (size == 0) {
        return 0;
    }
    World world(identity, data[0]);
    ++data;
    --size;
    size_t received = 0;
    unsigned updates = 0;
    for (int steps = 0; size >= 3 && steps < 200; ++steps) {
        const uint8_t how = data[0];
        const size_t length = std::min<size_t>(size_t{data[1]} << 8 | data[2], size - 3);
        const View content(data + 3, length);
        data += 3 + length;
        size -= 3 + length;
        received += length + 1;
        const Role from = (how & 1) != 0 ? Role::server : Role::client;
        const Role to = other(from);
        switch (how >> 1 & 7) {
            case 0:
                if (auto datagram = world.next(from)) {
                    world.give(to, *datagram);
                }
                break;
            case 1:
                if (auto datagram = world.next(from)) {
                    World::apply(*datagram, content);
                    world.give(to, *datagram);
                }
                break;
            case 2:
                if (auto datagram = world.next(from)) {
                    world.give(to, world.changed_inside(from, *datagram, content));
                }
                break;
            case 3:
                world.give(to, content);
                break;
            case 4:
                if (content.size() > 1) {
                    world.give(to, world.sealed(from, 2 + content[0] % 4,
                                                static_cast<ContentType>(20 + content[1] % 8),
                                                content.subspan(2)));
                }
                break;
            case 5:
                world.pass_time();
                break;
            case 6:
                updates += world.side(from).connection->start_key_update() ? 1 : 0;
                world.drain();
                break;
            default:
                // As long as it takes.
                for (int i = 0; i < 16; ++i) {
                    for (const Role one : {Role::client, Role::server}) {
                        if (auto datagram = world.next(one)) {
                            world.give(other(one), *datagram);
                        }
                    }
                }
        }
        world.check();
    }
    // At most a flight for every step and every update.
    require(world.side(Role::client).sent + world.side(Role::server).sent <
            (size_t{400} + received + updates * 8) * 20'000);
    return 0;
}
