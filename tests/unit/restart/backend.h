// The two implementations behind one face, for tests of what they have in common.
#pragma once

#include <memory>
#include <string>

#include "control/restart/store.h"
#include "foundation/clock.h"

namespace sdg::restart::test {

class Backend {
 public:
    virtual ~Backend() = default;
    // The same data at every call.
    virtual Result<std::unique_ptr<RestartStore>> open(KeyRing ring) = 0;
    // Behind the store's back: exchanges the newest rows of two associations of a group.
    virtual void swap_rows(const std::string& group, const sctp::FourTuple& a,
                           const sctp::FourTuple& b) = 0;
    // The newest row of an association moves to another group.
    virtual void move_row(const std::string& from, const std::string& to,
                          const sctp::FourTuple& which) = 0;
    // Flips a bit in the newest row.
    virtual void damage_row(const std::string& group, const sctp::FourTuple& which) = 0;
    // Every octet the store keeps on disk.
    virtual std::string everything() = 0;

    SystemRandom random;
    SteadyClock clock;
    ManualWallClock wall_clock;
};

enum class BackendKind { sqlite, redis };
std::unique_ptr<Backend> make_backend(BackendKind kind);
inline std::string name_of(BackendKind kind) {
    return kind == BackendKind::sqlite ? "sqlite" : "redis";
}

}  // namespace sdg::restart::test
