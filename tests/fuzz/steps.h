// Inputs that are lists of steps: an octet that says what, a length in two octets, content. What is
// left over at the end is cut. One mutator for all of them, which keeps the form: it puts steps in,
// takes them out, doubles, swaps and splices them, and lets libFuzzer change the content of one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace sdg::fuzz {

struct Step {
    uint8_t what = 0;
    std::span<const uint8_t> content;
};

class Steps {
 public:
    explicit Steps(std::span<const uint8_t> input) : rest_(input) {}

    // False: the input has ended.
    bool next(Step& out) {
        if (rest_.size() < 3) {
            return false;
        }
        const size_t length = std::min<size_t>(size_t{rest_[1]} << 8 | rest_[2], rest_.size() - 3);
        out = {rest_[0], rest_.subspan(3, length)};
        rest_ = rest_.subspan(3 + length);
        return true;
    }

 private:
    std::span<const uint8_t> rest_;
};

// Of an input that is `head` octets of options and a list of steps. kinds: how many values of
// Step::what mean something different.
inline size_t mutate_steps(uint8_t* data, size_t size, size_t max_size, unsigned seed, size_t head,
                           unsigned kinds) {
    if (size < head || max_size < head + 3) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    std::minstd_rand random(seed);
    const auto below = [&random](size_t limit) { return limit == 0 ? 0 : random() % limit; };
    if (below(16) == 0) {
        LLVMFuzzerMutate(data, head, head);
        return size;
    }
    struct Owned {
        uint8_t what;
        std::vector<uint8_t> content;
    };
    std::vector<Owned> steps;
    Steps reader({data + head, size - head});
    for (Step step; reader.next(step);) {
        steps.push_back({step.what, {step.content.begin(), step.content.end()}});
    }
    const size_t at = below(steps.size());
    const size_t kind = steps.empty() ? 0 : below(8);
    switch (kind) {
        case 0:
        case 1: {
            Owned fresh{static_cast<uint8_t>(below(kinds)), std::vector<uint8_t>(below(12))};
            for (uint8_t& octet : fresh.content) {
                octet = static_cast<uint8_t>(random());
            }
            steps.insert(steps.begin() + static_cast<ptrdiff_t>(below(steps.size() + 1)), fresh);
            break;
        }
        case 2:
            steps.erase(steps.begin() + static_cast<ptrdiff_t>(at));
            break;
        case 3: {
            const Owned same = steps[at];
            steps.insert(steps.begin() + static_cast<ptrdiff_t>(at), same);
            break;
        }
        case 4:
            std::swap(steps[at], steps[below(steps.size())]);
            break;
        case 5:
            steps[at].what = static_cast<uint8_t>(below(kinds));
            break;
        default: {
            auto& content = steps[at].content;
            const size_t length = content.size();
            content.resize(std::min<size_t>(length + 64, 0xffff));
            content.resize(LLVMFuzzerMutate(content.data(), length, content.size()));
        }
    }
    size_t end = head;
    for (const Owned& step : steps) {
        if (end + 3 + step.content.size() > max_size) {
            break;
        }
        data[end] = step.what;
        data[end + 1] = static_cast<uint8_t>(step.content.size() >> 8);
        data[end + 2] = static_cast<uint8_t>(step.content.size());
        std::copy(step.content.begin(), step.content.end(), data + end + 3);
        end += 3 + step.content.size();
    }
    return end;
}

}  // namespace sdg::fuzz
