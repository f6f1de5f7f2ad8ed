#include "foundation/key_memory.h"

#include <sys/mman.h>

#include <mutex>
#include <new>
#include <vector>

namespace sdg {
namespace {

constexpr size_t kAlignment = 128;
constexpr size_t kBlock = size_t{2} << 20;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

constexpr size_t rounded(size_t size) {
    return (size + kAlignment - 1) & ~(kAlignment - 1);
}

struct FreePlace {
    FreePlace* next;
};

// The places of one size; there are two or three sizes in the process.
struct Places {
    size_t size = 0;
    FreePlace* free = nullptr;
    std::byte* fresh = nullptr;  // never used yet, to the end of the newest block
    size_t fresh_left = 0;
};

struct State {
    std::mutex mutex;
    std::vector<Places> sizes;
    size_t reserved = 0;
};

// Never destroyed: objects may outlive whatever else is static.
State& state() {
    static State* const only = new State;
    return *only;
}

Places& places_of(State& all, size_t size) {
    for (Places& places : all.sizes) {
        if (places.size == size) {
            return places;
        }
    }
    return all.sizes.emplace_back(Places{size, nullptr, nullptr, 0});
}

std::byte* take_block() {
    // Twice as much, to cut an aligned block out of it: the kernel backs no other by a huge page.
    void* const raw = mmap(nullptr, 2 * kBlock, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) {
        throw std::bad_alloc{};
    }
    auto* const start = static_cast<std::byte*>(raw);
    const size_t before = (kBlock - reinterpret_cast<size_t>(start) % kBlock) % kBlock;
    if (before != 0) {
        munmap(start, before);
    }
    munmap(start + before + kBlock, kBlock - before);
    // Neither is more than a wish.
    madvise(start + before, kBlock, MADV_HUGEPAGE);
    madvise(start + before, kBlock, MADV_DONTDUMP);
    return start + before;
}

}  // namespace

void* KeyMemory::allocate(size_t size) {
    size = rounded(size);
    if constexpr (kSanitized) {
        return ::operator new (size, std::align_val_t{kAlignment});
    }
    State& all = state();
    const std::lock_guard lock{all.mutex};
    Places& places = places_of(all, size);
    if (FreePlace* place = places.free; place != nullptr) {
        places.free = place->next;
        return place;
    }
    if (places.fresh_left < size) {
        places.fresh = take_block();
        places.fresh_left = kBlock;
        all.reserved += kBlock;
    }
    void* const place = places.fresh;
    places.fresh += size;
    places.fresh_left -= size;
    return place;
}

void KeyMemory::release(void* place, size_t size) noexcept {
    if (place == nullptr) {
        return;
    }
    if constexpr (kSanitized) {
        ::operator delete (place, std::align_val_t{kAlignment});
        return;
    }
    State& all = state();
    const std::lock_guard lock{all.mutex};
    Places& places = places_of(all, rounded(size));
    places.free = new (place) FreePlace{places.free};
}

size_t KeyMemory::reserved() {
    State& all = state();
    const std::lock_guard lock{all.mutex};
    return all.reserved;
}

}  // namespace sdg
