// The messages of method 192; see fuzz_sessions.h.
#include "control/keymgmt/tls13/session.h"
#include "tests/fuzz/keymgmt/fuzz_sessions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace sdg::keymgmt;
    using namespace sdg::keymgmt::tls13;
    static fuzz::World<TlsSession, SessionEnvironment, SessionOptions> world(
        {.min_rekey_interval = {}});
    return fuzz::run(data, size, world);
}
