// The Redis store against a real server that goes away, stalls, or is not what it should be.
#include "control/restart/redis_store.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "control/restart/association_codec.h"
#include "control/restart/redis_scripts.h"
#include "tests/unit/restart/redis_server.h"
#include "tests/unit/restart/sample.h"

namespace sdg::restart::test {
namespace {

using namespace std::chrono_literals;

class Redis : public testing::Test {
 protected:
    Result<std::unique_ptr<RestartStore>> open(RedisSettings settings) {
        return open_redis_store(std::move(settings), ring(), random_, clock_, wall_clock_);
    }
    Error error_of(RedisSettings settings) {
        const auto store = open(std::move(settings));
        EXPECT_FALSE(store);
        return store ? Error{} : store.error();
    }
    static RedisSettings impatient(const RedisServer& server) {
        RedisSettings out = server.settings();
        out.command_timeout = 500ms;
        out.wait_timeout = 50ms;
        return out;
    }
    SystemRandom random_;
    ManualClock clock_;
    ManualWallClock wall_clock_;
};

TEST_F(Redis, what_was_acknowledged_survives_the_server_being_killed) {
    RedisServer server;
    auto store = open(server.settings());
    ASSERT_TRUE(store) << store.error().message;
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    ASSERT_TRUE(lease);
    for (unsigned i = 0; i < 20; ++i) {
        ASSERT_TRUE((*store)->put(*lease, one(i, i)));
    }
    ASSERT_TRUE(take_one(**store, *lease, tuple(7)));
    server.kill();
    server.start();
    const auto listing = (*store)->list("g");
    ASSERT_TRUE(listing) << "a read connects anew: " << listing.error().message;
    EXPECT_EQ(listing->associations.size(), 19U);
    EXPECT_FALSE(take_one(**store, *lease, tuple(7)));
    EXPECT_TRUE(take_one(**store, *lease, tuple(8)));
}

TEST_F(Redis, a_lost_connection_is_an_error_and_is_made_again_in_time) {
    RedisServer server;
    auto store = open(server.settings());
    ASSERT_TRUE(store) << store.error().message;
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    server.kill();
    const auto put = (*store)->put(*lease, one(0, 1));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::unavailable) << put.error().message;
    EXPECT_NE(put.error().message.find(server.socket()), std::string::npos);
    EXPECT_EQ((*store)->list("g").error().code, ErrorCode::unavailable);
    server.start();
    EXPECT_EQ((*store)->list("g").error().code, ErrorCode::unavailable) << "not before its time";
    clock_.advance(1s);
    EXPECT_TRUE((*store)->put(*lease, one(0, 1))) << "joined anew under the same lease";
    EXPECT_EQ((*store)->counts().unreachable, 3U);
    EXPECT_EQ((*store)->counts().alarms, 3U);
}

TEST_F(Redis, a_server_that_stalls_does_not_hold_us) {
    RedisServer server;
    auto store = open(impatient(server));
    ASSERT_TRUE(store) << store.error().message;
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    ASSERT_TRUE((*store)->put(*lease, one(0, 1)));
    server.signal(SIGSTOP);
    const auto put = (*store)->put(*lease, one(2, 2));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::timed_out) << put.error().message;
    const auto taken = take_one(**store, *lease, tuple(0));
    EXPECT_FALSE(taken);
    server.signal(SIGCONT);
}

TEST_F(Redis, a_take_without_an_answer_gives_nothing_out_and_may_be_repeated) {
    RedisServer server;
    auto store = open(server.settings());
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    ASSERT_TRUE((*store)->put(*lease, one(0, 1)));
    server.kill();
    EXPECT_EQ(take_one(**store, *lease, tuple(0)).error().code, ErrorCode::unavailable);
    server.start();
    clock_.advance(1s);
    EXPECT_TRUE(take_one(**store, *lease, tuple(0)));
    EXPECT_EQ(take_one(**store, *lease, tuple(0)).error().code, ErrorCode::not_found);
}

TEST_F(Redis, a_command_of_a_lost_connection_cannot_bring_a_taken_context_back) {
    RedisServer server;
    auto store = open(server.settings());
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    ASSERT_TRUE((*store)->put(*lease, one(0, 1)));
    const EncodedTuple encoded = encode(tuple(0));
    const std::string key(encoded.begin(), encoded.end());
    const std::string row = server.command({"HGET", "sdg:contexts:g", "c" + key});
    const auto late_put = [&](const std::string& session) {
        return server.command({"EVAL", script::kPut, "3", "sdg:meta", "sdg:lease:g",
                               "sdg:contexts:g", lease->owner, std::to_string(lease->epoch),
                               session, "18", key, row});
    };
    const std::string old_session = server.command({"HGET", "sdg:lease:g", "session"});
    EXPECT_EQ(late_put(old_session), "ok\n");
    // A new connection of the same lease joins and takes; then a put of the old one arrives.
    auto anew = open(server.settings());
    ASSERT_TRUE(take_one(**anew, *lease, tuple(0)));
    EXPECT_EQ(late_put(old_session), "joined over\n");
    EXPECT_TRUE((*anew)->list("g")->associations.empty());
}

TEST_F(Redis, a_server_that_is_not_durable_is_refused_unless_asked_for) {
    RedisServer server({"--appendfsync", "everysec"});
    const Error error = error_of(server.settings());
    EXPECT_EQ(error.code, ErrorCode::invalid_argument);
    EXPECT_NE(error.message.find("appendfsync"), std::string::npos);
    RedisSettings lax = server.settings();
    lax.require_durable = false;
    EXPECT_TRUE(open(std::move(lax)));
    (void)server.command({"CONFIG", "SET", "appendfsync", "always"});
    EXPECT_TRUE(open(server.settings()));
    (void)server.command({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
    EXPECT_NE(error_of(server.settings()).message.find("maxmemory-policy"), std::string::npos);
}

TEST_F(Redis, a_password_is_given_and_a_wrong_one_is_said_to_be_that) {
    RedisServer server({"--requirepass", "correct horse"});
    EXPECT_EQ(error_of(server.settings()).code, ErrorCode::permission_denied);
    RedisSettings settings = server.settings();
    const std::string wrong = "battery staple";
    settings.password =
        SecretBytes::copy_of({reinterpret_cast<const uint8_t*>(wrong.data()), wrong.size()});
    const Error error = error_of(std::move(settings));
    EXPECT_EQ(error.code, ErrorCode::permission_denied);
    EXPECT_EQ(error.message.find("staple"), std::string::npos);
    const std::string right = "correct horse";
    for (const char* user : {"", "default"}) {
        RedisSettings good = server.settings();
        good.user = user;
        good.password =
            SecretBytes::copy_of({reinterpret_cast<const uint8_t*>(right.data()), right.size()});
        EXPECT_TRUE(open(std::move(good)));
    }
}

TEST_F(Redis, a_full_server_is_said_to_be_full_and_keeps_what_it_has) {
    RedisServer server;
    auto store = open(server.settings());
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    ASSERT_TRUE((*store)->put(*lease, one(0, 1)));
    (void)server.command({"CONFIG", "SET", "maxmemory", "1000000"});
    const auto put = (*store)->put(*lease, one(2, 2));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::resource_exhausted) << put.error().message;
    EXPECT_EQ((*store)->counts().full, 1U);
    EXPECT_EQ((*store)->list("g")->associations.size(), 1U);
    (void)server.command({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_TRUE((*store)->put(*lease, one(2, 2)));
}

TEST_F(Redis, a_replica_is_read_only) {
    RedisServer server;
    auto store = open(server.settings());
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    (void)server.command({"REPLICAOF", "127.0.0.1", "1"});
    const auto put = (*store)->put(*lease, one(0, 1));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::permission_denied) << put.error().message;
}

TEST_F(Redis, without_its_replicas_nothing_is_said_to_be_stored_or_given_out) {
    RedisServer server;
    auto writer = open(server.settings());
    const auto lease = (*writer)->acquire("g", "gw-a", 10s);
    ASSERT_TRUE((*writer)->put(*lease, one(0, 1)));
    RedisSettings settings = server.settings();
    settings.wait_replicas = 1;
    settings.wait_timeout = 20ms;
    auto store = open(std::move(settings));
    ASSERT_TRUE(store) << store.error().message;
    const auto put = (*store)->put(*lease, one(2, 2));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::timed_out);
    EXPECT_NE(put.error().message.find("0 of 1 replicas"), std::string::npos);
    EXPECT_EQ(take_one(**store, *lease, tuple(0)).error().code, ErrorCode::timed_out);
    EXPECT_EQ(take_one(**writer, *lease, tuple(0)).error().code, ErrorCode::not_found)
        << "lost rather than given out twice";
}

TEST_F(Redis, somebody_elses_data_under_our_prefix_is_left_as_it_is) {
    RedisServer server;
    (void)server.command({"SET", "sdg:meta", "recipes"});
    EXPECT_EQ(error_of(server.settings()).code, ErrorCode::corrupt);
    EXPECT_EQ(server.command({"GET", "sdg:meta"}), "recipes");
    RedisSettings other = server.settings();
    other.prefix = "{sdg-2}";
    auto store = open(std::move(other));
    ASSERT_TRUE(store) << store.error().message;
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    (void)server.command({"SET", "{sdg-2}:contexts:g", "recipes"});
    EXPECT_EQ((*store)->put(*lease, one(0, 1)).error().code, ErrorCode::corrupt);
    EXPECT_EQ((*store)->list("g").error().code, ErrorCode::corrupt);
    (void)server.command({"DEL", "{sdg-2}:contexts:g"});
    (void)server.command({"HSET", "{sdg-2}:contexts:g", "name", "soup"});
    EXPECT_EQ((*store)->list("g")->unreadable_places, 1U);
    EXPECT_GE((*store)->counts().alarms, 3U);
}

TEST_F(Redis, what_cannot_be_reached_is_named) {
    TempFolder folder;
    RedisSettings settings;
    settings.server = UnixSocket{(folder / "none").string()};
    const Error no_socket = error_of(std::move(settings));
    EXPECT_EQ(no_socket.code, ErrorCode::unavailable);
    EXPECT_NE(no_socket.message.find((folder / "none").string()), std::string::npos);
    settings = {};
    settings.server = TcpSocket{*IpAddress::parse("127.0.0.1"), 1};
    EXPECT_NE(error_of(std::move(settings)).message.find("127.0.0.1 port 1"), std::string::npos);
    settings = {};
    settings.wait_timeout = settings.command_timeout;
    EXPECT_EQ(error_of(std::move(settings)).code, ErrorCode::invalid_argument);
}

// Some port that is free now; the server is the first to ask for it. 0 when none was found.
uint16_t give_port(const RedisServer& server, Random& random) {
    for (int attempt = 0; attempt < 20; ++attempt) {
        const auto port = static_cast<uint16_t>(20'000 + random.u32() % 10'000);
        if (server.command({"CONFIG", "SET", "port", std::to_string(port)}) == "OK") {
            return port;
        }
    }
    return 0;
}

TEST_F(Redis, over_tcp_on_loopback) {
    const RedisServer server;
    RedisSettings settings = server.settings();
    settings.server = TcpSocket{*IpAddress::parse("127.0.0.1"), give_port(server, random_)};
    auto store = open(std::move(settings));
    ASSERT_TRUE(store) << store.error().message;
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    ASSERT_TRUE((*store)->put(*lease, one(0, 1)));
    EXPECT_TRUE(take_one(**store, *lease, tuple(0)));
}

TEST_F(Redis, a_replica_that_is_promoted_has_what_was_stored_and_not_what_was_taken) {
    RedisServer primary({"--repl-diskless-sync-delay", "0"});
    const uint16_t port = give_port(primary, random_);
    const RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(port)});
    RedisSettings settings = primary.settings();
    settings.wait_replicas = 1;
    settings.command_timeout = 60s;
    settings.wait_timeout = 50s;  // the first one ends when the replica has caught up
    auto store = open(std::move(settings));
    ASSERT_TRUE(store) << store.error().message;
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    ASSERT_TRUE(lease) << lease.error().message;
    for (unsigned i = 0; i < 10; ++i) {
        ASSERT_TRUE((*store)->put(*lease, one(i, i)));
    }
    ASSERT_TRUE(take_one(**store, *lease, tuple(3)));
    primary.kill();
    ASSERT_EQ(replica.command({"REPLICAOF", "NO", "ONE"}), "OK");
    auto standby = open(replica.settings());
    ASSERT_TRUE(standby) << standby.error().message;
    EXPECT_FALSE((*standby)->acquire("g", "gw-b", 10s)) << "the lease is there, too";
    const auto taken_over = (*standby)->acquire("g", "gw-b", 10s, AcquireMode::force);
    ASSERT_TRUE(taken_over);
    EXPECT_EQ(taken_over->epoch, lease->epoch + 1);
    EXPECT_EQ((*standby)->list("g")->associations.size(), 9U);
    EXPECT_EQ(take_one(**standby, *taken_over, tuple(3)).error().code, ErrorCode::not_found);
    EXPECT_TRUE(take_one(**standby, *taken_over, tuple(4)));
}

}  // namespace
}  // namespace sdg::restart::test
