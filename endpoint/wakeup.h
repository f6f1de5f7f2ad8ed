// What the endpoint's one thread sleeps on: a nudge from usrsctp's threads, SIGTERM and SIGINT.
//
// Make it before the stack starts, so that the stack's threads inherit the blocked signals. nudge()
// may be called from any thread; everything else belongs to the owner's.
#pragma once

#include <chrono>

#include "foundation/result.h"

namespace sdg::endpoint {

class Wakeup {
 public:
    [[nodiscard]] static Result<Wakeup> create();
    Wakeup(Wakeup&& other) noexcept;
    Wakeup& operator=(Wakeup&&) = delete;
    ~Wakeup();

    void nudge() const;
    // Sleeps until a nudge, a signal or the time is over.
    void wait(std::chrono::milliseconds at_most);
    // True from the first SIGTERM or SIGINT on.
    [[nodiscard]] bool stop_asked() const { return stop_asked_; }

 private:
    Wakeup(int event, int signals) : event_(event), signals_(signals) {}

    int event_ = -1;
    int signals_ = -1;
    bool stop_asked_ = false;
};

}  // namespace sdg::endpoint
