#include "gateway/capture_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/relay/pair.h"

#ifndef SDG_VERSION
#error "the build names the version"
#endif

namespace sdg::gateway {
namespace {

constexpr std::string_view kPlaintextNotice =
    "PLAINTEXT: this file holds the contents of protected SCTP packets, and user data in clear. "
    "Laboratory use only; whoever has it reads everything.";
constexpr std::string_view kKeysNotice =
    "KEYS: this file holds user data in clear and the traffic keys of the DTLS chunks in it. "
    "Laboratory use only; whoever has it reads everything.";
constexpr std::string_view kCiphertextNotice =
    "no plaintext: DTLS chunks are as on the wire; user data that is on the wire in clear is "
    "replaced by zeros";

Result<uint64_t> within(const char* name, std::optional<uint64_t> wish, uint64_t usual,
                        uint64_t least, uint64_t most) {
    const uint64_t value = wish.value_or(usual);
    if (value < least || value > most) {
        return fail(ErrorCode::invalid_argument, "{}: expected {} to {}", name, least, most);
    }
    return value;
}

Result<void> set_bounds(const admin::CaptureWish& wish, CapturePlan& plan) {
    const auto seconds = within("seconds", wish.seconds, kCaptureSeconds, 1, kMostCaptureSeconds);
    const auto packets = within("packets", wish.packets, kCapturePackets, 1, kMostCapturePackets);
    const auto octets = within("octets", wish.octets, kCaptureOctets, 4096, kMostCaptureOctets);
    const auto snap = within("snap", wish.snap, capture::kMaxSnap, kLeastSnap, capture::kMaxSnap);
    for (const auto* bound : {&seconds, &packets, &octets, &snap}) {
        if (!*bound) {
            return tl::unexpected(bound->error());
        }
    }
    plan.duration = std::chrono::seconds(*seconds);
    plan.limits = {.packets = *packets, .octets = *octets};
    plan.snap = static_cast<uint32_t>(*snap);
    return {};
}

std::string frames_comment(const CapturePlan& plan, std::string_view port) {
    return plan.plaintext
               ? fmt::format(
                     "SCTP packets of port {} after opening and before sealing, with IP "
                     "headers made for this file",
                     port)
               : fmt::format("frames as at port {}{}", port,
                             plan.keys ? "" : "; user data in clear is replaced by zeros");
}

void add_port(CapturePlan& plan, const Gateway& gateway, uint16_t port) {
    const std::string& name = gateway.ports().name(port);
    plan.targets.push_back({.port = port, .whole_port = true});
    plan.interfaces.push_back(
        {.link = plan.plaintext ? capture::kLinkRawIp : capture::kLinkEthernet,
         .snap = plan.snap,
         .name = name,
         .description = fmt::format("port {}: everything", name),
         .filter = {},
         .comments = {frames_comment(plan, name)}});
}

void add_leg(CapturePlan& plan, const Gateway& gateway, const relay::Leg& leg,
             std::string_view which, uint64_t id) {
    const sctp::Association* association = leg.association();
    if (association == nullptr) {
        return;
    }
    const sctp::Endpoints& where = association->endpoints();
    const sctp::Negotiated& negotiated = association->negotiated();
    plan.targets.push_back({.port = where.port,
                            .whole_port = false,
                            .local = where.local,
                            .peer = where.peer,
                            .local_port = where.local_port,
                            .peer_port = where.peer_port,
                            .local_tag = negotiated.local_tag,
                            .peer_tag = negotiated.peer_tag});
    const std::string& port = gateway.ports().name(where.port);
    const std::string local = where.local.to_string();
    const std::string peer = where.peer.to_string();
    plan.interfaces.push_back(
        {.link = plan.plaintext ? capture::kLinkRawIp : capture::kLinkEthernet,
         .snap = plan.snap,
         .name = port,
         .description = fmt::format("{} leg of association {} ({}), port {}", which, id,
                                    leg.is_protected() ? "protected" : "plain", port),
         .filter = fmt::format("sctp and host {} and host {} and port {} and port {}", local, peer,
                               where.local_port, where.peer_port),
         .comments = {frames_comment(plan, port),
                      fmt::format("between [{}]:{} (gateway) and [{}]:{}; verification tags "
                                  "0x{:08x} (to the gateway) and 0x{:08x}; packets with these tags "
                                  "from or to other addresses are here too",
                                  local, where.local_port, peer, where.peer_port,
                                  negotiated.local_tag, negotiated.peer_tag)}});
}

Result<void> add_targets(const admin::CaptureWish& wish, const Gateway& gateway,
                         CapturePlan& plan) {
    if (wish.port) {
        for (uint16_t p = 0; p < gateway.ports().size(); ++p) {
            if (gateway.ports().name(p) == *wish.port) {
                add_port(plan, gateway, p);
                return {};
            }
        }
        return fail(ErrorCode::not_found, "no port {}", *wish.port);
    }
    const relay::Pair* pair = gateway.relay().find(*wish.association);
    if (pair == nullptr) {
        return fail(ErrorCode::not_found, "no association {}", *wish.association);
    }
    if (!wish.leg || *wish.leg == "accepted") {
        add_leg(plan, gateway, pair->accepted_leg(), "accepted", pair->id());
    }
    if (!wish.leg || *wish.leg == "backend") {
        add_leg(plan, gateway, pair->backend_leg(), "backend", pair->id());
    }
    if (plan.targets.empty()) {
        return fail(ErrorCode::unavailable, "association {}: there is no such leg at the moment",
                    *wish.association);
    }
    return {};
}

}  // namespace

bool CapturePlan::wants_key(uint32_t tag_on_wire) const {
    return std::ranges::any_of(targets, [&](const capture::Target& target) {
        return target.whole_port || target.local_tag == tag_on_wire ||
               target.peer_tag == tag_on_wire;
    });
}

Result<CapturePlan> plan_capture(const admin::CaptureWish& wish, const admin::Peer& by,
                                 const Gateway& gateway) {
    if (wish.association.has_value() == wish.port.has_value() || (wish.leg && wish.port)) {
        return fail(ErrorCode::invalid_argument,
                    "a capture is of an association, of one leg of it, or of a port");
    }
    if (wish.plaintext && wish.keys) {
        return fail(ErrorCode::invalid_argument, "plaintext needs no keys");
    }
    if ((wish.plaintext || wish.keys) && gateway.key_log() == nullptr) {
        return fail(ErrorCode::refused,
                    "{} captured in a laboratory only: the gateway's configuration has no "
                    "lab.keylog",
                    wish.plaintext ? "plaintext is" : "keys are");
    }
    CapturePlan plan;
    plan.plaintext = wish.plaintext;
    plan.keys = wish.keys;
    if (auto bounds = set_bounds(wish, plan); !bounds) {
        return tl::unexpected(bounds.error());
    }
    if (auto targets = add_targets(wish, gateway, plan); !targets) {
        return tl::unexpected(targets.error());
    }
    const std::string what = wish.port ? fmt::format("port {}", *wish.port)
                                       : fmt::format("association {}, {}", *wish.association,
                                                     wish.leg ? *wish.leg + " leg" : "both legs");
    plan.section = {.application = fmt::format("sctp-gateway {}", SDG_VERSION),
                    .comments = {std::string(plan.plaintext ? kPlaintextNotice
                                             : plan.keys    ? kKeysNotice
                                                            : kCiphertextNotice),
                                 fmt::format("of {}; asked for by uid {}", what, by.uid)}};
    return plan;
}

}  // namespace sdg::gateway
