// Messages both ways over one relayed association, each checked by content, and how long a fault is
// felt.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "foundation/random.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"

namespace sdg::sim {

// The client sends, the server answers each message by its complement. begin() before another one
// is made.
class Conversation {
 public:
    Conversation(World& world, uint64_t seed)
        : world_(world), random_(seed), number_(world.server->peers().size()) {
        world.server->set_answer(
            [](const Message& m) -> std::optional<Message> { return turned(m); });
        client_ = &world.connect();
    }
    [[nodiscard]] bool begin() {
        return world_.run_until(
            [&] {
                return client_->established() && world_.server->peers().size() > number_ &&
                       server().established();
            },
            std::chrono::seconds(60));
    }
    // A message every pace for that long.
    void talk(std::chrono::milliseconds time,
              std::chrono::milliseconds pace = std::chrono::milliseconds(10),
              size_t largest = 20'000) {
        const TimePoint end = world_.clock.now() + time;
        TimePoint next = world_.clock.now();
        while (world_.clock.now() < end && !client_->closed()) {
            if (world_.clock.now() >= next) {
                send(largest);
                next += pace;
            }
            world_.step();
        }
    }
    void send(size_t largest = 900) {
        Message m;
        m.stream = static_cast<uint16_t>(random_.u32() % 8);
        m.ppid = 60 + random_.u32() % 3;
        m.unordered = random_.u32() % 8 == 0;
        const size_t limit = random_.u32() % 16 == 0 ? largest : 900;
        m.octets.resize(1 + random_.u32() % limit);
        random_.fill(m.octets);
        sent_.push_back(m);
        client_->send(std::move(m));
    }
    [[nodiscard]] size_t answered() const { return client_->received().size(); }
    // Until everything sent has been answered; how long that took. nullopt: not in that time, or
    // the association has ended.
    [[nodiscard]] std::optional<std::chrono::milliseconds> settle(std::chrono::seconds at_most) {
        const TimePoint begin = world_.clock.now();
        const bool all = world_.run_until(
            [&] { return client_->closed() || answered() == sent_.size(); }, at_most);
        if (!all || client_->closed()) {
            return std::nullopt;
        }
        return std::chrono::duration_cast<std::chrono::milliseconds>(world_.clock.now() - begin);
    }
    // The fault is over: everything must come, in the time promised.
    void expect_recovery(const std::string& fault, std::chrono::seconds promised) {
        const auto took = settle(promised);
        ASSERT_TRUE(took) << fault << ": " << answered() << " of " << sent_.size() << " answered, "
                          << (client_->closed() ? client_->close_detail() : "open");
        std::cout << "recovery after " << fault << ": " << took->count() << " ms\n";
        expect_complete();
    }
    void expect_complete() {
        expect_same(sent_, server().received());
        std::vector<Message> answers;
        for (const Message& m : client_->received()) {
            answers.push_back(turned(m));
        }
        expect_same(sent_, answers);
    }
    // The association has ended: what arrived is what was sent, without a gap in any stream.
    void expect_nothing_altered() { expect_beginning(sent_, server().received()); }

    [[nodiscard]] Peer& client() { return *client_; }
    [[nodiscard]] Peer& server() { return *world_.server->peers()[number_]; }
    [[nodiscard]] const std::vector<Message>& sent() const { return sent_; }

 private:
    static Message turned(Message m) {
        for (auto& octet : m.octets) {
            octet = static_cast<uint8_t>(~octet);
        }
        return m;
    }
    static void expect_beginning(const std::vector<Message>& sent,
                                 const std::vector<Message>& received) {
        std::map<uint16_t, std::vector<const Message*>> ordered;
        std::multiset<std::vector<uint8_t>> loose;
        for (const Message& m : sent) {
            if (m.unordered) {
                loose.insert(m.octets);
            } else {
                ordered[m.stream].push_back(&m);
            }
        }
        std::map<uint16_t, size_t> next;
        for (const Message& m : received) {
            if (m.unordered) {
                const auto found = loose.find(m.octets);
                ASSERT_NE(found, loose.end()) << "altered, or there twice";
                loose.erase(found);
                continue;
            }
            size_t& at = next[m.stream];
            ASSERT_LT(at, ordered[m.stream].size());
            ASSERT_TRUE(*ordered[m.stream][at] == m) << "stream " << m.stream << " message " << at;
            ++at;
        }
    }

    World& world_;
    SeededRandom random_;
    size_t number_;  // of the server's associations
    Peer* client_ = nullptr;
    std::vector<Message> sent_;
};

}  // namespace sdg::sim
