// A good handshake with one thing wrong: each datagram dropped, repeated, delayed, cut, and each
// octet of it changed. It must end, with both sides established (and the right peer on the other
// side), or with an alert; over a datagram transport a changed protected record is only lost.
#include "tests/unit/keymgmt/dtls13/world.h"

namespace sdg::keymgmt::dtls13::test {
namespace {

struct Shape {
    const char* name;
    Transport transport;
    bool hello_retry;
    size_t max_datagram;
    bool several;
};

class Mutation : public testing::TestWithParam<Shape> {
 protected:
    World world;

    void begin() {
        world = {};
        for (Side* side : {&world.client, &world.server}) {
            side->configuration->transport = GetParam().transport;
            side->configuration->packing.max_datagram = GetParam().max_datagram;
            side->configuration->packing.several_messages_per_record = GetParam().several;
            side->configuration->packing.several_records_per_datagram = GetParam().several;
        }
        world.server.configuration->always_hello_retry = GetParam().hello_retry;
    }
    bool is_datagram() const { return GetParam().transport == Transport::datagram; }
    // Datagrams of a side in a handshake where nothing goes wrong.
    std::array<std::vector<Octets>, 2> record() {
        std::array<std::vector<Octets>, 2> out;
        begin();
        world.fate = [&](Role from, size_t, Octets datagram) {
            out[from == Role::client ? 0 : 1].push_back(datagram);
            return std::vector<Octets>{std::move(datagram)};
        };
        world.handshake();
        world.expect_established();
        return out;
    }
    using Change = std::function<std::vector<Octets>(Octets)>;
    // A handshake in which the number-th datagram of a side is changed.
    void run_with(Role who, size_t number, const Change& change) {
        begin();
        world.fate = [&](Role from, size_t at, Octets datagram) {
            return from == who && at == number ? change(std::move(datagram))
                                               : std::vector<Octets>{std::move(datagram)};
        };
        world.handshake();
    }
    // Both are established with each other, or at least one has refused and nobody is established
    // with somebody who is not. must_succeed: the first.
    void expect_good_end(bool must_succeed) {
        const auto client = world.client->state();
        const auto server = world.server->state();
        if (client == Connection::State::established && server == Connection::State::established) {
            const auto mine = world.client->export_secret("EXPORTER-x", {}, 32);
            const auto theirs = world.server->export_secret("EXPORTER-x", {}, 32);
            ASSERT_TRUE(mine && theirs);
            EXPECT_EQ(*mine, *theirs);
            EXPECT_TRUE(world.client->is_acknowledged() || !is_datagram());
            return;
        }
        EXPECT_FALSE(must_succeed) << "client " << World::reason(world.client) << ", server "
                                   << World::reason(world.server);
        for (const Side* side : {&world.client, &world.server}) {
            if ((*side)->state() == Connection::State::failed) {
                EXPECT_NE((*side)->failure().alert, AlertDescription::internal_error)
                    << World::reason(*side);
            }
        }
        // Nobody is left waiting. A server that is established while its client is not can only be
        // one whose client has refused it; a client may be established with a server that has
        // refused it when the alert got lost.
        EXPECT_NE(client, Connection::State::handshaking);
        EXPECT_NE(server, Connection::State::handshaking);
        EXPECT_NE(server, Connection::State::established) << World::reason(world.client);
    }
    template <class F>
    void for_each_datagram(F f) {
        const auto recorded = record();
        for (const Role who : {Role::client, Role::server}) {
            const auto& datagrams = recorded[who == Role::client ? 0 : 1];
            for (size_t number = 0; number < datagrams.size(); ++number) {
                SCOPED_TRACE((who == Role::client ? "client " : "server ") +
                             std::to_string(number));
                f(who, number, datagrams[number]);
                if (HasFatalFailure()) {
                    return;
                }
            }
        }
    }
};

// A reliable transport repeats nothing and keeps the order.
class DatagramMutation : public Mutation {};

TEST_P(Mutation, a_datagram_lost) {
    for_each_datagram([&](Role who, size_t number, const Octets&) {
        if (!is_datagram() && who == Role::client && number == 0) {
            return;  // the server has never heard of the client
        }
        run_with(who, number, [](const Octets&) { return std::vector<Octets>{}; });
        expect_good_end(is_datagram());
    });
}

TEST_P(DatagramMutation, a_datagram_repeated) {
    for_each_datagram([&](Role who, size_t number, const Octets&) {
        run_with(who, number, [](Octets one) { return std::vector<Octets>{one, one, one}; });
        expect_good_end(true);
    });
}

TEST_P(DatagramMutation, a_datagram_after_its_successor) {
    for_each_datagram([&](Role who, size_t number, const Octets&) {
        std::optional<Octets> kept;
        begin();
        world.fate = [&](Role from, size_t at, Octets datagram) {
            std::vector<Octets> out;
            if (from == who && at == number) {
                kept = std::move(datagram);
                return out;
            }
            out.push_back(std::move(datagram));
            if (from == who && kept) {
                out.push_back(std::move(*kept));
                kept.reset();
            }
            return out;
        };
        world.handshake();
        expect_good_end(true);
    });
}

TEST_P(Mutation, a_datagram_cut) {
    for_each_datagram([&](Role who, size_t number, const Octets& sample) {
        const size_t step = std::max<size_t>(1, sample.size() / 24);
        for (size_t keep = 0; keep < sample.size(); keep += step) {
            SCOPED_TRACE(keep);
            run_with(who, number, [&](Octets one) {
                one.resize(std::min(one.size(), keep));
                return std::vector<Octets>{std::move(one)};
            });
            expect_good_end(is_datagram());
        }
    });
}

TEST_P(Mutation, an_octet_changed) {
    for_each_datagram([&](Role who, size_t number, const Octets& sample) {
        // Every octet of the headers and hellos, and enough of what is encrypted.
        for (size_t at = 0; at < sample.size(); at += at < 200 ? 1 : 7) {
            SCOPED_TRACE(at);
            for (const uint8_t flip : {uint8_t{0x01}, uint8_t{0x80}}) {
                run_with(who, number, [&](Octets one) {
                    if (at < one.size()) {
                        one[at] = static_cast<uint8_t>(one[at] ^ flip);
                    }
                    return std::vector<Octets>{std::move(one)};
                });
                expect_good_end(false);
                if (HasFatalFailure()) {
                    return;
                }
            }
        }
    });
}

TEST_P(Mutation, the_first_datagram_of_another_handshake_instead) {
    const auto recorded = record();
    for_each_datagram([&](Role who, size_t number, const Octets&) {
        run_with(who, number, [&](const Octets&) {
            return std::vector<Octets>{recorded[who == Role::client ? 0 : 1][number]};
        });
        expect_good_end(false);
    });
}

constexpr Shape kDatagrams{"datagrams", Transport::datagram, false, 1200, true};
constexpr Shape kWithCookie{"with_cookie", Transport::datagram, true, 1200, true};
constexpr Shape kSmallPieces{"small_pieces", Transport::datagram, false, 300, false};
constexpr Shape kSctp{"sctp", Transport::reliable, false, 65535, true};

std::string name_of(const testing::TestParamInfo<Shape>& shape) {
    return shape.param.name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Mutation,
                         testing::Values(kDatagrams, kWithCookie, kSmallPieces, kSctp), name_of);
INSTANTIATE_TEST_SUITE_P(Shapes, DatagramMutation,
                         testing::Values(kDatagrams, kWithCookie, kSmallPieces), name_of);

}  // namespace
}  // namespace sdg::keymgmt::dtls13::test
