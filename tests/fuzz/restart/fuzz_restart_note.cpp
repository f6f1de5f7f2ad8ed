// Any octets as what is stored about a pair of legs: refused, or a note that is written the same.
#include "control/relay/restart_note.h"
#include "tests/fuzz/packet/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace sdg;
    const auto note = relay::decode_restart_note({data, size});
    if (!note) {
        fuzz::require(note.error().code == ErrorCode::corrupt && !note.error().message.empty());
        return 0;
    }
    const auto again = relay::decode_restart_note(relay::encode(*note));
    fuzz::require(again && *again == *note);
    return 0;
}
