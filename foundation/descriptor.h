// A file descriptor that closes itself.
#pragma once

#include <unistd.h>

#include <utility>

namespace sdg {

class Descriptor {
 public:
    Descriptor() = default;  // none
    // What open(), socket() and the like have returned; a negative one is none.
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    ~Descriptor() { close(); }
    Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            close();
            descriptor_ = std::exchange(other.descriptor_, -1);
        }
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return descriptor_; }

 private:
    void close() {
        if (descriptor_ >= 0) {
            ::close(descriptor_);
        }
    }

    int descriptor_ = -1;
};

}  // namespace sdg
