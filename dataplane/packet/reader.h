// A reader over octets that cannot read past the end.
//
// Every read that does not fit returns zero (or an empty span), consumes nothing and makes the
// reader failed for good; the caller reads a whole header and asks ok() once. Multi-octet integers
// are network byte order on the wire and host byte order in the result. A view: the octets must
// outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/byte_order.h"

namespace sdg::packet {

class Reader {
 public:
    explicit constexpr Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] constexpr bool ok() const { return !failed_; }
    [[nodiscard]] constexpr size_t offset() const { return offset_; }
    [[nodiscard]] constexpr size_t left() const { return bytes_.size() - offset_; }

    uint8_t u8() {
        const uint8_t* at = take(1);
        return at != nullptr ? *at : uint8_t{0};
    }
    uint16_t be16() {
        const uint8_t* at = take(2);
        return at != nullptr ? load_be16(at) : uint16_t{0};
    }
    uint32_t be32() {
        const uint8_t* at = take(4);
        return at != nullptr ? load_be32(at) : 0U;
    }
    std::span<const uint8_t> bytes(size_t length) {
        const uint8_t* at = take(length);
        return at != nullptr ? std::span{at, length} : std::span<const uint8_t>{};
    }
    void skip(size_t length) { take(length); }

 private:
    const uint8_t* take(size_t length) {
        if (failed_ || length > left()) {
            failed_ = true;
            return nullptr;
        }
        const uint8_t* at = bytes_.data() + offset_;
        offset_ += length;
        return at;
    }

    std::span<const uint8_t> bytes_;
    size_t offset_ = 0;
    bool failed_ = false;
};

}  // namespace sdg::packet
