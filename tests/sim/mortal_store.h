// A restart store of a process that can die between any two of its writes, also with writes
// waiting.
//
// Writes happen only while the world lets them (Gate), so that packets which leave before the store
// has answered do leave before; and after the write that was named nothing happens any more, as in
// a process that was killed: what was still queued is lost. Reads and the lease are not held back.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>

#include "control/restart/store.h"

namespace sdg::sim {

// Shared by the world (its thread) and the store (the writer's thread).
class Gate {
 public:
    enum class Death {
        before,
        after
    };  // the write: it did not happen, or nobody learnt that it did

    void open(bool is_open) {
        const std::lock_guard lock(mutex_);
        open_ = is_open;
        changed_.notify_all();
    }
    // With the next write (1), the one after that (2) and so on.
    void die_with_write(size_t number, Death death) {
        const std::lock_guard lock(mutex_);
        left_ = number;
        death_ = death;
    }
    void die() {
        const std::lock_guard lock(mutex_);
        dead_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] bool dead() const {
        const std::lock_guard lock(mutex_);
        return dead_;
    }

    // Writes that fail from now on, while others go on.
    struct Refused {
        bool removals = false;
        bool takes = false;
    };
    void refuse(Refused what) {
        const std::lock_guard lock(mutex_);
        refused_ = what;
    }
    [[nodiscard]] Refused refused() const {
        const std::lock_guard lock(mutex_);
        return refused_;
    }

    // Around a write, on the writer's thread: whether it happens, and whether its result is told.
    struct Passage {
        bool happens = true;
        bool told = true;
    };
    [[nodiscard]] Passage pass() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return open_ || dead_; });
        if (dead_) {
            return {false, false};
        }
        if (!left_ || --*left_ > 0) {
            return {};
        }
        dead_ = true;
        return {death_ == Death::after, false};
    }

 private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = true;
    bool dead_ = false;
    Refused refused_{};
    std::optional<size_t> left_;
    Death death_ = Death::before;
};

[[nodiscard]] std::unique_ptr<restart::RestartStore> make_mortal(
    std::unique_ptr<restart::RestartStore> store, std::shared_ptr<Gate> gate, Random& random,
    const WallClock& wall_clock);

}  // namespace sdg::sim
