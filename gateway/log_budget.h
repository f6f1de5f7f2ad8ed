// How many log lines may be written, so that nobody who can cause events fills the disk.
//
// Two token buckets for each line: one of its kind of event (module and text without what varies),
// one of its module, so that a flood of one kind hides no other kind, and one module's no other
// module's. What is not written is counted, and told of in one line when there is room again: "N
// similar lines suppressed". Memory is bounded: kinds beyond kMaxKinds share a bucket.
//
// Not thread safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gateway/log_line.h"

namespace sdg::gateway {

class LogBudget {
 public:
    static constexpr size_t kMaxKinds = 256;
    // A burst is so many seconds' worth of lines; a kind may have a quarter of its module's.
    static constexpr double kBurstSeconds = 50;
    static constexpr double kShareOfKind = 0.25;
    static constexpr std::chrono::seconds kNotice{30};
    using Time = std::chrono::system_clock::time_point;

    // lines_per_second: of a module over a long time; 0: no limit.
    explicit LogBudget(double lines_per_second) : rate_(lines_per_second) {}

    [[nodiscard]] bool allows(const LogLine& line);
    // Lines that tell what has been suppressed for kNotice. Cheap to call often.
    [[nodiscard]] std::vector<LogLine> notices(Time now);
    // The same for all kinds, before the end.
    [[nodiscard]] std::vector<LogLine> last_notices(Time now);
    [[nodiscard]] uint64_t suppressed() const { return suppressed_; }

 private:
    struct Bucket {
        double tokens = 0;
        Time filled{};
    };
    struct Kind {
        Bucket bucket;
        uint64_t suppressed = 0;
        Time since{};    // the first of them
        LogLine sample;  // the last one that was not written
    };
    Kind& kind_for(const LogLine& line);
    // Fills the bucket up; whether there is a whole token in it.
    static bool has_token(Bucket& bucket, Time now, double rate);
    std::vector<LogLine> notices(Time now, bool all);

    double rate_;
    std::map<std::string, Kind> kinds_;
    std::map<std::string, Bucket> modules_;
    uint64_t waiting_ = 0;  // kinds with something suppressed
    uint64_t suppressed_ = 0;
};

}  // namespace sdg::gateway
