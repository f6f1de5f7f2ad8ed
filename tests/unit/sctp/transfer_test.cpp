// Messages of every size over a path that loses, duplicates and reorders: complete, in order per
// stream, byte for byte, both directions at once.
#include <algorithm>
#include <set>

#include "tests/unit/sctp/two_hosts.h"

namespace sdg::test {
namespace {

struct Impaired {
    uint64_t seed;
    double loss;
    bool protected_leg;
};

std::vector<Message> messages(uint64_t seed, size_t count) {
    SeededRandom random(seed);
    std::vector<Message> out;
    for (size_t i = 0; i < count; ++i) {
        Message message;
        message.stream = static_cast<uint16_t>(random.u32() % 16);
        message.ppid = static_cast<uint32_t>(i);
        message.unordered = random.u32() % 3 == 0;
        size_t length = 1 + random.u32() % 200;
        switch (random.u32() % 8) {
            case 0:
                length = 1;
                break;
            case 1:
                length = 1 + random.u32() % 300'000;
                break;
            case 2:
                length = 1 + random.u32() % 20'000;
                break;
            default:
                break;
        }
        message.octets.resize(length);
        random.fill(message.octets);
        out.push_back(std::move(message));
    }
    return out;
}

void expect_delivered(const std::vector<Message>& sent, const std::vector<Message>& received) {
    ASSERT_EQ(sent.size(), received.size());
    std::vector<uint8_t> there(sent.size());
    std::map<uint16_t, uint32_t> last_ordered;
    for (const Message& message : received) {
        ASSERT_LT(message.ppid, sent.size());
        EXPECT_EQ(there[message.ppid]++, 0) << "delivered twice: " << message.ppid;
        EXPECT_TRUE(message == sent[message.ppid]) << "changed: " << message.ppid;
        if (!message.unordered) {
            const auto [last, first] = last_ordered.try_emplace(message.stream, message.ppid);
            EXPECT_TRUE(first || last->second < message.ppid) << "out of order on its stream";
            last->second = message.ppid;
        }
    }
}

class TransferTest : public ::testing::TestWithParam<Impaired> {};

TEST_P(TransferTest, is_complete_and_exact_in_both_directions) {
    TwoHosts net(GetParam().seed);
    net.keep_seen = false;
    const sctp::LegSettings leg = GetParam().protected_leg ? protected_leg() : sctp::LegSettings{};
    net.listen(net.b, 5000, leg);
    Recorder client;
    net.connect(client, 5000, leg);
    ASSERT_TRUE(
        net.run_until(5s, [&] { return client.saw("established") && net.b.accepted.size() == 1; }));
    Recorder& server = *net.b.accepted.front();
    net.path.loss = GetParam().loss;
    net.path.duplicate = GetParam().loss;
    net.path.reorder = GetParam().loss;
    const auto there = messages(GetParam().seed + 100, 120);
    const auto back = messages(GetParam().seed + 200, 120);
    for (const Message& message : there) {
        client.send(message);
    }
    for (const Message& message : back) {
        server.send(message);
    }
    ASSERT_TRUE(net.run_until(3600s,
                              [&] {
                                  return client.reason || server.reason ||
                                         (server.received.size() == there.size() &&
                                          client.received.size() == back.size());
                              }))
        << server.received.size() << " " << client.received.size();
    ASSERT_FALSE(client.reason.has_value()) << client.detail;
    ASSERT_FALSE(server.reason.has_value()) << server.detail;
    expect_delivered(there, server.received);
    expect_delivered(back, client.received);
    client.association->shutdown();
    EXPECT_TRUE(net.run_until(120s, [&] { return client.reason && server.reason; }));
}

INSTANTIATE_TEST_SUITE_P(Paths, TransferTest,
                         ::testing::Values(Impaired{1, 0, false}, Impaired{2, 0.05, false},
                                           Impaired{3, 0.05, false}, Impaired{4, 0.01, false},
                                           Impaired{5, 0.05, true}, Impaired{6, 0.1, true}));

TEST(Transfer, a_message_larger_than_both_buffers_streams_through) {
    TwoHosts net;
    net.keep_seen = false;
    sctp::LegSettings leg;
    leg.send_buffer = 64 * 1024;
    leg.receive_buffer = 64 * 1024;
    net.listen(net.b, 5000, leg);
    Recorder client;
    net.connect(client, 5000, leg);
    const Message message{1, 1, false, std::vector<uint8_t>(3'000'000, 0x5a)};
    client.send(message);
    ASSERT_TRUE(net.run_until(60s, [&] {
        return !net.b.accepted.empty() && net.b.accepted.front()->received.size() == 1;
    }));
    EXPECT_TRUE(net.b.accepted.front()->received.front() == message);
}

// The port's MTU bounds every packet as it will be on the wire: IP header, and on a protected leg
// the DTLS chunk around its chunks.
class MtuTest : public ::testing::TestWithParam<std::tuple<uint16_t, bool, bool>> {};

TEST_P(MtuTest, no_packet_is_too_long_and_the_room_is_used) {
    const auto [mtu, is_protected, v6] = GetParam();
    TwoHosts net;
    sctp::LegSettings leg = is_protected ? protected_leg() : sctp::LegSettings{};
    leg.mtu = mtu;
    if (v6) {
        net.a.address = *IpAddress::parse("2001:db8::1");
        net.b.address = *IpAddress::parse("2001:db8::2");
    }
    net.listen(net.b, 5000, leg);
    Recorder client;
    net.connect(client, 5000, leg);
    client.send({0, 0, false, std::vector<uint8_t>(100'000, 1)});
    ASSERT_TRUE(net.run_until(
        30s, [&] { return !net.b.accepted.empty() && !net.b.accepted[0]->received.empty(); }));
    size_t largest = 0;
    for (const Seen& one : net.seen) {
        largest = std::max(largest, one.octets.size());
    }
    const size_t around = (v6 ? 40U : 20U) + (is_protected ? 28U : 0U);
    EXPECT_LE(largest + around, mtu);
    EXPECT_GT(largest + around + 8, mtu);
}

// usrsctp forgives a path its errors only when something arrives at the first attempt, and sends
// nothing new on one that it has given up, until a HEARTBEAT is answered.
TEST(Transfer, goes_on_when_nothing_arrives_at_the_first_attempt) {
    TwoHosts net(1, {}, {.rto_initial = 100ms, .rto_min = 100ms, .rto_max = 200ms});
    net.listen(net.b, 5000);
    Recorder client;
    net.connect(client, 5000);
    ASSERT_TRUE(net.run_until(2s, [&] { return !net.b.accepted.empty(); }));
    std::set<uint32_t> sent;
    net.filter = [&sent](Seen& packet) {
        return !packet.from_a || packet.first_chunk() != packet::kChunkData ||
               !sent.insert(packet::load_be32(packet.octets.data() + packet::kCommonHeader +
                                              packet::kChunkHeader))
                    .second;
    };
    const Recorder& server = *net.b.accepted[0];
    for (size_t n = 1; n <= 30; ++n) {
        client.send({0, 0, false, {1, 2, 3}});
        ASSERT_TRUE(net.run_until(1s, [&] { return server.received.size() == n; })) << n;
    }
}

class WritableCounter final : public Recorder {
 public:
    void on_writable(sctp::Association&) override { ++told; }
    size_t told = 0;
};

// Some room is there before as much as usrsctp tells of.
TEST(Transfer, room_is_told_of_although_a_short_message_has_found_some) {
    TwoHosts net;
    sctp::LegSettings leg;
    leg.send_buffer = 16 * 1024;
    net.listen(net.b, 5000);
    WritableCounter client;
    net.connect(client, 5000, leg);
    ASSERT_TRUE(net.run_until(2s, [&] { return !net.b.accepted.empty(); }));
    net.run(1s);
    size_t may_come = 0;  // packets from B
    net.filter = [&may_come](Seen& packet) {
        return packet.from_a || may_come == SIZE_MAX || (may_come > 0 && may_come-- > 0);
    };
    const std::vector<uint8_t> message(1024);
    const auto send = [&](std::span<const uint8_t> octets, uint16_t stream) {
        const auto taken = client.association->send(
            {.stream = stream, .ppid = 0, .unordered = false, .end_of_message = true}, octets);
        return taken ? *taken : SIZE_MAX;
    };
    for (int i = 0; i < 16; ++i) {
        ASSERT_EQ(send(message, 0), message.size());
    }
    ASSERT_EQ(send(message, 0), 0U) << "the buffer is full";
    may_come = 1;
    const std::vector<uint8_t> short_message(100);
    ASSERT_TRUE(net.run_until(2s, [&] { return send(short_message, 1) == short_message.size(); }));
    ASSERT_EQ(client.told, 0U) << "there was room for everything";
    may_come = SIZE_MAX;
    EXPECT_TRUE(net.run_until(5s, [&] { return client.told > 0; }));
}

// usrsctp looks for a larger path MTU every ten minutes, unless it is told not to, for each path.
class LongLife : public ::testing::Test {
 protected:
    void expect_same_mtu_after(std::chrono::minutes time, Recorder& client) {
        const Recorder& server = *net.b.accepted.back();
        net.run(time);
        ASSERT_NE(client.association, nullptr);
        ASSERT_NE(server.association, nullptr);
        EXPECT_EQ(client.association->path_figures()->path_mtu, kPathMtu);
        EXPECT_EQ(server.association->path_figures()->path_mtu, kPathMtu);
    }

    static constexpr uint32_t kPathMtu = 1500 - 20 - packet::kCommonHeader;
    TwoHosts net;
    sctp::LegSettings leg;
};

TEST_F(LongLife, the_path_mtu_stays_what_it_is) {
    net.keep_seen = false;
    net.listen(net.b, 5000, leg);
    Recorder client;
    net.connect(client, 5000, leg);
    ASSERT_TRUE(net.run_until(2s, [&] { return client.saw("established"); }));
    expect_same_mtu_after(25min, client);
}

TEST_F(LongLife, also_after_a_restart) {
    net.keep_seen = false;
    leg.survives_restart = true;
    net.listen(net.b, 5000, leg);
    Recorder client;
    net.connect(client, 5000, leg, 10s, 40'000);
    ASSERT_TRUE(net.run_until(2s, [&] { return client.saw("established"); }));
    net.filter = [](Seen&) { return false; };
    client.association->abort("power failure");
    net.run(10ms);
    net.filter = nullptr;
    Recorder reborn;
    net.connect(reborn, 5000, leg, 10s, 40'000);
    ASSERT_TRUE(net.run_until(2s, [&] { return reborn.saw("established"); }));
    ASSERT_EQ(net.b.accepted.size(), 1U);
    expect_same_mtu_after(25min, reborn);
}

INSTANTIATE_TEST_SUITE_P(All, MtuTest,
                         ::testing::Combine(::testing::Values(800, 1400, 1499, 1500, 9000),
                                            ::testing::Bool(), ::testing::Bool()));

}  // namespace
}  // namespace sdg::test
