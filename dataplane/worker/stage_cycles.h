// Where a worker's cycles go, stage by stage: counted only in builds with -Dstage_cycles=true
// (rdtsc twice a stage and burst would cost a few per cent); otherwise the counters stay zero and
// nothing of this is in the code.
#pragma once

#include <rte_cycles.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sdg::worker {

enum class CostStage : uint8_t {
    receive_port,   // the driver's receive function
    parse,          // Ethernet, IP, addresses
    checksum_in,    // CRC32c and the form of the chunks
    lookup,         // ports and tag in the association table
    prepare_open,   // the DTLS chunk and its key
    open,           // masks, replay pre-check, AEAD, window
    deliver,        // strip, ring to the control thread
    take,           // ring from the control thread
    prepare_seal,   // association, key, room
    seal,           // number, AEAD, mask
    checksum_out,   // DTLS chunk header, CRC32c
    route,          // IP, next hop, Ethernet
    transmit_port,  // the driver's transmit function
};
inline constexpr size_t kCostStages = 13;
[[nodiscard]] std::string_view name(CostStage stage);

#ifdef SDG_STAGE_CYCLES
inline constexpr bool kCountsStageCycles = true;
#else
inline constexpr bool kCountsStageCycles = false;
#endif

// One per worker; its thread only.
class StageWatch {
 public:
    void start() {
        if constexpr (kCountsStageCycles) {
            last_ = rte_rdtsc();
        }
    }
    // What has passed since start() or the last call of this.
    uint64_t lap() {
        if constexpr (kCountsStageCycles) {
            const uint64_t now = rte_rdtsc();
            const uint64_t passed = now - last_;
            last_ = now;
            return passed;
        }
        return 0;
    }

 private:
    uint64_t last_ = 0;
};

}  // namespace sdg::worker
