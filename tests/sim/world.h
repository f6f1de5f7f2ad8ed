// The whole picture in one thread: plain nodes, two gateways, three simulated links.
//
//     client 10.1.0.10 -- A 10.1.0.1 | 10.2.0.1 == B 10.2.0.2 | 10.3.0.1 -- server 10.3.0.10
//
// Time is a manual clock, which usrsctp follows; the links draw from a seed. EAL must be started.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "config/configuration.h"
#include "foundation/clock.h"
#include "foundation/random.h"
#include "foundation/wall_clock.h"
#include "gateway/gateway.h"
#include "tests/sim/link.h"
#include "tests/sim/mortal_store.h"
#include "tests/sim/node.h"
#include "tests/support/pki.h"
#include "tests/support/usrsctp_clock.h"

namespace sdg::sim {

inline constexpr uint16_t kServicePort = 38412;

// How the link between the gateways gets its keys.
// all: dtls13, tls13, preshared in this order.
enum class Keys { preshared, tls13, tls13_or_preshared, dtls13, all };

// Calendar time that goes on with simulated time, until it is set.
class SimulatedWallClock final : public WallClock {
 public:
    explicit SimulatedWallClock(const Clock& clock) : clock_(clock) {}
    [[nodiscard]] WallTime now() const override {
        return set_to_ + std::chrono::duration_cast<WallTime>(clock_.now());
    }
    void jump(std::chrono::milliseconds by) { set_to_ += by; }

 private:
    const Clock& clock_;
    WallTime set_to_{1'800'000'000'000};
};

class World {
 public:
    struct Settings {
        uint64_t seed = 1;
        Impairment trunk{};           // between the gateways
        bool different_keys = false;  // B has another pre-shared key
        config::CipherSuite suite = config::CipherSuite::aes_128_gcm_sha256;
        config::ProtectionMode mode_a = config::ProtectionMode::strict;
        bool b_plain = false;  // B's trunk listener is plain SCTP: a peer without the extension
        uint32_t workers = 1;
        uint32_t max_associations = 1000;
        Keys keys_a = Keys::preshared;
        Keys keys_b = Keys::preshared;
        // Key-management roles that A and B offer: "cs", "c" or "s".
        std::string roles_a = "cs";
        std::string roles_b = "cs";
        bool restart = false;    // agreed, and both gateways keep their restart keys in stores
        bool without_b = false;  // nobody at B's end of the trunk but what the test puts there
        std::function<void(gateway::Gateway&)> on_start = nullptr;  // see World::on_start
        // Last words on A's and B's configuration.
        std::function<void(config::Configuration&)> adjust_a = nullptr;
        std::function<void(config::Configuration&)> adjust_b = nullptr;
    };
    explicit World(const Settings& settings);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // One round of everything, then time goes on by step.
    void step(std::chrono::microseconds step = std::chrono::microseconds(500));
    // Rounds until done or until the simulated time is up; returns done().
    [[nodiscard]] bool run_until(const std::function<bool()>& done, std::chrono::seconds at_most);
    void run_for(std::chrono::milliseconds time);

    ManualClock clock;
    test::UsrsctpClock usrsctp_clock;
    SimulatedWallClock wall_clock;  // of the restart stores
    Link access;                    // a: client, b: A
    Link trunk;                     // a: A, b: B
    Link core;                      // a: B, b: server
    SeededRandom random_a;
    SeededRandom random_b;
    // With a key method that needs one: certificates "a" (dns:a.example) and "b" (dns:b.example).
    std::unique_ptr<test::Pki> pki;
    std::unique_ptr<gateway::Gateway> a;
    std::unique_ptr<gateway::Gateway> b;
    std::unique_ptr<Node> client;
    std::unique_ptr<Node> server;

    // The process is gone between two instructions: nothing is sent any more, nothing is written,
    // also of what waits for the store. What the store had by then it has.
    void kill(std::unique_ptr<gateway::Gateway>& gateway);
    // The same, by itself, with one of its next writes to the store (1: the next).
    void die_with_write(std::unique_ptr<gateway::Gateway>& gateway, size_t number,
                        Gate::Death death);
    // Its store does not do this, until it is told otherwise.
    void refuse(std::unique_ptr<gateway::Gateway>& gateway, Gate::Refused what);
    // Another process with the configuration of a or b.
    void start(std::unique_ptr<gateway::Gateway>& gateway);
    // Another configuration for a or b: as it was, with the change. Empty: it is in force now; else
    // the key and the reason why nothing was changed.
    [[nodiscard]] std::string reload(
        std::unique_ptr<gateway::Gateway>& gateway,
        const std::function<void(config::Configuration&)>& change = nullptr);
    // Told of every gateway as soon as it is there.
    std::function<void(gateway::Gateway&)> on_start = nullptr;

    // Threads that get no time.
    struct Stalled {
        bool workers = false;
        bool control = false;
    };
    Stalled stalled_a;
    Stalled stalled_b;

    // Polled in every step, for what the test adds.
    std::function<void()> also = nullptr;

    [[nodiscard]] Peer& connect() {
        return client->connect(*IpAddress::parse("10.1.0.1"), kServicePort);
    }

 private:
    [[nodiscard]] std::unique_ptr<gateway::Gateway> make(const config::Configuration& configuration,
                                                         Random& random,
                                                         std::shared_ptr<Gate>& gate);
    [[nodiscard]] bool let_store_work(std::unique_ptr<gateway::Gateway>& gateway);

    config::Configuration config_a_;
    config::Configuration config_b_;
    std::string folder_;
    std::shared_ptr<Gate> gate_a_;  // of the gateway that runs
    std::shared_ptr<Gate> gate_b_;
};

}  // namespace sdg::sim
