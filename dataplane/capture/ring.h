// CaptureRing: records of any length from one worker to the capture's writer, never waiting.
//
// One producer, one consumer. The producer reserves room for records and publishes them together,
// up to a position it may choose: what has been reserved behind it is taken back. A record lies in
// one piece; the memory is allocated and touched once, by whoever makes the ring.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace sdg::capture {

class CaptureRing {
 public:
    // Rounded up to a power of two.
    explicit CaptureRing(size_t octets)
        : memory_(std::bit_ceil(std::max(octets, size_t{4096})) / sizeof(uint64_t)),
          mask_(memory_.size() * sizeof(uint64_t) - 1) {}
    CaptureRing(const CaptureRing&) = delete;
    CaptureRing& operator=(const CaptureRing&) = delete;

    // --- producer ---
    // Eight-octet aligned; null: no room. Not seen by the consumer before publish().
    [[nodiscard]] uint8_t* reserve(size_t length) {
        const uint64_t total = kPrefix + ((length + kPrefix - 1) & ~(kPrefix - 1));
        uint64_t at = reserved_;
        const uint64_t to_end = mask_ + 1 - (at & mask_);
        const uint64_t skipped = total > to_end ? to_end : 0;
        if (!has_room(at + skipped + total)) {
            return nullptr;
        }
        if (skipped > 0) {
            store_length(at, kSkip);
            at += skipped;
        }
        store_length(at, length);
        reserved_ = at + total;
        return octets() + (at & mask_) + kPrefix;
    }
    // Behind what has been reserved so far.
    [[nodiscard]] uint64_t position() const { return reserved_; }
    void publish(uint64_t position) {
        reserved_ = position;
        published_.store(position, std::memory_order_release);
    }

    // --- consumer ---
    // The oldest record, until pop(); empty: none.
    [[nodiscard]] std::span<const uint8_t> front() {
        const uint64_t end = published_.load(std::memory_order_acquire);
        while (read_ != end) {
            uint64_t length = 0;
            std::memcpy(&length, octets() + (read_ & mask_), sizeof length);
            if (length != kSkip) {
                return {octets() + (read_ & mask_) + kPrefix, static_cast<size_t>(length)};
            }
            read_ += mask_ + 1 - (read_ & mask_);
            taken_.store(read_, std::memory_order_release);
        }
        return {};
    }
    void pop() {
        const size_t length = front().size();
        read_ += kPrefix + ((length + kPrefix - 1) & ~(kPrefix - 1));
        taken_.store(read_, std::memory_order_release);
    }

 private:
    static constexpr uint64_t kPrefix = sizeof(uint64_t);
    static constexpr uint64_t kSkip = UINT64_MAX;  // the rest up to the end of memory is not used

    [[nodiscard]] uint8_t* octets() { return reinterpret_cast<uint8_t*>(memory_.data()); }
    void store_length(uint64_t at, uint64_t length) {
        std::memcpy(octets() + (at & mask_), &length, sizeof length);
    }
    [[nodiscard]] bool has_room(uint64_t end) {
        if (end - known_taken_ > mask_ + 1) {
            known_taken_ = taken_.load(std::memory_order_acquire);
        }
        return end - known_taken_ <= mask_ + 1;
    }

    std::vector<uint64_t> memory_;
    const uint64_t mask_;
    // Producer.
    alignas(64) uint64_t reserved_ = 0;
    uint64_t known_taken_ = 0;
    std::atomic<uint64_t> published_{0};
    // Consumer.
    alignas(64) uint64_t read_ = 0;
    std::atomic<uint64_t> taken_{0};
};

}  // namespace sdg::capture
