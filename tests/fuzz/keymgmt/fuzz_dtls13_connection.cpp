// A DTLS 1.3 connection in both roles against a peer who has the keys: what goes from one side to
// the other may be changed on the wire, or opened, changed inside and sealed again, so that the
// fuzzer gets behind the AEAD at every stage of handshake and key update.
//
// The input is an octet of options and a list of steps: an octet that says what to do (What) and
// who sends, a length in two octets, and content. Nothing may crash, hold memory without bound or
// answer without end; no deadline is left behind by on_time(); and two sides that are established
// must be established with each other.
#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "control/keymgmt/dtls13/connection.h"
#include "control/keymgmt/dtls13/credentials.h"
#include "tests/fuzz/keymgmt/failing_libcrypto.h"
#include "tests/fuzz/packet/require.h"
#include "tests/support/hex.h"
#include "tests/support/pki.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt;
using namespace sdg::keymgmt::dtls13;

using sdg::fuzz::require;

// Times two; the lowest bit: 1 the server sends, 0 the client.
enum What : uint8_t {
    kDeliver,  // the next datagram
    kFlip,     // the next datagram, changed: (at, at, xor)...
    kInside,   // the next datagram, opened, a record of it changed, and sealed: [record, (at, at,
               // xor)...]
    kRaw,      // any octets
    kSealed,   // a record: [epoch, type, ...]
    kTime,
    kUpdate,  // of keys
    kAll,     // everything, as long as it takes
    kSend,    // application data
    kLose,    // the next datagram
    kClose,
    kForget,   // the server, when it may be, and another one takes its place
    kPause,    // [tenths of a second]
    kFailure,  // of the library: [calls before]
    kAnew,     // two new ends, and such a failure: [calls before]
    kKinds
};

enum Option : uint8_t {
    kReliable = 1,
    kHelloRetry = 2,
    kSmallDatagrams = 4,
    kOtherGroup = 8,  // of the server
    kSlowUpdates = 16,
    kCookieKey = 32,
    kOneSided = 64,    // the server asks for no certificate
    kNoUpdates = 128,  // of the server
};

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
    std::shared_ptr<const Configuration> configuration;
    std::unique_ptr<Connection> connection;
    std::deque<Octets> outgoing;
    size_t sent = 0;
    // The keys this side sends under, as the man in the middle has them.
    RecordLayer read;
    RecordLayer write;
};

class World {
 public:
    World(const Identity& identity, uint8_t options) : identity_(identity) {
        for (const Role role : {Role::client, Role::server}) {
            auto configuration = std::make_shared<Configuration>(
                *configuration_from(identity.settings, *identity.credentials));
            const bool is_server = role == Role::server;
            configuration->transport =
                (options & kReliable) != 0 ? Transport::reliable : Transport::datagram;
            configuration->always_hello_retry = (options & kHelloRetry) != 0;
            configuration->packing.max_datagram = (options & kSmallDatagrams) != 0 ? 300 : 60000;
            if (is_server && (options & kOtherGroup) != 0) {
                configuration->groups = {NamedGroup::secp256r1};
            }
            configuration->min_update_interval =
                std::chrono::seconds((options & kSlowUpdates) != 0 ? 3 : 0);
            if ((options & kCookieKey) != 0) {
                configuration->cookie_key = std::make_shared<SecretBytes>(32);
            }
            configuration->mutual = !is_server || (options & kOneSided) == 0;
            configuration->extended_key_update = !is_server || (options & kNoUpdates) == 0;
            configuration->handshake_timeout = std::chrono::seconds(100);
            configuration->update_timeout = std::chrono::seconds(20);
            configuration->key_log = [this](std::string_view line) { learn(line); };
            side(role).configuration = configuration;
            begin(role);
        }
        side(Role::client).connection->start();
        drain();
    }

    // Two new ends; calls: of the library before one fails.
    void anew(unsigned calls) {
        for (const Role role : {Role::client, Role::server}) {
            begin(role);
            side(role).outgoing.clear();
            side(role).read = {};
            side(role).write = {};
        }
        sdg::fuzz::fail_libcrypto_after(calls);
        side(Role::client).connection->start();
        drain();
    }
    void begin(Role role) {
        sdg::fuzz::mend_libcrypto();
        side(role).connection = std::move(*Connection::create(
            {.role = role,
             .configuration = side(role).configuration,
             .check_peer = check_against(identity_.credentials, {.any = true, .names = {}}, {}, {}),
             .peer_address = {}},
            clock, random));
    }
    void forget_server() {
        if (side(Role::server).connection->may_be_forgotten()) {
            begin(Role::server);
        }
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
    void pass_time(std::chrono::milliseconds by) {
        clock.advance(by);
        for (Side& one : sides_) {
            one.connection->on_time();
            const auto deadline = one.connection->deadline();
            require(!deadline || *deadline > clock.now());
        }
        drain();
    }
    void check() {
        const sdg::fuzz::LibcryptoWorks works;
        Connection& client = *side(Role::client).connection;
        Connection& server = *side(Role::server).connection;
        const auto mine = client.export_secret("EXPORTER-x", {}, 32);
        const auto theirs = server.export_secret("EXPORTER-x", {}, 32);
        require(!mine || !theirs || *mine == *theirs);
        for (uint64_t epoch = kFirstApplicationEpoch; epoch < kFirstApplicationEpoch + 4; ++epoch) {
            const auto ours = client.export_of_epoch(epoch, "EXPORTER-x", {}, 32);
            const auto other = server.export_of_epoch(epoch, "EXPORTER-x", {}, 32);
            require(!ours || !other || *ours == *other);
        }
    }
    // Opens the records of a datagram, changes the content of one and seals it again.
    Octets changed_inside(Role from, View datagram, View which_and_change) {
        Octets out;
        Side& one = side(from);
        size_t left = which_and_change.empty() ? 0 : which_and_change[0];
        const View change = which_and_change.subspan(std::min<size_t>(which_and_change.size(), 1));
        while (!datagram.empty()) {
            OpenedRecord record;
            const auto outcome = one.read.read(datagram, record);
            if (!outcome || *outcome != ReadOutcome::opened) {
                continue;
            }
            if (left-- == 0) {
                apply(record.content, change);
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
        const sdg::fuzz::LibcryptoWorks works;
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
            // Other numbers than the side itself takes, or they are dropped as replayed.
            Octets unused;
            for (int i = 0; i < 32; ++i) {
                static_cast<void>(one.write.write(epoch, ContentType::alert, {}, unused));
            }
        }
    }

    const Identity& identity_;
    std::array<Side, 2> sides_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Identity identity;
    if (size == 0) {
        return 0;
    }
    sdg::fuzz::mend_libcrypto();
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
        switch (static_cast<What>((how >> 1) % kKinds)) {
            case kDeliver:
                if (auto datagram = world.next(from)) {
                    world.give(to, *datagram);
                }
                break;
            case kFlip:
                if (auto datagram = world.next(from)) {
                    World::apply(*datagram, content);
                    world.give(to, *datagram);
                }
                break;
            case kInside:
                if (auto datagram = world.next(from)) {
                    world.give(to, world.changed_inside(from, *datagram, content));
                }
                break;
            case kRaw:
                world.give(to, content);
                break;
            case kSealed:
                if (content.size() > 1) {
                    world.give(to, world.sealed(from, 2 + content[0] % 4,
                                                static_cast<ContentType>(20 + content[1] % 8),
                                                content.subspan(2)));
                }
                break;
            case kTime:
                world.pass_time(std::chrono::milliseconds(1100));
                break;
            case kUpdate:
                updates += world.side(from).connection->start_key_update() ? 1 : 0;
                world.drain();
                break;
            case kSend:
                static_cast<void>(world.side(from).connection->send(content));
                world.drain();
                break;
            case kLose:
                static_cast<void>(world.next(from));
                break;
            case kClose:
                world.side(from).connection->close();
                world.drain();
                break;
            case kForget:
                world.forget_server();
                break;
            case kPause:
                world.pass_time(std::chrono::milliseconds(content.empty() ? 1 : content[0] * 100));
                break;
            case kFailure:
                sdg::fuzz::fail_libcrypto_after(content.empty() ? 0 : content[0]);
                break;
            case kAnew:
                world.anew(content.empty() ? 0 : content[0]);
                break;
            default:
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
