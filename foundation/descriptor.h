// A file descriptor that closes itself.
#pragma once

#include <unistd.h>

namespace sdg {

class Descriptor {
 public:
    // What open(), socket() and the like have returned; a negative one is none.
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    ~Descriptor() {
        if (descriptor_ >= 0) {
            ::close(descriptor_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return descriptor_; }

 private:
    int descriptor_;
};

}  // namespace sdg
