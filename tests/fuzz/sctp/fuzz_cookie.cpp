// Any octets as State Cookie, and valid ones with something changed: only the unchanged one opens.
#include <functional>
#include <string_view>
#include <vector>

#include "control/sctp/init_negotiation.h"
#include "control/sctp/out_of_the_blue.h"
#include "control/sctp/state_cookie.h"
#include "dataplane/packet/reader.h"
#include "tests/fuzz/packet/require.h"

using namespace sdg;
using namespace std::chrono_literals;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // The key depends on the input: with one key for all, libFuzzer learns a good cookie from the
    // comparisons below and hands it in.
    SeededRandom random(std::hash<std::string_view>{}({reinterpret_cast<const char*>(data), size}));
    sctp::StateCookie cookies(60s, 30s, random);
    const sctp::FourTuple tuple{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), 1, 2};
    const std::span<const uint8_t> input(data, size);
    const auto foreign = cookies.unwrap(input, tuple, 1s);
    require(!foreign && sctp::description(foreign.error().error) != "unknown");
    require(!sctp::cause_text(size > 1 ? packet::load_be16(data) : uint16_t{0}).empty());

    sctp::CookieContent content;
    content.local_tag = 1;
    content.peer_tag = 2;
    content.path = {3, 4, 5};
    content.inner.assign(input.begin(), input.begin() + static_cast<ptrdiff_t>(size / 2));
    const auto parameter = packet::KeyManagementParameter::parse(input);
    if (parameter) {
        content.peer_parameter = *parameter;
    }
    const auto wrapped = cookies.wrap(content, tuple, 1s);
    const auto back = cookies.unwrap(wrapped, tuple, 2s);
    require(back && back->inner == content.inner && back->peer_parameter == content.peer_parameter);
    // Under the key before, too old, and when its key is gone.
    require(cookies.unwrap(wrapped, tuple, 40s).has_value());
    require(cookies.unwrap(wrapped, tuple, 62s).error() == sctp::CookieError::expired);
    require(cookies.unwrap(wrapped, tuple, 200s).error() == sctp::CookieError::unknown_key);
    require(sctp::description(sctp::CookieError::expired) != "unknown");
    packet::Reader changes(input);
    auto changed = wrapped;
    while (changes.left() >= 3) {
        changed[changes.be16() % changed.size()] = changes.u8();
    }
    const auto forged = cookies.unwrap(changed, tuple, 2s);
    require(changed == wrapped || !forged);
    require(forged || sctp::description(forged.error().error) != "unknown");

    // The same octets as a packet: the pure decisions around INIT, and out of the blue.
    if (packet::check_chunks(input) == packet::DropReason::none) {
        (void)sctp::answer_out_of_the_blue(input);
    }
    std::vector<uint8_t> packet(input.begin(), input.end());
    if (sctp::strip_for_usrsctp(packet)) {
        const auto view = packet::InitView::parse(packet);
        require(view && view->count(packet::kParameterKeyManagement) == 0);
        sctp::LegSettings leg;
        leg.key_management = keys::LocalKeyManagement{};
        leg.key_management->methods = {0};
        const auto settled = sctp::settle_init(*packet::InitView::parse(input), leg, random);
        require(!settled || settled->agreement.has_value());
        // The other side's half, and what comes back with the cookie.
        const auto answered =
            sctp::settle_init_ack(*packet::InitView::parse(input), leg, sctp::offer(leg, random));
        require(!answered || answered->agreement.has_value());
        if (settled) {
            const auto again = sctp::settle_cookie(leg, settled->local, settled->peer);
            require(again && again->agreement == settled->agreement);
        }
        require(sctp::refusal(*view, 100).bytes().size() == 20);
    }
    return 0;
}
