// From what an operator wants captured to what the data plane takes and the file says about it.
// Control thread; reads associations and ports, changes nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "control/admin/operations.h"
#include "control/capture/pcapng.h"
#include "control/capture/recorder.h"
#include "dataplane/capture/tap.h"
#include "foundation/result.h"
#include "gateway/gateway.h"

namespace sdg::gateway {

// Defaults, and the most that may be asked for.
inline constexpr uint64_t kCaptureSeconds = 60;
inline constexpr uint64_t kMostCaptureSeconds = 86'400;
inline constexpr uint64_t kCapturePackets = 1'000'000;
inline constexpr uint64_t kMostCapturePackets = 1'000'000'000;
inline constexpr uint64_t kCaptureOctets = uint64_t{64} << 20;
inline constexpr uint64_t kMostCaptureOctets = uint64_t{64} << 30;
inline constexpr uint64_t kLeastSnap = 64;

struct CapturePlan {
    std::vector<capture::Target> targets;
    std::vector<capture::Interface> interfaces;  // one for each target
    capture::Section section;
    capture::Limits limits;
    std::chrono::seconds duration{};
    uint32_t snap = 0;
    bool plaintext = false;
    bool keys = false;

    // Whether records of the targets carry this tag.
    [[nodiscard]] bool wants_key(uint32_t tag_on_wire) const;
};

// invalid_argument, not_found, unavailable; refused: plaintext or keys without lab.keylog.
[[nodiscard]] Result<CapturePlan> plan_capture(const admin::CaptureWish& wish,
                                               const admin::Peer& by, const Gateway& gateway);

}  // namespace sdg::gateway
