#include "gateway/log_budget.h"

#include <fmt/format.h>

#include <algorithm>

namespace sdg::gateway {

bool LogBudget::has_token(Bucket& bucket, Time now, double rate) {
    // The system's clock may be set back: then nothing is added.
    const std::chrono::duration<double> passed =
        std::max(now - bucket.filled, std::chrono::system_clock::duration::zero());
    bucket.filled = now;
    bucket.tokens = std::min(bucket.tokens + passed.count() * rate, rate * kBurstSeconds);
    return bucket.tokens >= 1;
}

LogBudget::Kind& LogBudget::kind_for(const LogLine& line) {
    std::string name = kind_of(line);
    if (const auto found = kinds_.find(name); found != kinds_.end()) {
        return found->second;
    }
    if (kinds_.size() >= kMaxKinds) {
        name = line.module + " others";
    }
    return kinds_[name];
}

bool LogBudget::allows(const LogLine& line) {
    if (rate_ <= 0) {
        return true;
    }
    Kind& kind = kind_for(line);
    Bucket& module = modules_[line.module];
    const bool of_kind = has_token(kind.bucket, line.time, rate_ * kShareOfKind);
    const bool of_module = has_token(module, line.time, rate_);
    if (of_kind && of_module) {
        kind.bucket.tokens -= 1;
        module.tokens -= 1;
        return true;
    }
    if (kind.suppressed == 0) {
        ++waiting_;
        kind.since = line.time;
    }
    ++kind.suppressed;
    ++suppressed_;
    kind.sample = line;
    return false;
}

std::vector<LogLine> LogBudget::notices(Time now) {
    return notices(now, false);
}

std::vector<LogLine> LogBudget::last_notices(Time now) {
    return notices(now, true);
}

std::vector<LogLine> LogBudget::notices(Time now, bool all) {
    std::vector<LogLine> out;
    if (waiting_ == 0) {
        return out;
    }
    for (auto& [name, kind] : kinds_) {
        // A clock that was set back makes the wait no longer than it is.
        const bool due = now - kind.since >= kNotice || now < kind.since;
        if (kind.suppressed == 0 || !(all || due)) {
            continue;
        }
        LogLine notice = kind.sample;
        notice.time = now;
        notice.text = fmt::format("{} similar lines suppressed, the last: {}", kind.suppressed,
                                  kind.sample.text);
        notice.fields = {{"suppressed", std::to_string(kind.suppressed)}};
        out.push_back(std::move(notice));
        kind.suppressed = 0;
        --waiting_;
    }
    return out;
}

}  // namespace sdg::gateway
