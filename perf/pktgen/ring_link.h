// Two net_ring devices back to back: a cable within the process.
//
// Made before the ports that use it and destroyed after them, by the main thread; what is still on
// the cable then is freed.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "foundation/result.h"

struct rte_ring;

namespace sdg::traffic {

class RingLink {
 public:
    // label: short, one per link.
    [[nodiscard]] static Result<std::unique_ptr<RingLink>> create(const std::string& label);
    ~RingLink();
    RingLink(const RingLink&) = delete;
    RingLink& operator=(const RingLink&) = delete;

    [[nodiscard]] const std::string& near() const { return devices_[0]; }
    [[nodiscard]] const std::string& far() const { return devices_[1]; }

 private:
    RingLink() = default;
    std::array<rte_ring*, 2> rings_{};
    std::array<std::string, 2> devices_;
};

}  // namespace sdg::traffic
