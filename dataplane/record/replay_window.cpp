#include "dataplane/record/replay_window.h"

#include <algorithm>

namespace sdg::record {

ReplayWindow::ReplayWindow(uint32_t size, uint64_t next, std::span<uint64_t> place)
    : next_(next),
      mask_(size - 1),
      owns_words_(place.size() < size / 64),
      words_(owns_words_ ? new uint64_t[size / 64]() : place.data()) {
}

ReplayWindow::~ReplayWindow() {
    if (owns_words_) {
        delete[] words_;
    }
}

void ReplayWindow::forget_between(uint64_t first, uint64_t last) {
    if (last - first >= size()) {
        std::fill_n(words_, size() / 64, 0);
        return;
    }
    while (first < last) {
        const uint64_t bit = first & 63;
        const uint64_t count = std::min(64 - bit, last - first);
        const uint64_t ones = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
        words_[word_of(first)] &= ~(ones << bit);
        first += count;
    }
}

}  // namespace sdg::record
