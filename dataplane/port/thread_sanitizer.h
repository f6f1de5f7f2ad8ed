// What the thread sanitizer has to be told of DPDK. Its libraries are built without it, so that it
// does not see how a packet buffer gets from thread to thread inside of them: through a pool, or
// through the rings of a test's driver; nor that it is over with a worker when EAL has waited for
// it. Each of these orders one object, nothing else: what else threads share must be ordered by our
// own code, or is reported.
//
// Any thread. Without the thread sanitizer there is no code behind any of it.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

struct rte_mempool;

namespace sdg::port {

#ifdef __SANITIZE_THREAD__

// This thread has done with the object ...
inline void hands_over(void* object) {
    __tsan_release(object);
}
// ... and this one begins with it.
inline void takes_over(void* object) {
    __tsan_acquire(object);
}
// Buffers that go back into the pool are handed over to whoever gets them next. After EAL has
// started, by the thread that has made the pool and before it gives it to others.
void order_buffers_of(rte_mempool* pool);

#else

inline void hands_over(void*) {
}
inline void takes_over(void*) {
}
inline void order_buffers_of(rte_mempool*) {
}

#endif

}  // namespace sdg::port
