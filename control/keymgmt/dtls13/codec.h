// TLS presentation language over octets (RFC 8446, section 3): a writer with length-prefixed
// vectors, and the same for reading on top of packet::Reader.
//
// All integers are network byte order on the wire. Pure, any thread.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/packet/reader.h"

namespace sdg::keymgmt::dtls13 {

using packet::Reader;
using Octets = std::vector<uint8_t>;
using View = std::span<const uint8_t>;

inline uint32_t be24(Reader& reader) {
    const uint32_t high = reader.u8();
    return high << 16 | reader.be16();
}
inline uint64_t be48(Reader& reader) {
    const uint64_t high = reader.be16();
    return high << 32 | reader.be32();
}
inline uint64_t be64(Reader& reader) {
    const uint64_t high = reader.be32();
    return high << 32 | reader.be32();
}

// opaque v<..2^8-1>, <..2^16-1>, <..2^24-1>. Empty, and the reader failed, when it does not fit.
inline View vector8(Reader& reader) {
    return reader.bytes(reader.u8());
}
inline View vector16(Reader& reader) {
    return reader.bytes(reader.be16());
}
inline View vector24(Reader& reader) {
    return reader.bytes(be24(reader));
}

inline View octets_of(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class Writer {
 public:
    Writer& u8(uint8_t value) {
        out_.push_back(value);
        return *this;
    }
    Writer& be16(uint16_t value) { return integer<2>(value); }
    Writer& be24(uint32_t value) { return integer<3>(value); }
    Writer& be48(uint64_t value) { return integer<6>(value); }
    Writer& be64(uint64_t value) { return integer<8>(value); }
    Writer& bytes(View value) {
        out_.insert(out_.end(), value.begin(), value.end());
        return *this;
    }
    // A vector whose content body(*this) writes; Prefix: octets of its length. The content must
    // fit the prefix: the engine's own messages are bounded well below.
    template <size_t Prefix, std::invocable<Writer&> Body>
    Writer& vector(Body body) {
        const size_t start = out_.size();
        out_.resize(start + Prefix);
        body(*this);
        size_t length = out_.size() - start - Prefix;
        for (size_t i = Prefix; i > 0; --i, length >>= 8) {
            out_[start + i - 1] = static_cast<uint8_t>(length);
        }
        return *this;
    }
    template <size_t Prefix>
    Writer& vector(View content) {
        return vector<Prefix>([&](Writer& inner) { inner.bytes(content); });
    }
    [[nodiscard]] size_t size() const { return out_.size(); }
    [[nodiscard]] Octets take() { return std::move(out_); }

 private:
    template <size_t Length>
    Writer& integer(uint64_t value) {
        for (size_t i = Length; i > 0; --i) {
            out_.push_back(static_cast<uint8_t>(value >> (8 * (i - 1))));
        }
        return *this;
    }

    Octets out_;
};

}  // namespace sdg::keymgmt::dtls13
