// The gateway against a native endpoint that was written from the drafts (native_peer.h): both
// key-management roles, rekeys from both ends.
#include <gtest/gtest.h>

#include <optional>

#include "dataplane/packet/code_points.h"
#include "tests/sim/native_peer.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Native : public testing::TestWithParam<bool> {
 protected:
    static void SetUpTestSuite() { test::eal(512); }
};

TEST_P(Native, exchanges_and_rekeys_with_the_gateway) {
    const bool native_is_client = GetParam();
    World::Settings settings;
    settings.seed = 51;
    settings.keys_a = Keys::tls13;
    settings.keys_b = Keys::tls13;  // makes its certificate
    settings.without_b = true;
    settings.trunk = {.loss = 0.02, .reorder = 0.05};
    settings.roles_a = native_is_client ? "s" : "c";
    World world(settings);
    const NativeNode native(world);
    const auto& natives = native.associations();

    Peer& client = world.connect();
    const auto messages = make_messages(61, 80, 9'000);
    const auto exchange = [&](size_t rounds) {
        for (const auto& m : messages) {
            client.send(m);
        }
        ASSERT_TRUE(world.run_until(
            [&] { return client.received().size() == rounds * messages.size(); }, seconds(120)))
            << client.received().size();
    };
    exchange(1);
    ASSERT_EQ(natives.size(), 1U);
    for (size_t round = 2; round < 10; ++round) {
        world.run_for(milliseconds(1500));
        const uint16_t before = natives[0]->peer->epoch();
        if (round % 2 == 0) {
            world.a->request_rekey();
        } else {
            natives[0]->peer->start();
        }
        exchange(round);
        ASSERT_TRUE(
            world.run_until([&] { return natives[0]->peer->epoch() > before; }, seconds(20)));
    }
    EXPECT_EQ(natives[0]->peer->failure(), "");
    EXPECT_EQ(natives[0]->peer->epoch(), packet::kFirstEpoch + 8);
    EXPECT_EQ(world.a->relay().counters().protection_failures, 0U);
}

INSTANTIATE_TEST_SUITE_P(Roles, Native, testing::Bool(), [](const auto& role) {
    return role.param ? "native_is_client" : "native_is_server";
});

}  // namespace
}  // namespace sdg::sim
