// Owner of all rings between the workers, and between each worker and the control thread.
//
// The control thread makes it before workers start and destroys it after they have stopped and
// before the ports: packets still in a ring go back to their pools then. Several sets may live in
// one process.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/worker/bridge.h"
#include "foundation/result.h"

namespace sdg::worker {

class WorkerRingSet {
 public:
    // packets: what each ring holds at least. resource_exhausted when there is no memory.
    [[nodiscard]] static Result<std::unique_ptr<WorkerRingSet>> create(unsigned workers,
                                                                       unsigned packets);
    ~WorkerRingSet();
    WorkerRingSet(const WorkerRingSet&) = delete;
    WorkerRingSet& operator=(const WorkerRingSet&) = delete;

    // all()[w]: the rings of worker w. Copies stay valid as long as the set lives.
    [[nodiscard]] const std::vector<WorkerRings>& all() const { return rings_; }

 private:
    WorkerRingSet() = default;
    std::vector<WorkerRings> rings_;
};

}  // namespace sdg::worker
