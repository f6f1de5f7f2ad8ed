#include "perf/pktgen/associations.h"

#include "foundation/random.h"
#include "perf/measure.h"

namespace sdg::traffic {
namespace {

// A tag is its kind in the high four bits and the number, masked, in the low 28: unique without a
// table, and the number can be had back from it.
constexpr uint32_t kNumberBits = 28;
constexpr uint32_t kNumberMask = (1U << kNumberBits) - 1;
constexpr uint32_t kToGateway = 1;
constexpr uint32_t kToNode = 3;

constexpr uint16_t kFirstNodePort = 1024;
constexpr uint32_t kNodePorts = 30'000;  // stays below the forwarder's

}  // namespace

Associations::Associations(const AssociationSettings& settings)
    : settings_(settings), tag_mask_(SeededRandom(settings.seed).u32() & kNumberMask) {
}

uint16_t Associations::node_port(uint32_t association) {
    return static_cast<uint16_t>(kFirstNodePort + association % kNodePorts);
}

uint32_t Associations::tag(uint32_t kind, uint32_t association) const {
    return kind << kNumberBits | (association ^ tag_mask_);
}

uint32_t Associations::tag_to_gateway(Leg leg, uint32_t association) const {
    return tag(kToGateway + static_cast<uint32_t>(leg), association);
}

uint32_t Associations::tag_to_node(Leg leg, uint32_t association) const {
    return tag(kToNode + static_cast<uint32_t>(leg), association);
}

std::optional<uint32_t> Associations::find_to_node(Leg leg, uint16_t node_port,
                                                   uint32_t tag) const {
    const uint32_t association = (tag & kNumberMask) ^ tag_mask_;
    if (tag >> kNumberBits != kToNode + static_cast<uint32_t>(leg) ||
        association >= settings_.count || this->node_port(association) != node_port) {
        return std::nullopt;
    }
    return association;
}

record::KeyMaterial Associations::keys(uint64_t stream) const {
    return perf::make_material(settings_.suite, SeededRandom(settings_.seed ^ stream << 20).u64());
}

record::KeyMaterial Associations::keys_to_gateway(uint32_t association) const {
    return keys(2 * uint64_t{association} + 1);
}

record::KeyMaterial Associations::keys_to_node(uint32_t association) const {
    return keys(2 * uint64_t{association} + 2);
}

}  // namespace sdg::traffic
