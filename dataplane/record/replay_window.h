// Sliding replay window over 48-bit record numbers (RFC 9147, section 4.5.1).
//
// Owned and used by one thread, the worker of the association. check() moves nothing; commit() is
// called only for a record that has authenticated. Both are constant time apart from the words that
// a jump of the window clears, at most size / 64 of them.
#pragma once

#include <cstdint>
#include <span>

namespace sdg::record {

class ReplayWindow {
 public:
    static constexpr uint32_t kMinSize = 64;
    static constexpr uint32_t kMaxSize = 65536;
    static constexpr uint32_t kDefaultSize = 1024;

    [[nodiscard]] static constexpr bool is_valid_size(uint32_t size) {
        return size >= kMinSize && size <= kMaxSize && (size & (size - 1)) == 0;
    }

    // size: is_valid_size() must hold. next: where the numbers start to be expected; numbers below
    // it count as never seen as far as the window reaches back.
    // place: zeros that outlive the window and are used when they are enough; else it has memory of
    // its own.
    explicit ReplayWindow(uint32_t size, uint64_t next = 0, std::span<uint64_t> place = {});
    ~ReplayWindow();
    ReplayWindow(const ReplayWindow&) = delete;
    ReplayWindow& operator=(const ReplayWindow&) = delete;

    // True when the number was neither committed before nor lies behind the window.
    [[nodiscard]] bool check(uint64_t sequence) const {
        if (sequence >= next_) {
            return true;
        }
        if (next_ - sequence > size()) {
            return false;
        }
        return ((words_[word_of(sequence)] >> (sequence & 63)) & 1) == 0;
    }

    // Marks the number as seen and slides the window. Precondition: check(sequence).
    void commit(uint64_t sequence) {
        if (sequence >= next_) {
            if (sequence != next_) [[unlikely]] {
                forget_between(next_, sequence);
            }
            next_ = sequence + 1;
        }
        words_[word_of(sequence)] |= uint64_t{1} << (sequence & 63);
    }

    // One more than the highest number committed; the start value before the first.
    [[nodiscard]] uint64_t next_expected() const { return next_; }
    [[nodiscard]] uint32_t size() const { return mask_ + 1; }
    // The word that check() of the number reads, for prefetching.
    [[nodiscard]] const uint64_t* word_at(uint64_t sequence) const {
        return &words_[word_of(sequence)];
    }

 private:
    [[nodiscard]] uint64_t word_of(uint64_t sequence) const { return (sequence & mask_) >> 6; }
    // Clears the bits of first .. last - 1.
    [[gnu::cold]] void forget_between(uint64_t first, uint64_t last);

    uint64_t next_;
    uint32_t mask_;
    bool owns_words_;
    uint64_t* words_;  // bit (sequence mod size), a ring
};

}  // namespace sdg::record
