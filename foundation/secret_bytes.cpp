#include "foundation/secret_bytes.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <new>
#include <utility>

namespace sdg {

void wipe(void* memory, size_t length) noexcept {
    OPENSSL_cleanse(memory, length);
}

bool equal_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

SecretBytes::SecretBytes(size_t length) : size_(length) {
    if (length == 0) {
        return;
    }
    void* memory = OPENSSL_secure_zalloc(length);
    if (memory == nullptr) {
        memory = OPENSSL_zalloc(length);  // the secure heap is full
    }
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    data_ = static_cast<uint8_t*>(memory);
}

SecretBytes SecretBytes::copy_of(std::span<const uint8_t> bytes) {
    SecretBytes out(bytes.size());
    std::copy(bytes.begin(), bytes.end(), out.data_);
    return out;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
        clear();
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

SecretBytes::~SecretBytes() {
    clear();
}

void SecretBytes::clear() noexcept {
    // Wipes; takes ordinary memory, too.
    OPENSSL_secure_clear_free(data_, size_);
    data_ = nullptr;
    size_ = 0;
}

}  // namespace sdg
