// Sends the packets of the associations towards a forwarder and checks what comes back.
//
//   seal         plain packets out on the plain port, records in on the protected one
//   open         records out on the protected port, plain packets in on the plain one
//   round trip   plain packets out; every record that comes is opened, sealed anew and sent back;
//                plain packets in
//
// One thread (main). Nothing is allocated while it runs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/packet/frame.h"
#include "dataplane/record/record.h"
#include "perf/pktgen/associations.h"
#include "perf/pktgen/frames.h"
#include "perf/pktgen/generator_port.h"
#include "perf/pktgen/options.h"

namespace sdg::traffic {

enum class Direction : uint8_t { seal, open, round_trip };
[[nodiscard]] std::string_view name(Direction direction);

struct GeneratorSettings {
    Direction direction = Direction::seal;
    std::string plain_device;
    std::string protected_device;  // empty: both legs on the plain device
    std::array<LegAddresses, 2> addresses;
    AssociationSettings associations;
    SizeMix mix = SizeMix::fixed(256);
    bool random = false;
    unsigned queues = 1;
    double rate = 0;      // packets/s; 0: as many as the port takes
    uint32_t window = 0;  // packets on their way at most; 0: any
    uint64_t count = 0;   // packets in all; 0: until seconds are over
    double seconds = 5;
    double wait = 10;  // seconds for the forwarder to be there
};

class Generator {
 public:
    [[nodiscard]] static Result<std::unique_ptr<Generator>> create(
        const GeneratorSettings& settings);

    // Waits for the forwarder, sends, collects. Errors: nobody answers, nothing comes back.
    [[nodiscard]] Result<void> run();
    [[nodiscard]] nlohmann::json report() const;
    // Packets that came back other than sent, or nothing came back at all.
    [[nodiscard]] bool has_faults() const;

 private:
    struct Counters {
        uint64_t sent = 0;
        uint64_t sent_octets = 0;  // SCTP, plain
        uint64_t received = 0;     // at the end of the way, right
        uint64_t received_octets = 0;
        uint64_t reflected = 0;
        // Wrong.
        uint64_t checksum = 0;
        uint64_t malformed = 0;
        uint64_t no_association = 0;
        uint64_t not_opened = 0;
        uint64_t replayed = 0;
        uint64_t changed = 0;  // chunks other than sent
        // Not ours, or the generator's own limit.
        uint64_t strays = 0;
        uint64_t no_buffer = 0;
    };
    struct Arrival {
        rte_mbuf* frame = nullptr;
        uint8_t* sctp = nullptr;
        uint32_t association = 0;
        uint16_t l3_offset = 0;
        record::OpenRequest request;
    };

    explicit Generator(const GeneratorSettings& settings)
        : settings_(settings),
          associations_(settings.associations),
          order_(settings.mix, settings.associations.count, settings.random,
                 settings.associations.seed) {}
    [[nodiscard]] Result<void> make_contexts();
    [[nodiscard]] Result<void> meet_forwarder();
    [[nodiscard]] Result<void> warm_up();
    [[nodiscard]] GeneratorPort& port_of(Leg leg) const {
        return *ports_[settings_.protected_device.empty() ? 0 : index_of(leg)];
    }
    [[nodiscard]] Leg sending_leg() const {
        return settings_.direction == Direction::open ? Leg::protected_ : Leg::plain;
    }
    size_t send(size_t packets);
    void seal(std::span<rte_mbuf*> frames, std::span<const PacketOrder::Next> which);
    size_t receive_all();
    size_t receive(GeneratorPort& port);
    void take_plain(rte_mbuf* frame, std::span<uint8_t> sctp);
    void take_opened(GeneratorPort& port, std::span<Arrival> arrivals);
    void reflect(GeneratorPort& port, std::span<Arrival> arrivals);
    void arrived(std::span<const uint8_t> chunks);
    [[nodiscard]] size_t may_send(uint64_t now) const;
    [[nodiscard]] bool has_sent_all(uint64_t now) const;
    void write_off_lost(uint64_t now);
    [[nodiscard]] uint64_t in_flight() const {
        return counters_.sent - counters_.received - written_off_;
    }

    GeneratorSettings settings_;
    Associations associations_;
    PacketOrder order_;
    std::vector<std::unique_ptr<GeneratorPort>> ports_;
    std::unique_ptr<record::RecordEngine> engine_;
    std::vector<std::unique_ptr<record::SealContext>> seals_;
    std::vector<std::unique_ptr<record::OpenContext>> opens_;
    std::array<LinkAddresses, 2> links_;
    std::optional<FrameSet> frames_;
    Counters counters_;
    uint64_t written_off_ = 0;
    // Keys are not renewed here: short of what the suite lets one of them seal, sending ends.
    uint64_t key_limit_ = UINT64_MAX;
    uint64_t started_ = 0;  // cycles
    uint64_t sending_until_ = 0;
    uint64_t last_arrival_ = 0;
    uint64_t now_ = 0;
};

}  // namespace sdg::traffic
