// The wrapped State Cookie by itself, and what replayed, changed and flooding packets do to a host.
#include <malloc.h>

#include <algorithm>

#include "control/sctp/spent_cookies.h"
#include "control/sctp/state_cookie.h"
#include "dataplane/packet/abort.h"
#include "tests/unit/sctp/two_hosts.h"

namespace sdg::test {
namespace {

using sctp::CookieContent;
using sctp::CookieError;
using sctp::FourTuple;
using sctp::SpentCookies;
using sctp::StateCookie;

class StateCookieTest : public ::testing::Test {
 protected:
    CookieContent content() const {
        CookieContent out;
        out.local_tag = 0x11223344;
        out.peer_tag = 0x55667788;
        out.path = {1024, 4711, 3};
        out.local_parameter = *packet::KeyManagementParameter::create(1, packet::kKmFlagServer,
                                                                      std::vector<uint8_t>{0});
        out.peer_parameter = *packet::KeyManagementParameter::create(2, packet::kKmFlagClient,
                                                                     std::vector<uint8_t>{0, 192});
        out.inner = {1, 2, 3, 4, 5};
        return out;
    }

    SeededRandom random{7};
    FourTuple tuple{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), 5000, 40'000};
    StateCookie cookies{60s, 3600s, random};
};

TEST_F(StateCookieTest, brings_back_what_was_put_in) {
    const auto wrapped = cookies.wrap(content(), tuple, 5s);
    const auto back = cookies.unwrap(wrapped, tuple, 6s);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->local_tag, content().local_tag);
    EXPECT_EQ(back->peer_tag, content().peer_tag);
    EXPECT_EQ(back->path, content().path);
    EXPECT_EQ(back->local_parameter, content().local_parameter);
    EXPECT_EQ(back->peer_parameter, content().peer_parameter);
    EXPECT_EQ(back->inner, content().inner);
}

TEST_F(StateCookieTest, works_without_parameters) {
    CookieContent plain = content();
    plain.local_parameter.reset();
    plain.peer_parameter.reset();
    const auto back = cookies.unwrap(cookies.wrap(plain, tuple, 5s), tuple, 5s);
    ASSERT_TRUE(back.has_value());
    EXPECT_FALSE(back->local_parameter.has_value());
    EXPECT_FALSE(back->peer_parameter.has_value());
}

TEST_F(StateCookieTest, no_octet_may_change) {
    const auto wrapped = cookies.wrap(content(), tuple, 5s);
    for (size_t i = 0; i < wrapped.size(); ++i) {
        auto changed = wrapped;
        changed[i] ^= 0x10;
        EXPECT_FALSE(cookies.unwrap(changed, tuple, 5s).has_value()) << i;
    }
}

TEST_F(StateCookieTest, may_not_be_cut_or_extended) {
    const auto wrapped = cookies.wrap(content(), tuple, 5s);
    for (size_t length = 0; length < wrapped.size(); ++length) {
        EXPECT_FALSE(cookies.unwrap(std::span(wrapped).first(length), tuple, 5s).has_value());
    }
    auto longer = wrapped;
    longer.push_back(0);
    EXPECT_FALSE(cookies.unwrap(longer, tuple, 5s).has_value());
}

TEST_F(StateCookieTest, is_bound_to_the_four_tuple) {
    const auto wrapped = cookies.wrap(content(), tuple, 5s);
    FourTuple other = tuple;
    other.peer_port = 40'001;
    EXPECT_EQ(cookies.unwrap(wrapped, other, 5s).error(), CookieError::not_authentic);
    other = tuple;
    other.peer = *IpAddress::parse("10.0.0.3");
    EXPECT_EQ(cookies.unwrap(wrapped, other, 5s).error(), CookieError::not_authentic);
    other = tuple;
    std::swap(other.local, other.peer);
    EXPECT_EQ(cookies.unwrap(wrapped, other, 5s).error(), CookieError::not_authentic);
}

TEST_F(StateCookieTest, expires) {
    const auto wrapped = cookies.wrap(content(), tuple, 5s);
    EXPECT_TRUE(cookies.unwrap(wrapped, tuple, 65s).has_value());
    EXPECT_EQ(cookies.unwrap(wrapped, tuple, 66s).error(), CookieError::expired);
    EXPECT_EQ(cookies.unwrap(wrapped, tuple, 4s).error(), CookieError::expired);
}

TEST_F(StateCookieTest, outlives_one_change_of_keys_but_not_two) {
    const auto early = cookies.wrap(content(), tuple, 5s);
    const auto late = cookies.wrap(content(), tuple, 3604s);
    const auto next = cookies.wrap(content(), tuple, 3606s);  // the second key
    EXPECT_NE(late[1], next[1]);
    EXPECT_TRUE(cookies.unwrap(late, tuple, 3630s).has_value());
    EXPECT_TRUE(cookies.unwrap(next, tuple, 3630s).has_value());
    EXPECT_EQ(cookies.unwrap(early, tuple, 3630s).error(), CookieError::expired);
    EXPECT_EQ(cookies.unwrap(late, tuple, 3700s).error(), CookieError::unknown_key);
}

TEST_F(StateCookieTest, of_another_process_is_refused) {
    SeededRandom other_random(8);
    StateCookie other(60s, 3600s, other_random);
    const auto foreign = other.wrap(content(), tuple, 5s);
    static_cast<void>(cookies.wrap(content(), tuple, 5s));
    EXPECT_EQ(cookies.unwrap(foreign, tuple, 5s).error(), CookieError::not_authentic);
}

TEST(SpentCookies, are_remembered_for_their_lifetime_only) {
    SpentCookies spent(60s, 100);
    EXPECT_EQ(spent.spend(1, 2, 0s), SpentCookies::Verdict::fresh);
    EXPECT_EQ(spent.spend(1, 2, 60s), SpentCookies::Verdict::spent);
    EXPECT_EQ(spent.spend(2, 1, 60s), SpentCookies::Verdict::fresh);
    EXPECT_EQ(spent.spend(1, 2, 61s), SpentCookies::Verdict::fresh);
    EXPECT_EQ(spent.size(), 2U);
}

TEST(SpentCookies, full_refuses_rather_than_forgets) {
    SpentCookies spent(60s, 2);
    EXPECT_EQ(spent.spend(1, 1, 0s), SpentCookies::Verdict::fresh);
    EXPECT_EQ(spent.spend(2, 2, 1s), SpentCookies::Verdict::fresh);
    EXPECT_EQ(spent.spend(3, 3, 2s), SpentCookies::Verdict::full);
    EXPECT_EQ(spent.spend(1, 1, 2s), SpentCookies::Verdict::spent);
    EXPECT_EQ(spent.spend(3, 3, 61s), SpentCookies::Verdict::fresh);
}

class ReplayTest : public ::testing::Test {
 protected:
    void set_up(const sctp::LegSettings& leg) {
        net.listen(net.b, 5000, leg);
        net.connect(client, 5000, leg);
        ASSERT_TRUE(net.run_until(
            5s, [&] { return client.saw("established") && net.b.accepted.size() == 1; }));
        net.run(50ms);
        for (const Seen& one : net.seen) {
            if (one.first_chunk() == packet::kChunkCookieEcho) {
                echo = one.octets;
            }
        }
    }
    void close() {
        client.association->shutdown();
        ASSERT_TRUE(net.run_until(5s, [&] {
            return net.a.host->association_count() + net.b.host->association_count() == 0;
        }));
    }

    TwoHosts net;
    Recorder client;
    std::vector<uint8_t> echo;
};

TEST_F(ReplayTest, a_closed_protected_association_does_not_come_back) {
    set_up(protected_leg());
    close();
    net.inject(net.b, echo, net.a.address);
    EXPECT_EQ(net.b.host->association_count(), 0U);
    EXPECT_EQ(net.b.host->counters().cookie_refused, 1U);
    EXPECT_EQ(net.b.accepted.size(), 1U);
    net.run(70s);  // the cookie has expired by now, and the memory of it too
    net.inject(net.b, echo, net.a.address);
    EXPECT_EQ(net.b.host->association_count(), 0U);
    EXPECT_EQ(net.b.host->counters().cookie_invalid, 1U);
}

TEST_F(ReplayTest, a_duplicate_on_a_live_association_changes_nothing) {
    for (const bool is_protected : {false, true}) {
        TwoHosts two(11);
        Recorder one;
        const sctp::LegSettings leg = is_protected ? protected_leg() : sctp::LegSettings{};
        two.listen(two.b, 5000, leg);
        two.filter = [&](Seen& packet) {
            if (packet.first_chunk() == packet::kChunkCookieEcho) {
                two.inject(two.b, packet.octets, two.a.address);
            }
            return true;
        };
        two.connect(one, 5000, leg);
        ASSERT_TRUE(two.run_until(5s, [&] { return one.saw("established"); }));
        two.run(1s);
        EXPECT_EQ(two.b.accepted.size(), 1U);
        EXPECT_FALSE(one.reason.has_value());
        one.send({0, 0, false, {1, 2}});
        EXPECT_TRUE(two.run_until(2s, [&] { return two.b.accepted[0]->received.size() == 1; }));
    }
}

TEST_F(ReplayTest, a_cookie_that_comes_too_late_is_told) {
    set_up({});
    close();
    net.run(61s);
    net.seen.clear();
    auto forged = echo;
    forged[7] ^= 1;  // the verification tag
    net.inject(net.b, forged, net.a.address);
    net.run(1s);
    EXPECT_TRUE(net.seen.empty());
    net.inject(net.b, echo, net.a.address);
    net.run(1s);
    ASSERT_EQ(net.seen.size(), 1U) << "and the ERROR is not answered";
    EXPECT_EQ(net.seen[0].first_chunk(), packet::kChunkError);
    EXPECT_EQ(packet::first_error_cause(net.seen[0].octets), packet::kCauseStaleCookie);
    EXPECT_EQ(net.b.host->counters().cookie_invalid, 2U);
}

TEST_F(ReplayTest, a_changed_cookie_makes_no_association) {
    set_up({});
    close();
    // Padding may follow the cookie.
    const size_t end =
        packet::kCommonHeader + packet::load_be16(echo.data() + packet::kCommonHeader + 2);
    for (size_t i = packet::kCommonHeader + packet::kChunkHeader; i < end; i += 7) {
        auto changed = echo;
        changed[i] ^= 1;
        net.inject(net.b, changed, net.a.address);
    }
    EXPECT_EQ(net.b.host->association_count(), 0U);
    EXPECT_GT(net.b.host->counters().cookie_invalid, 10U);
    const auto before = net.b.host->counters().cookie_invalid;
    net.inject(net.b, echo, *IpAddress::parse("10.9.9.9"));
    EXPECT_EQ(net.b.host->counters().cookie_invalid, before + 1);
}

TEST_F(ReplayTest, a_cookie_does_not_fit_another_listener) {
    set_up({});
    close();
    net.b.listeners.clear();
    net.listen(net.b, 5001);  // takes the virtual port that 5000 had
    net.listen(net.b, 5000);
    net.inject(net.b, echo, net.a.address);
    EXPECT_EQ(net.b.host->association_count(), 0U);
}

// RFC 9260, 5.1.3: nothing is kept for an INIT.
TEST(InitFlood, allocates_nothing) {
    TwoHosts net;
    net.keep_seen = false;
    size_t answers = 0;
    net.filter = [&answers](Seen&) {
        ++answers;
        return false;
    };
    net.listen(net.b, 5000, protected_leg());
    net.listen(net.b, 5001);
    SeededRandom random(3);
    const auto parameter = packet::KeyManagementParameter::create(
        9, packet::kKmFlagClient | packet::kKmFlagServer, std::vector<uint8_t>{0});
    const auto flood = [&](int count) {
        for (int i = 0; i < count; ++i) {
            std::vector<uint8_t> init(packet::kCommonHeader + packet::kChunkHeader +
                                      packet::kInitFixed);
            const bool is_protected = i % 2 == 0;
            packet::write_common_header(init.data(),
                                        {static_cast<uint16_t>(1 + random.u32() % 65'535),
                                         static_cast<uint16_t>(is_protected ? 5000 : 5001), 0});
            uint8_t* chunk = init.data() + packet::kCommonHeader;
            chunk[0] = packet::kChunkInit;
            packet::store_be16(chunk + 2, packet::kChunkHeader + packet::kInitFixed);
            packet::store_be32(chunk + 4, random.u32() | 1);
            packet::store_be32(chunk + 8, 100'000);
            packet::store_be16(chunk + 12, 10);
            packet::store_be16(chunk + 14, 10);
            packet::store_be32(chunk + 16, random.u32());
            if (is_protected) {
                packet::append_parameter(init, parameter->wire());
            }
            uint8_t from[4];
            random.fill(from);
            net.inject(net.b, init, IpAddress::v4(from));
            if (i % 100 == 0) {
                net.run(1ms);
            }
        }
    };
    flood(2000);  // first-use allocations of usrsctp and OpenSSL
    const size_t before = mallinfo2().uordblks;
    flood(100'000);
    const size_t after = mallinfo2().uordblks;
    EXPECT_LE(after, before + 4096);
    EXPECT_EQ(answers, 102'000U);
    EXPECT_EQ(net.b.host->association_count(), 0U);
    EXPECT_EQ(net.b.protection.size(), 0U);
    EXPECT_EQ(net.b.host->counters().init_received, 102'000U);
}

}  // namespace
}  // namespace sdg::test
