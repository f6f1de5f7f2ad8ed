// Memory for many equal objects with keys in them: in 2 MiB blocks that the kernel is asked to back
// by huge pages (with tens of thousands of keys in turn, every packet would miss the TLB several
// times) and to leave out of core dumps. A block, once taken, stays with the process; places that
// are given back are used again. What is in a place is wiped by its object's destructor.
//
// Any thread. With a sanitizer every place is an allocation of its own, so that it sees uses after
// free.
#pragma once

#include <cstddef>

namespace sdg {

class KeyMemory {
 public:
    // Aligned to 128 octets. Throws std::bad_alloc, as operator new does.
    [[nodiscard]] static void* allocate(size_t size);
    // size: as it was given to allocate().
    static void release(void* place, size_t size) noexcept;
    // Octets in blocks, used or not; 0 with a sanitizer.
    [[nodiscard]] static size_t reserved();
};

// Base of classes that live there. They are final: operator delete gets their own size.
template <class Derived>
struct InKeyMemory {
    static void* operator new(size_t size) { return KeyMemory::allocate(size); }
    static void operator delete(void* place) noexcept {
        KeyMemory::release(place, sizeof(Derived));
    }
};

}  // namespace sdg
