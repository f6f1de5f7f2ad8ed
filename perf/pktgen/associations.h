// The associations of a traffic run, made from a seed so that forwarder and generator need not
// exchange anything: ports, verification tags and keys follow from the seed and a number.
//
//   node --plain leg-- [forwarder] ==protected leg== peer          node and peer: the generator
//
// Association i has the same SCTP ports on both legs and a verification tag per leg and direction.
// Keys come from a seeded generator and protect nothing: for traffic runs only. Immutable, any
// thread; integers are host byte order.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/record/key_material.h"
#include "dataplane/record/suite.h"

namespace sdg::traffic {

enum class Leg : uint8_t { plain = 0, protected_ = 1 };
[[nodiscard]] constexpr Leg other(Leg leg) {
    return leg == Leg::plain ? Leg::protected_ : Leg::plain;
}
[[nodiscard]] constexpr size_t index_of(Leg leg) {
    return static_cast<size_t>(leg);
}

inline constexpr uint16_t kGatewayPort = 38412;
inline constexpr uint16_t kEpoch = 3;
inline constexpr uint32_t kMaxAssociations = 100'000;

struct AssociationSettings {
    uint32_t count = 64;  // 1..kMaxAssociations
    uint64_t seed = 1;
    record::Suite suite = record::Suite::aes_128_gcm_sha256;
};

class Associations {
 public:
    explicit Associations(const AssociationSettings& settings);

    [[nodiscard]] uint32_t size() const { return settings_.count; }
    [[nodiscard]] const AssociationSettings& settings() const { return settings_; }
    // The generator's SCTP port; the forwarder's is kGatewayPort.
    [[nodiscard]] static uint16_t node_port(uint32_t association);
    // Tags of packets towards the forwarder, and towards the generator. Never 0.
    [[nodiscard]] uint32_t tag_to_gateway(Leg leg, uint32_t association) const;
    [[nodiscard]] uint32_t tag_to_node(Leg leg, uint32_t association) const;
    // The association of a packet towards the generator.
    [[nodiscard]] std::optional<uint32_t> find_to_node(Leg leg, uint16_t node_port,
                                                       uint32_t tag) const;
    // What the generator seals with on the protected leg, and what the forwarder seals with.
    [[nodiscard]] record::KeyMaterial keys_to_gateway(uint32_t association) const;
    [[nodiscard]] record::KeyMaterial keys_to_node(uint32_t association) const;

 private:
    [[nodiscard]] uint32_t tag(uint32_t kind, uint32_t association) const;
    [[nodiscard]] record::KeyMaterial keys(uint64_t stream) const;

    AssociationSettings settings_;
    uint32_t tag_mask_ = 0;
};

}  // namespace sdg::traffic
