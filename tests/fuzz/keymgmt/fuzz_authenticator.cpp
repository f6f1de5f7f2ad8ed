// Exported authenticators against a peer who is at the other end of the connection: what he asks
// and answers may be any octets, or a right authenticator that was changed, under a Finished that
// is right again.
//
// Or both ends ask and answer, and what is in the way is the link, time, key updates, a refusal, or
// a library that fails.
//
// The first octet chooses; what follows are changes (place in two octets, value) or the octets
// themselves. Only the unchanged authenticator is taken.
#include <cstdint>

#include "control/keymgmt/dtls13/reauthentication.h"
#include "tests/fuzz/keymgmt/failing_libcrypto.h"
#include "tests/fuzz/packet/require.h"
#include "tests/unit/keymgmt/dtls13/world.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt::dtls13;
using fuzz::require;
using sdg::keymgmt::dtls13::test::World;

struct Established {
    World world;
    Octets request;
    Octets authenticator;
    AuthenticatorKeys keys;

    Established() {
        world.handshake();
        require(world.client->state() == Connection::State::established);
        const Octets context{0, 0, 0, 0, 0, 0, 0, 3, 9, 9};
        const auto& configuration = *world.server.configuration;
        request = authenticator_request(Role::client, context, configuration.signature_schemes);
        authenticator = *make_authenticator(
            *authenticator_keys(*world.server.connection, 3, Role::server), configuration, request);
        keys = *authenticator_keys(*world.client.connection, 3, Role::server);
    }
    bool is_taken(View octets) {
        return check_authenticator(keys, *world.client.configuration, world.client.check,
                                   Role::server, request, octets)
            .has_value();
    }
};

void change(Octets& octets, View edits) {
    for (size_t i = 0; i + 2 < edits.size() && !octets.empty(); i += 3) {
        octets[(size_t{edits[i]} << 8 | edits[i + 1]) % octets.size()] ^= edits[i + 2];
    }
}

// The Finished of the messages before it, as who has the keys makes it.
void finish(const Established& by, Octets& messages) {
    Writer all;
    all.bytes(by.keys.handshake_context.bytes()).bytes(by.request).bytes(messages);
    const auto mac =
        hmac(by.keys.hash, by.keys.finished_key.bytes(), digest(by.keys.hash, all.take())->bytes());
    const Octets message = tls_message(HandshakeType::finished, mac->bytes());
    messages.insert(messages.end(), message.begin(), message.end());
}

// Both ends with what they do about it; the input comes as application data to the client.
void reauthenticate(View input) {
    World world;
    world.handshake();
    require(world.client->state() == Connection::State::established);
    Reauthentication client(*world.client.connection, world.client.check, {}, world.clock,
                            world.random);
    if (!input.empty() && (input[0] & 1) != 0) {
        require(client.request().has_value());
    }
    for (int i = 0; i < 8 && input.size() > 2; ++i) {
        const size_t length = std::min<size_t>(size_t{input[1]} << 8 | input[2], input.size() - 3);
        client.on_data(input.subspan(3, length));
        input = input.subspan(3 + length);
        world.clock.advance(std::chrono::seconds(1));
        client.on_time();
        const auto deadline = client.deadline();
        require(!deadline || *deadline > world.clock.now());
        world.client.drain();
        require(client.completed() == 0);
        require(world.client.outgoing.size() < 64);
    }
}

enum Both : uint8_t {
    kClientAsks = 1,
    kServerAsks = 2,
    kServerRefuses = 4,
    kUpdates = 8,  // of keys, by the client
    kLost = 16,    // everything, after the first request
    kOften = 32,
};

// Input: what (Both), and how many calls of the library there are before one fails; without the
// second none fails.
void reauthenticate_each_other(View input) {
    const uint8_t what = input.empty() ? uint8_t{0} : input[0];
    const bool fails = input.size() > 1;
    World world;
    world.handshake();
    require(world.client->state() == Connection::State::established);
    Reauthentication client(*world.client.connection, world.client.check, {}, world.clock,
                            world.random);
    Reauthentication server(*world.server.connection, world.server.check,
                            {.answer = (what & kServerRefuses) == 0}, world.clock, world.random);
    if (fails) {
        fuzz::fail_libcrypto_after(input[1]);
    }
    const int every = (what & kOften) != 0 ? 2 : 10;
    const std::chrono::milliseconds step((what & (kOften | kLost)) != 0 ? 1100 : 200);
    uint64_t client_asked = 0;
    uint64_t server_asked = 0;
    for (int round = 0; round < 40; ++round) {
        if (round % every == 0) {
            client_asked += (what & kClientAsks) != 0 && client.request() ? 1 : 0;
            server_asked += (what & kServerAsks) != 0 && server.request() ? 1 : 0;
        }
        if (round % every == 1 && (what & kUpdates) != 0 && !client.is_waiting() &&
            !client.has_pending()) {
            static_cast<void>(world.client.connection->start_key_update());
        }
        for (auto [side, who] :
             {std::pair{&world.client, &client}, std::pair{&world.server, &server}}) {
            side->drain();
            while (!side->outgoing.empty()) {
                if ((what & kLost) != 0) {
                    side->outgoing.pop_front();
                } else {
                    world.deliver((*side)->role());
                }
            }
        }
        for (auto [side, who] :
             {std::pair{&world.client, &client}, std::pair{&world.server, &server}}) {
            for (const Octets& data : std::exchange(side->data, {})) {
                who->on_data(data);
            }
            who->progress();
        }
        world.clock.advance(step);
        for (auto [side, who] :
             {std::pair{&world.client, &client}, std::pair{&world.server, &server}}) {
            (*side)->on_time();
            who->on_time();
            const auto deadline = who->deadline();
            require(!deadline || *deadline > world.clock.now());
        }
    }
    fuzz::mend_libcrypto();
    if (!fails && (what & (kLost | kServerRefuses)) == 0) {
        require(client.completed() == client_asked && server.completed() == server_asked);
    }
    require((what & kServerRefuses) == 0 || client.completed() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static auto* const established = new Established;
    if (size == 0) {
        return 0;
    }
    fuzz::mend_libcrypto();
    const View input(data + 1, size - 1);
    switch (data[0] % 7) {
        case 0:
            for (const Role role : {Role::client, Role::server}) {
                static_cast<void>(parse_authenticator_request(role, input));
            }
            break;
        case 1:
            require(!established->is_taken(input));
            require(!check_empty_authenticator(established->keys, established->request, input));
            break;
        case 2: {
            Octets changed = established->authenticator;
            change(changed, input);
            require(established->is_taken(changed) == (changed == established->authenticator));
            break;
        }
        case 3: {
            // Certificate and CertificateVerify changed, or another length, and finished again.
            Octets changed = established->authenticator;
            changed.resize(changed.size() - 4 - established->keys.hash.length);
            const Octets whole = changed;
            change(changed, input);
            const bool same = changed == whole;
            finish(*established, changed);
            // Of an ECDSA signature there is more than one encoding that is taken.
            require(established->is_taken(changed) || !same);
            break;
        }
        case 4: {
            Octets messages(input.begin(), input.end());
            finish(*established, messages);
            require(!established->is_taken(messages));
            Octets request(input.begin(), input.end());
            if (request.size() > 4) {
                static_cast<void>(make_authenticator(
                    established->keys, *established->world.server.configuration, request));
                static_cast<void>(make_empty_authenticator(established->keys, request));
            }
            break;
        }
        case 5:
            reauthenticate(input);
            break;
        default:
            reauthenticate_each_other(input);
    }
    return 0;
}
