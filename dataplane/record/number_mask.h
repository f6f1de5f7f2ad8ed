// Masks that encrypt record numbers (RFC 9147, section 4.2.3).
//
// Samples come in any order and mixture of keys. run() puts those of one key together, so that a
// burst of one association costs a single pass of the block cipher. run_single() does one: with
// several AES-128 keys in a burst that is as fast or faster, spread between the AEADs of the
// neighbours. (For AES-256 the library has nothing cheaper than a job.) One thread.
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

    // text: the ciphertext of one record, its first octets the sample, the number's two octets
    // before it. Indices 0, 1, 2, ... of one burst in this order.
    void set(uint32_t index, const KeySchedule& keys, uint8_t* text) {
        std::memcpy(blocks_[index].data(), text, kSample);
        keys_[index] = &keys;
        texts_[index] = text;
    }
    // Turns the first count samples into masks.
    void run(IMB_MGR* library, uint32_t count);
    // The same for one sample.
    void run_single(IMB_MGR* library, uint32_t index) {
        run_group(library, *keys_[index], &blocks_[index], 1);
    }
    // Encrypts the number of the record at index, or takes its encryption off, and returns what it
    // then is, as it lies in memory.
    uint16_t apply(uint32_t index) const {
        uint16_t value = 0;
        uint16_t mask = 0;
        uint8_t* number = texts_[index] - sizeof value;
        std::memcpy(&value, number, sizeof value);
        std::memcpy(&mask, blocks_[index].data(), sizeof mask);
        value ^= mask;
        std::memcpy(number, &value, sizeof value);
        return value;
    }

 private:
    using Block = std::array<uint8_t, kSample>;

    // Puts the samples of each key next to each other for a while.
    void run_mixed(IMB_MGR* library, uint32_t count);
    static void run_group(IMB_MGR* library, const KeySchedule& keys, Block* blocks, uint32_t count);

    alignas(64) std::array<Block, kCapacity> blocks_{};  // samples, then masks
    alignas(64) std::array<Block, kCapacity> grouped_{};
    std::array<const KeySchedule*, kCapacity> keys_{};
    std::array<uint8_t*, kCapacity> texts_{};
};

}  // namespace sdg::record
