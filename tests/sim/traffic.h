// Messages to relay and the check that they all came as they left; what crosses the trunk.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "dataplane/packet/code_points.h"
#include "dataplane/packet/frame.h"
#include "foundation/random.h"
#include "tests/sim/link.h"
#include "tests/sim/node.h"

namespace sdg::sim {

inline std::vector<Message> make_messages(uint64_t seed, size_t count, size_t largest) {
    SeededRandom random(seed);
    std::vector<Message> out;
    for (size_t i = 0; i < count; ++i) {
        Message m;
        m.stream = static_cast<uint16_t>(random.u32() % 10);
        m.ppid = 60 + random.u32() % 3;
        m.unordered = random.u32() % 4 == 0;
        // Mostly signalling sizes, now and then something big.
        const size_t limit = random.u32() % 16 == 0 ? largest : 900;
        m.octets.resize(1 + random.u32() % limit);
        random.fill(m.octets);
        out.push_back(std::move(m));
    }
    return out;
}

// Every message once, unchanged; ordered ones of a stream in order.
inline void expect_same(const std::vector<Message>& sent, const std::vector<Message>& received) {
    ASSERT_EQ(sent.size(), received.size());
    std::map<uint16_t, std::vector<const Message*>> sent_ordered;
    std::map<uint16_t, std::vector<const Message*>> got_ordered;
    std::multiset<std::vector<uint8_t>> sent_loose;
    std::multiset<std::vector<uint8_t>> got_loose;
    const auto sort = [](const std::vector<Message>& from, auto& ordered, auto& loose) {
        for (const Message& m : from) {
            if (m.unordered) {
                auto all = m.octets;
                all.push_back(static_cast<uint8_t>(m.stream));
                all.push_back(static_cast<uint8_t>(m.ppid));
                loose.insert(std::move(all));
            } else {
                ordered[m.stream].push_back(&m);
            }
        }
    };
    sort(sent, sent_ordered, sent_loose);
    sort(received, got_ordered, got_loose);
    EXPECT_TRUE(sent_loose == got_loose) << "unordered messages differ";
    ASSERT_EQ(sent_ordered.size(), got_ordered.size());
    for (const auto& [stream, messages] : sent_ordered) {
        const auto& got = got_ordered[stream];
        ASSERT_EQ(messages.size(), got.size()) << "stream " << stream;
        for (size_t i = 0; i < messages.size(); ++i) {
            ASSERT_TRUE(*messages[i] == *got[i]) << "stream " << stream << " message " << i;
        }
    }
}

// Counts what crosses the trunk by first chunk type.
struct TrunkView {
    std::map<int, size_t> chunks;
    std::vector<std::vector<uint8_t>> sealed;  // frames, a to b
    void watch(Link& link) {
        link.set_tap([this](Link::Direction direction, std::span<const uint8_t> frame) {
            const auto parsed = packet::parse(frame);
            if (parsed.kind != packet::FrameKind::sctp) {
                return;
            }
            ++chunks[parsed.first_chunk];
            if (parsed.first_chunk == packet::kChunkDtls && direction == Link::Direction::a_to_b) {
                sealed.emplace_back(frame.begin(), frame.end());
            }
        });
    }
};

}  // namespace sdg::sim
