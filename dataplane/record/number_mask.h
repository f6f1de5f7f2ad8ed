// Masks that encrypt record numbers (RFC 9147, section 4.2.3), for a whole burst at once.
//
// Samples are added in any order and mixture of keys; run() encrypts those of one key together, so
// that a burst of one association costs a single pass over the block cipher. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/record/key_schedule.h"

namespace sdg::record {

class NumberMasks {
 public:
    static constexpr uint32_t kCapacity = 64;
    static constexpr uint32_t kSample = 16;  // octets of ciphertext

    void clear() {
        count_ = 0;
        mixed_ = false;
    }
    // Takes the sample now; its mask is mask(index) with the index of the call, after run().
    void add(const KeySchedule& keys, const uint8_t* sample) {
        std::memcpy(samples_[count_].data(), sample, kSample);
        keys_[count_] = &keys;
        mixed_ |= &keys != keys_[0];
        ++count_;
    }
    void run(IMB_MGR* library);
    // The two octets to xor onto the number, as they lie in memory.
    [[nodiscard]] uint16_t mask(uint32_t index) const {
        uint16_t value = 0;
        std::memcpy(&value, masks_[mixed_ ? slots_[index] : index].data(), sizeof value);
        return value;
    }

 private:
    using Block = std::array<uint8_t, kSample>;

    // Puts the samples of each key next to each other, in grouped_, and runs them by key.
    void run_mixed(IMB_MGR* library);
    static void run_group(IMB_MGR* library, const KeySchedule& keys, const Block* samples,
                          Block* masks, uint32_t count);

    alignas(64) std::array<Block, kCapacity> samples_{};
    alignas(64) std::array<Block, kCapacity> masks_{};
    alignas(64) std::array<Block, kCapacity> grouped_{};
    std::array<const KeySchedule*, kCapacity> keys_{};
    std::array<uint8_t, kCapacity> slots_{};
    uint32_t count_ = 0;
    bool mixed_ = false;
};

}  // namespace sdg::record
