#include "gateway/busiest.h"

#include <algorithm>

#include "gateway/association_view.h"

namespace sdg::gateway {
namespace {

using nlohmann::json;

constexpr std::chrono::nanoseconds kAtLeast = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kForgotten = std::chrono::minutes(1);

struct Load {
    const relay::Pair* pair = nullptr;
    uint64_t rank = 0;
    std::optional<uint64_t> messages{};  // since the look before
    std::optional<uint64_t> octets{};
};

}  // namespace

const json& Busiest::look() {
    const TimePoint now = clock_.now();
    if (looked_at_ && now - *looked_at_ < kAtLeast) {
        return answer_;
    }
    if (looked_at_ && now - *looked_at_ > kForgotten) {
        looked_at_.reset();
        before_.clear();
    }
    const double interval =
        looked_at_ ? std::chrono::duration<double>(now - *looked_at_).count() : 0;
    std::vector<Load> loads;
    std::vector<Total> totals;
    loads.reserve(relay_.pair_count());
    totals.reserve(relay_.pair_count());
    auto before = before_.begin();
    for (const auto& pair : relay_.pairs()) {
        const Total total{.id = pair->id(),
                          .messages = pair->to_backend().messages + pair->from_backend().messages,
                          .octets = pair->to_backend().octets + pair->from_backend().octets};
        Load load{.pair = pair.get(), .rank = looked_at_ ? 0 : total.messages};
        while (before != before_.end() && before->id < total.id) {
            ++before;
        }
        if (before != before_.end() && before->id == total.id) {
            load.messages = total.messages - before->messages;
            load.octets = total.octets - before->octets;
            load.rank = *load.messages;
        }
        loads.push_back(load);
        totals.push_back(total);
    }
    const auto shown = std::min(loads.size(), kMost);
    std::partial_sort(loads.begin(), loads.begin() + static_cast<std::ptrdiff_t>(shown),
                      loads.end(), [](const Load& a, const Load& b) {
                          return a.rank != b.rank ? a.rank > b.rank : a.pair->id() < b.pair->id();
                      });
    json list = json::array();
    const auto rate = [&](const std::optional<uint64_t>& count) {
        return count && interval > 0 ? json(static_cast<double>(*count) / interval) : json(nullptr);
    };
    for (size_t i = 0; i < shown; ++i) {
        json line = association_line(*loads[i].pair, now);
        line["messages_per_s"] = rate(loads[i].messages);
        line["octets_per_s"] = rate(loads[i].octets);
        list.push_back(std::move(line));
    }
    answer_ = {{"associations", std::move(list)},
               {"total", relay_.pair_count()},
               {"interval_s", looked_at_ ? json(interval) : json(nullptr)}};
    before_ = std::move(totals);
    looked_at_ = now;
    return answer_;
}

}  // namespace sdg::gateway
