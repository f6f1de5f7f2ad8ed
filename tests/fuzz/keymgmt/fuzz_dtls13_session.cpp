// The messages of method 1; see fuzz_sessions.h. What a peer does who has the keys is the matter of
// fuzz_dtls13_connection.
#include "control/keymgmt/dtls13/session.h"
#include "tests/fuzz/keymgmt/fuzz_sessions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace sdg::keymgmt;
    using namespace sdg::keymgmt::dtls13;
    static fuzz::World<DtlsSession, SessionEnvironment, SessionOptions> world(
        {.min_update_interval = {}, .reauthentication_interval = std::chrono::seconds(5)});
    return fuzz::run(data, size, world);
}
