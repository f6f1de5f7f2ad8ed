// Set-up rate and memory of SCTP associations in the control plane: two hosts in one process, one
// connecting to the other, packets handed straight over, no data plane. One core.
//
//   association-bench [--associations N] [--json]
//
// Prints the median time of one set-up (INIT to ESTABLISHED on both sides) around the 100th
// association and at the end, their ratio, what a tick of the timers and an idle round cost with
// all of them up, and heap octets per association and side. Protected: with 0x8006 negotiated and
// the cookie carrying both parameters; keys are not derived.
#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <vector>

#include "control/sctp/host.h"
#include "dataplane/packet/code_points.h"
#include "dataplane/packet/sctp.h"
#include "foundation/clock.h"
#include "foundation/random.h"
#include "perf/measure.h"
#include "tests/unit/sctp/fake_protection.h"

namespace {

using namespace sdg;
using perf::median;
using Nanoseconds = std::chrono::duration<double, std::nano>;

class Observer final : public sctp::AssociationObserver {
 public:
    void on_established(sctp::Association&) override { ++established; }
    void on_readable(sctp::Association& association) override {
        uint8_t buffer[2048];
        while (true) {
            const auto piece = association.receive(buffer);
            if (!piece || !*piece) {
                return;
            }
            ++received;
        }
    }
    void on_writable(sctp::Association&) override {}
    void on_peer_shutdown(sctp::Association&) override {}
    void on_closed(sctp::Association&, sctp::CloseReason, const std::string& detail) override {
        ++closed;
        last_detail = detail;
    }
    size_t established = 0;
    size_t received = 0;
    size_t closed = 0;
    std::string last_detail;
};

struct InFlight {
    bool to_b = false;
    IpAddress from, to;
    std::vector<uint8_t> octets;
};

size_t heap_octets() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

struct Figures {
    double first_us = 0;  // median of one set-up around the 100th
    double last_us = 0;   // ... of the last ones
    double octets_per_association = 0;
    double tick_us = 0;
    double message_first_us = 0;
    double message_last_us = 0;
};

class Bench {
 public:
    Bench(size_t count, bool protected_legs) : count_(count) {
        sctp::Host::Settings settings;
        settings.unauthenticated = {.all = 1, .source = 1};  // nobody gets keys here
        settings.max_associations = static_cast<uint32_t>(count + 10);
        a_ = *sctp::Host::create(settings, {}, protection_a_, link(true), clock_, random_);
        b_ = *sctp::Host::create(settings, {}, protection_b_, link(false), clock_, random_);
        if (protected_legs) {
            leg_.key_management = keys::LocalKeyManagement{};
            leg_.key_management->methods = {0};
        }
        listener_ = *b_->listen(address_b_, 5000, 0, leg_, static_cast<uint32_t>(count + 10),
                                [this](sctp::Association&) { return &server_; });
    }

    Figures run() {
        Figures result;
        std::vector<double> durations;
        std::vector<sctp::Association*> associations;
        durations.reserve(count_);
        associations.reserve(count_);
        const size_t before = heap_octets();
        for (size_t i = 0; i < count_; ++i) {
            const auto start = std::chrono::steady_clock::now();
            const auto association = a_->connect({address_a_, address_b_, 0, 5000, 0}, leg_,
                                                 std::chrono::seconds(10), client_);
            if (!association) {
                throw std::runtime_error(association.error().message);
            }
            while (client_.established <= i || server_.established <= i) {
                if (!move() && client_.closed + server_.closed > 0) {
                    throw std::runtime_error(client_.last_detail);
                }
                a_->run();
                b_->run();
            }
            durations.push_back(Nanoseconds(std::chrono::steady_clock::now() - start).count() /
                                1000);
            associations.push_back(*association);
        }
        result.octets_per_association =
            static_cast<double>(heap_octets() - before) / static_cast<double>(2 * count_);
        const size_t window = std::min<size_t>(200, count_ / 4);
        const auto from = durations.begin() + static_cast<ptrdiff_t>(count_ > 400 ? 20 : 0);
        result.first_us = median({from, from + static_cast<ptrdiff_t>(window)});
        result.last_us =
            median({durations.end() - static_cast<ptrdiff_t>(window), durations.end()});
        result.message_first_us = message(associations.front());
        result.message_last_us = message(associations.back());
        result.tick_us = tick();
        return result;
    }

 private:
    sctp::Host::Output link(bool to_b) {
        return [this, to_b](const sctp::OutgoingPacket& packet) {
            queue_.push_back(
                {to_b, packet.local, packet.peer, {packet.sctp.begin(), packet.sctp.end()}});
            return true;
        };
    }

    bool move() {
        bool moved = false;
        while (!queue_.empty()) {
            InFlight one = std::move(queue_.front());
            queue_.pop_front();
            sctp::ReceivedPacket packet;
            packet.local = one.to;
            packet.peer = one.from;
            packet.sctp = one.octets;
            // The data plane opens what comes after the set-up.
            packet.opened =
                leg_.key_management && (one.octets[packet::kCommonHeader] == packet::kChunkData ||
                                        one.octets[packet::kCommonHeader] == packet::kChunkSack);
            (one.to_b ? b_ : a_)->on_packet(packet);
            moved = true;
        }
        return moved;
    }

    // Median time of a 256-octet message there, with the SACK back.
    double message(sctp::Association* association) {
        std::vector<double> times;
        const std::vector<uint8_t> octets(256, 7);
        for (int i = 0; i < 1000; ++i) {
            const size_t had = server_.received;
            const auto start = std::chrono::steady_clock::now();
            if (!association->send({0, 0, false, true}, octets)) {
                throw std::runtime_error("message not taken");
            }
            while (server_.received == had) {
                move();
                b_->run();
            }
            times.push_back(Nanoseconds(std::chrono::steady_clock::now() - start).count() / 1000);
        }
        return median(times);
    }

    // One walk over usrsctp's list of timers (sctp::Stack takes one every 10 to 100 ms).
    double tick() {
        std::vector<double> times;
        for (int i = 0; i < 15; ++i) {
            const TimePoint until = clock_.now() + std::chrono::milliseconds(101);
            while (clock_.now() < until) {
            }
            const auto start = std::chrono::steady_clock::now();
            a_->run();
            times.push_back(Nanoseconds(std::chrono::steady_clock::now() - start).count() / 1000);
            move();
        }
        return median(times);
    }

    size_t count_;
    SteadyClock clock_;
    SeededRandom random_{1};
    test::FakeProtection protection_a_;
    test::FakeProtection protection_b_;
    IpAddress address_a_ = *IpAddress::parse("10.0.0.1");
    IpAddress address_b_ = *IpAddress::parse("10.0.0.2");
    sctp::LegSettings leg_;
    Observer client_;
    Observer server_;
    std::deque<InFlight> queue_;
    std::unique_ptr<sctp::Host> a_;
    std::unique_ptr<sctp::Host> b_;
    std::unique_ptr<sctp::Listener> listener_;
};

}  // namespace

int main(int argc, char** argv) {
    size_t count = 5000;
    bool json = false;
    CLI::App app{"set-up rate and memory of SCTP associations"};
    app.add_option("--associations", count, "how many at once")
        ->check(CLI::Range(size_t{8}, size_t{15'000}));
    app.add_flag("--json", json, "one JSON object instead of text");
    CLI11_PARSE(app, argc, argv);

    nlohmann::json out;
    for (const bool protected_legs : {false, true}) {
        const Figures result = Bench(count, protected_legs).run();
        const double ratio = result.first_us / result.last_us;  // of rates
        const char* name = protected_legs ? "protected" : "plain";
        out[name] = {{"associations", count},
                     {"setup_us_at_100", result.first_us},
                     {"setup_us_at_end", result.last_us},
                     {"rate_ratio", ratio},
                     {"octets_per_association", result.octets_per_association},
                     {"message_us_first", result.message_first_us},
                     {"message_us_last", result.message_last_us},
                     {"timer_tick_us", result.tick_us}};
        if (!json) {
            fmt::print("{}: {} associations\n", name, count);
            fmt::print(
                "  set-up, both sides   at 100: {:7.1f} us ({:.0f}/s)   at the end: {:7.1f} us"
                " ({:.0f}/s)   rate ratio {:.2f}\n",
                result.first_us, 1e6 / result.first_us, result.last_us, 1e6 / result.last_us,
                ratio);
            fmt::print("  heap per association and side: {:.0f} octets\n",
                       result.octets_per_association);
            fmt::print("  256-octet message    first: {:7.2f} us   last: {:7.2f} us\n",
                       result.message_first_us, result.message_last_us);
            fmt::print("  one tick of the timers with all up: {:.1f} us\n", result.tick_us);
        }
    }
    if (json) {
        fmt::print("{}\n", out.dump(2));
    }
    return 0;
}
