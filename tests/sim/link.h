// A simulated Ethernet link between two net_ring ports: loses, duplicates, reorders, corrupts and
// delays frames from a seed, under a manual clock. Single thread.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "foundation/clock.h"
#include "foundation/random.h"

namespace sdg::sim {

// Of packets of SCTP. ARP and neighbour discovery have timers in real time, which may be much
// slower than the simulated one: a question that is lost could cost minutes.
struct Impairment {
    double loss = 0;  // probability per frame, each direction
    double duplicate = 0;
    double corrupt = 0;  // one random bit flipped
    double reorder = 0;  // probability of an extra delay of 1..reorder_by
    std::chrono::microseconds delay{100};
    std::chrono::microseconds reorder_by{5'000};
};

class Link {
 public:
    enum class Direction { a_to_b, b_to_a };
    // What a test sees of every frame that enters the link, before impairment.
    using Tap = std::function<void(Direction, std::span<const uint8_t> frame)>;
    // May change the frame in place (same length); return false to lose it.
    using Filter = std::function<bool(Direction, std::span<uint8_t> frame)>;

    struct Counters {
        uint64_t carried = 0, lost = 0, duplicated = 0, corrupted = 0, reordered = 0;
    };

    // Makes two ethdevs for PortSettings::device. Names are unique per process. Whoever opened the
    // devices closes them before the link goes, after clear(): frames on the link are in their
    // pools' buffers.
    Link(const std::string& name, const Impairment& impairment, uint64_t seed, const Clock& clock);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    [[nodiscard]] const std::string& device_a() const { return device_a_; }
    [[nodiscard]] const std::string& device_b() const { return device_b_; }
    // Loses everything that is on the link.
    void clear();
    // Moves what is due. Returns the number of frames delivered.
    size_t step();
    void set_tap(Tap tap) { tap_ = std::move(tap); }
    void set_filter(Filter filter) { filter_ = std::move(filter); }
    void set_impairment(const Impairment& impairment) { impairment_ = impairment; }
    // Puts a frame on the wire towards one end as if the other had sent it.
    void inject(Direction direction, std::span<const uint8_t> frame);
    [[nodiscard]] const Counters& counters() const { return counters_; }
    [[nodiscard]] size_t in_flight() const { return queue_.size(); }

 private:
    struct InFlight {
        Direction direction;
        std::vector<uint8_t> frame;
    };

    void take_from(rte_ring* ring, Direction direction);
    void schedule(Direction direction, std::vector<uint8_t> frame);
    [[nodiscard]] bool chance(double probability);

    Impairment impairment_;
    SeededRandom random_;
    const Clock& clock_;
    std::string device_a_;
    std::string device_b_;
    rte_ring* a_transmit_ = nullptr;
    rte_ring* a_receive_ = nullptr;
    rte_ring* b_transmit_ = nullptr;
    rte_ring* b_receive_ = nullptr;
    rte_mempool* pool_ = nullptr;
    std::multimap<TimePoint, InFlight> queue_;
    Tap tap_;
    Filter filter_;
    Counters counters_;
};

}  // namespace sdg::sim
