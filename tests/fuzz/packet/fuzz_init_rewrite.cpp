// Any packet as INIT, INIT ACK or COOKIE ECHO: what the control plane reads and rewrites.
#include <algorithm>
#include <vector>

#include "dataplane/packet/abort.h"
#include "dataplane/packet/init_chunk.h"
#include "tests/fuzz/packet/require.h"

using sdg::fuzz::require;
using namespace sdg::packet;

namespace {

// Nothing becomes longer than a chunk can be, and what is refused has changed nothing.
void refuse_what_is_too_long(const std::vector<uint8_t>& original) {
    static const std::vector<uint8_t> cookie(65'532);
    static const std::vector<uint8_t> parameter = [] {
        std::vector<uint8_t> out(65'535);
        store_be16(out.data(), kParameterKeyManagement);
        store_be16(out.data() + 2, 65'535);
        return out;
    }();
    std::vector<uint8_t> packet = original;
    for (const auto& refused :
         {replace_state_cookie(packet, cookie),
          replace_state_cookie(packet, std::span(cookie).first(65'529)),
          replace_echoed_cookie(packet, cookie, true), append_parameter(packet, parameter),
          append_parameter(packet, std::span(parameter).first(20))}) {
        require(!refused && !description(refused.error()).empty());
        require(packet == original);
    }
}

void rewrite_init(const std::vector<uint8_t>& original) {
    const auto view = InitView::parse(original);
    std::vector<uint8_t> packet = original;
    const std::vector<uint8_t> cookie(original.size() % 61, 0x5a);
    if (!view) {
        require(!remove_parameters(packet, kParameterKeyManagement));
        require(!replace_state_cookie(packet, cookie));
        require(packet == original);
        return;
    }
    (void)view->initiate_tag();
    (void)view->initial_tsn();
    const size_t present = view->count(kParameterKeyManagement);
    require((present == 0) == (!view->key_management() &&
                               view->key_management().error() == KeyManagementError::absent));

    const auto removed = remove_parameters(packet, kParameterKeyManagement);
    require(removed && *removed == present && packet.size() <= original.size() + 3);
    const std::vector<uint8_t> without = packet;
    require(InitView::parse(packet)->count(kParameterKeyManagement) == 0);

    const std::vector<uint8_t> methods(1 + original.size() % 7, 0);
    const auto parameter = KeyManagementParameter::create(7, kKmFlagClient, methods);
    if (append_parameter(packet, parameter->wire())) {
        const auto appended = InitView::parse(packet);
        require(appended && appended->key_management() == *parameter);
        require(remove_parameters(packet, kParameterKeyManagement) == size_t{1});
    }
    require(packet == without);

    if (replace_state_cookie(packet, cookie)) {
        const auto replaced = InitView::parse(packet);
        require(replaced && std::ranges::equal(*replaced->state_cookie(), cookie));
        // Putting the old one back leaves the packet as it was.
        const auto old = InitView::parse(without);
        require(replace_state_cookie(packet, *old->state_cookie()).has_value());
    }
    require(packet == without);
}

void rewrite_cookie_echo(const std::vector<uint8_t>& original) {
    const std::vector<uint8_t> cookie(original.size() % 61, 0x5a);
    for (const bool keep_tail : {false, true}) {
        std::vector<uint8_t> packet = original;
        const bool replaced = replace_echoed_cookie(packet, cookie, keep_tail).has_value();
        require(replaced == echoed_cookie(original).has_value());
        if (!replaced) {
            require(packet == original);
            continue;
        }
        require(std::ranges::equal(*echoed_cookie(packet), cookie));
        require(keep_tail || packet.size() == 16 + padded_to_4(cookie.size()));
    }
    std::vector<uint8_t> packet = original;
    if (keep_first_chunk_only(packet)) {
        ChunkCursor cursor = chunks_of(packet);
        require(cursor.next().has_value() && cursor.at_end());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::vector<uint8_t> packet(data, data + size);
    rewrite_init(packet);
    refuse_what_is_too_long(packet);
    rewrite_cookie_echo(packet);
    (void)first_error_cause(packet);
    return 0;
}
