#include "endpoint/play_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <utility>

namespace sdg::endpoint {
namespace {

constexpr std::array<size_t, 29> kSizes = {
    1,    2,    3,    4,    5,    7,    8,    16,   31,    64,    127,   256,   512,    1000,  1200,
    1400, 1416, 1440, 1452, 1500, 2048, 4096, 9000, 16384, 32769, 65535, 65536, 131072, 200000};

std::shared_ptr<const PlannedMessage> planned(std::string name, UserMessage request,
                                              UserMessage answer) {
    return std::make_shared<const PlannedMessage>(
        PlannedMessage{std::move(name), std::move(request), std::move(answer)});
}

}  // namespace

Bytes filler(size_t size, uint64_t serial) {
    Bytes bytes(size);
    uint64_t state = serial * 0x9e3779b97f4a7c15ULL + 0x2545f4914f6cdd1dULL;
    for (size_t i = 0; i < size; ++i) {
        if (i % 8 == 0) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        bytes[i] = static_cast<uint8_t>(state >> (8 * (i % 8)));
    }
    // The serial in front makes messages that swap places visible whatever the generator does.
    for (size_t i = 0; i < std::min<size_t>(size, 4); ++i) {
        bytes[i] = static_cast<uint8_t>(serial >> (8 * i));
    }
    return bytes;
}

Phase exchange_phase(const Exchange& exchange, const AnswerBook& book) {
    Phase phase;
    phase.name = exchange.name.empty() ? "exchange" : "exchange " + exchange.name;
    for (const ExchangeStep& step : exchange.steps) {
        phase.messages.push_back(planned(step.name, step.request, book.answer_to(step.request)));
    }
    return phase;
}

Phase replay_phase(std::vector<UserMessage> messages, const AnswerBook& book, size_t window) {
    Phase phase;
    phase.name = "replay";
    phase.window = window;
    size_t number = 0;
    for (UserMessage& message : messages) {
        UserMessage answer = book.answer_to(message);
        phase.messages.push_back(planned(fmt::format("captured message {}", ++number),
                                         std::move(message), std::move(answer)));
    }
    return phase;
}

Phase sweep_phase(uint16_t streams, size_t largest, uint32_t ppid, size_t window) {
    Phase phase;
    phase.name = "size sweep";
    phase.window = window;
    std::vector<size_t> sizes;
    std::copy_if(kSizes.begin(), kSizes.end(), std::back_inserter(sizes),
                 [largest](size_t size) { return size < largest; });
    sizes.push_back(largest);
    uint64_t serial = 0;
    for (const size_t size : sizes) {
        for (uint16_t stream = 0; stream < streams; ++stream) {
            for (const bool ordered : {true, false}) {
                UserMessage request{stream, ordered, ppid, filler(size, serial++)};
                UserMessage answer = transformed(request);
                phase.messages.push_back(
                    planned(fmt::format("{} octets {} on stream {}", size,
                                        ordered ? "ordered" : "unordered", stream),
                            std::move(request), std::move(answer)));
            }
        }
    }
    return phase;
}

Phase mixed_phase(size_t count, size_t largest, uint16_t streams, uint32_t ppid, size_t window,
                  uint64_t seed) {
    constexpr double kSmallest = 8;  // octets: room for a serial number, so that no two are equal
    Phase phase;
    phase.name = "mixed";
    phase.window = window;
    std::mt19937_64 random(seed);
    // Not the library's distributions: these differ between libraries.
    const auto fraction = [&random] { return static_cast<double>(random() >> 11) * 0x1p-53; };
    const double span = std::log(std::max(static_cast<double>(largest), kSmallest) / kSmallest);
    for (size_t i = 0; i < count; ++i) {
        const auto size = static_cast<size_t>(kSmallest * std::exp(span * fraction()));
        const auto stream = static_cast<uint16_t>(random() % streams);
        const bool ordered = random() % 4 != 0;
        UserMessage request{stream, ordered, ppid, filler(size, (seed << 20) + i)};
        UserMessage answer = transformed(request);
        phase.messages.push_back(planned(fmt::format("mixed message {} ({} octets)", i, size),
                                         std::move(request), std::move(answer)));
    }
    return phase;
}

Phase bulk_phase(size_t count, size_t size, uint16_t streams, uint32_t ppid, size_t window) {
    Phase phase;
    phase.name = "bulk";
    phase.window = window;
    for (size_t i = 0; i < count; ++i) {
        UserMessage request{static_cast<uint16_t>(i % streams), true, ppid, filler(size, i)};
        UserMessage answer = transformed(request);
        phase.messages.push_back(
            planned(fmt::format("bulk message {}", i), std::move(request), std::move(answer)));
    }
    return phase;
}

uint16_t streams_needed(const Plan& plan) {
    unsigned needed = 1;
    for (const Phase& phase : plan) {
        for (const auto& message : phase.messages) {
            needed = std::max({needed, message->request.stream + 1U, message->answer.stream + 1U});
        }
    }
    return static_cast<uint16_t>(std::min(needed, 65535U));
}

}  // namespace sdg::endpoint
