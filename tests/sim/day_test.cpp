// A day of signalling through two gateways, with the default timers and simulated time: rekeys each
// hour, a link that gets better and worse, outages, gateways killed and started again. Every
// message must arrive once, unchanged and in order, and no nonce may be used twice.
//
// SDG_SOAK_SEED and SDG_SOAK_HOURS (default 24; 4 with the address sanitizer) make other days.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "dataplane/packet/frame.h"
#include "tests/sim/nonce_watch.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kHours = 4;
#else
constexpr uint64_t kHours = 24;
#endif

uint64_t from_environment(const char* name, uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

constexpr std::array<Impairment, 7> kWeather = {{
    {},
    {},
    {.loss = 0.01},
    {.loss = 0.1, .reorder = 0.1},
    {.loss = 0.25, .duplicate = 0.05},
    {.loss = 0.02, .duplicate = 0.2, .reorder = 0.3, .reorder_by = milliseconds(50)},
    {.corrupt = 0.05, .delay = milliseconds(40)},
}};

class Day {
 public:
    Day(Keys keys, uint64_t seed) : random_(seed), world_(restartable(nonces, seed, keys)) {
        world_.trunk.set_tap(
            [this](Link::Direction, std::span<const uint8_t> frame) { nonces.on_frame(frame); });
        world_.trunk.set_filter([this](Link::Direction, std::span<uint8_t> frame) {
            return world_.clock.now() >= outage_until_ ||
                   packet::parse(frame).kind != packet::FrameKind::sctp;
        });
        world_.server->set_answer([](const Message& m) { return m; });
        client_ = &world_.connect();
        say(5, 900);
    }

    // Lives through so many hours; the test's assertions are inside.
    void pass(hours length) {
        const TimePoint end = world_.clock.now() + length;
        TimePoint next_word{};
        TimePoint next_burst = after(minutes(10));
        TimePoint next_weather = after(minutes(7));
        TimePoint next_outage = after(minutes(50));
        TimePoint next_kill = after(hours(2));
        while (world_.clock.now() < end && !client_->closed()) {
            step();
            const TimePoint now = world_.clock.now();
            if (now >= next_word) {
                say(1, 900);
                next_word = after(seconds(15));
            }
            if (now >= next_burst) {
                say(40, 20'000);
                next_burst = after(minutes(10));
            }
            if (now >= next_weather) {
                world_.trunk.set_impairment(kWeather[random_.u32() % kWeather.size()]);
                next_weather = after(minutes(7));
            }
            if (now >= next_outage) {
                outage_until_ = now + seconds(1 + random_.u32() % 20);
                say(3, 900);
                ++outages;
                next_outage = after(minutes(50));
            }
            if (now >= next_kill) {
                ASSERT_NO_FATAL_FAILURE(kill());
                next_kill = after(hours(2));
            }
        }
        all_is_there();
        expect_same(sent_, world_.server->peers()[0]->received());
        expect_same(sent_, client_->received());
        ASSERT_FALSE(client_->closed()) << client_->close_detail();
        EXPECT_EQ(world_.server->peers().size(), 1U);
    }

    NonceWatch nonces;
    size_t kills = 0;
    size_t outages = 0;
    [[nodiscard]] size_t messages() const { return sent_.size(); }

 private:
    // About that much later: between half and one and a half times.
    TimePoint after(std::chrono::nanoseconds mean) {
        return world_.clock.now() + mean / 2 + mean * (random_.u32() % 1000) / 1000;
    }

    // Time goes in small steps while something moves, in larger ones while all wait.
    void step() {
        const bool moving =
            world_.trunk.in_flight() + world_.access.in_flight() + world_.core.in_flight() != 0 ||
            world_.clock.now() < moving_until_;
        world_.step(moving ? microseconds(500) : microseconds(20'000));
    }

    void say(size_t count, size_t largest) {
        for (Message& m : make_messages(random_.u32(), count, largest)) {
            client_->send(m);
            sent_.push_back(std::move(m));
        }
        moving_until_ = world_.clock.now() + milliseconds(100);
    }

    void all_is_there() {
        const TimePoint end = world_.clock.now() + minutes(5);
        while (client_->received().size() < sent_.size() && !client_->closed() &&
               world_.clock.now() < end) {
            step();
        }
        ASSERT_EQ(client_->received().size(), sent_.size())
            << (client_->closed() ? client_->close_detail() : "not all came back");
    }

    // With nothing on its way nothing is lost: what is sent before and after arrives once.
    void kill() {
        ASSERT_NO_FATAL_FAILURE(all_is_there());
        world_.run_for(seconds(15));  // the newest keys are kept, those before have drained
        auto& victim = random_.u32() % 2 == 0 ? world_.a : world_.b;
        const size_t restarts = client_->restarts();
        const bool is_a = &victim == &world_.a;
        world_.kill(victim);
        world_.run_for(milliseconds(random_.u32() % 3000));
        world_.start(victim);
        ASSERT_TRUE(world_.run_until([&] { return victim->relay().counters().pairs_restored == 1; },
                                     seconds(120)))
            << "kill " << kills << " of gateway " << (is_a ? "a" : "b") << '\n'
            << world_.a->statistics().dump() << '\n'
            << world_.b->statistics().dump();
        ASSERT_TRUE(world_.run_until(
            [&] { return client_->restarts() == restarts + (is_a ? 1 : 0); }, seconds(120)));
        say(3, 900);
        ASSERT_NO_FATAL_FAILURE(all_is_there());
        ++kills;
    }

    SeededRandom random_;
    World world_;
    Peer* client_ = nullptr;
    std::vector<Message> sent_;
    TimePoint outage_until_{};
    TimePoint moving_until_{};
};

class Soak : public testing::TestWithParam<Keys> {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }
};

TEST_P(Soak, a_day_loses_nothing) {
    const uint64_t seed = from_environment("SDG_SOAK_SEED", 24);
    const hours length(from_environment("SDG_SOAK_HOURS", kHours));
    Day day(GetParam(), seed);
    ASSERT_NO_FATAL_FAILURE(day.pass(length)) << "seed " << seed;
    EXPECT_EQ(day.nonces.repeated, 0U) << "a nonce was used twice";
    EXPECT_EQ(day.nonces.unknown, 0U);
    std::printf("%zu messages each way, %zu records, %zu gateways killed, %zu outages\n",
                day.messages(), day.nonces.opened, day.kills, day.outages);
    if (length >= hours(24)) {
        EXPECT_GT(day.messages(), 5'000U);
        EXPECT_GT(day.kills, 5U);
    }
}

INSTANTIATE_TEST_SUITE_P(Methods, Soak, testing::Values(Keys::tls13, Keys::dtls13, Keys::preshared),
                         [](const auto& one) {
                             return std::string(one.param == Keys::tls13    ? "tls13"
                                                : one.param == Keys::dtls13 ? "dtls13"
                                                                            : "preshared");
                         });

}  // namespace
}  // namespace sdg::sim
