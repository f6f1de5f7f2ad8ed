#include "foundation/secret_bytes.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace sdg {

void wipe(void* memory, size_t length) noexcept {
    OPENSSL_cleanse(memory, length);
}

bool equal_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

SecretBytes::SecretBytes(size_t length)
    : data_(length == 0 ? nullptr : std::make_unique<uint8_t[]>(length)), size_(length) {
}

SecretBytes SecretBytes::copy_of(std::span<const uint8_t> bytes) {
    SecretBytes out(bytes.size());
    std::copy(bytes.begin(), bytes.end(), out.data_.get());
    return out;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
        wipe(data_.get(), size_);
        data_ = std::move(other.data_);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

SecretBytes::~SecretBytes() {
    wipe(data_.get(), size_);
}

}  // namespace sdg
