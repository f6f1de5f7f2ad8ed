// Any octets as a user message of key-management method 192: refused, or whole records that are
// within it.
#include "control/keymgmt/tls13/message.h"
#include "tests/fuzz/packet/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace sdg;
    using namespace sdg::keymgmt::tls13;
    const std::span<const uint8_t> input(data, size);
    const auto message = parse_message(input);
    if (!message) {
        fuzz::require(!message.error().message.empty());
        return 0;
    }
    const bool is_records = message->kind == KeyMessage::Kind::records;
    fuzz::require(is_records != message->records.empty());
    const auto again = is_records ? records_message(message->epoch, message->records)
                                  : protection_established_message(message->epoch);
    fuzz::require(std::ranges::equal(again, input));
    return 0;
}
