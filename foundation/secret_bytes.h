// SecretBytes: key material that wipes itself.
//
// Move-only, not printable, compared in constant time, wiped on destruction and on being moved
// from or assigned to. In OpenSSL's secure heap (locked, not in core dumps) once the program has
// made one (CRYPTO_secure_malloc_init) and as long as it has room, else in ordinary memory. Any
// thread, one at a time. Allocation failure throws std::bad_alloc (control plane only; the data
// plane keeps its expanded keys in contexts that wipe themselves).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sdg {

// Overwrites memory in a way the compiler may not remove.
void wipe(void* memory, size_t length) noexcept;

// Equality whose time depends on the lengths only.
[[nodiscard]] bool equal_constant_time(std::span<const uint8_t> a,
                                       std::span<const uint8_t> b) noexcept;

class SecretBytes {
 public:
    SecretBytes() = default;
    explicit SecretBytes(size_t length);                         // zero filled
    static SecretBytes copy_of(std::span<const uint8_t> bytes);  // the source is left as it is
    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes();

    [[nodiscard]] SecretBytes clone() const { return copy_of(bytes()); }
    [[nodiscard]] std::span<const uint8_t> bytes() const { return {data_, size_}; }
    [[nodiscard]] std::span<uint8_t> mutable_bytes() { return {data_, size_}; }
    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    friend bool operator==(const SecretBytes& a, const SecretBytes& b) noexcept {
        return equal_constant_time(a.bytes(), b.bytes());
    }

 private:
    void clear() noexcept;

    uint8_t* data_ = nullptr;  // owned
    size_t size_ = 0;
};

}  // namespace sdg
