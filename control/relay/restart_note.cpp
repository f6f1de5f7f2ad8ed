#include "control/relay/restart_note.h"

#include <nlohmann/json.hpp>

#include "foundation/ip_address.h"

namespace sdg::relay {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

std::optional<uint16_t> port_of(const json& from, const char* name) {
    const auto found = from.find(name);
    if (found == from.end() || !found->is_number_unsigned() || *found > 0xffff) {
        return std::nullopt;
    }
    return found->get<uint16_t>();
}

std::optional<std::string> text_of(const json& from, const char* name) {
    const auto found = from.find(name);
    return found != from.end() && found->is_string() ? std::optional(found->get<std::string>())
                                                     : std::nullopt;
}

std::optional<IpAddress> address_of(const json& from, const char* name) {
    const auto text = text_of(from, name);
    return text ? IpAddress::parse(*text) : std::nullopt;
}

}  // namespace

std::vector<uint8_t> encode(const RestartNote& note) {
    const json out = {{"version", kVersion},
                      {"accepted", note.accepted},
                      {"listener", note.listener},
                      {"backend", note.backend},
                      {"other",
                       {{"local", note.other.local.to_string()},
                        {"peer", note.other.peer.to_string()},
                        {"local_port", note.other.local_port},
                        {"peer_port", note.other.peer_port},
                        {"protected", note.other_is_protected}}}};
    const std::string text = out.dump();
    return {text.begin(), text.end()};
}

Result<RestartNote> decode_restart_note(std::span<const uint8_t> octets) {
    const json from = json::parse(octets.begin(), octets.end(), nullptr, false);
    const auto wrong = [](const char* part) {
        return fail(ErrorCode::corrupt, "what is stored about the pair of legs: {}", part);
    };
    if (!from.is_object() || from.value("version", json()) != kVersion) {
        return wrong("not of this version");
    }
    const auto other = from.find("other");
    const auto accepted = from.find("accepted");
    const auto listener = text_of(from, "listener");
    const auto backend = text_of(from, "backend");
    if (accepted == from.end() || !accepted->is_boolean() || !listener || !backend ||
        other == from.end() || !other->is_object()) {
        return wrong("a part is missing");
    }
    const auto local = address_of(*other, "local");
    const auto peer = address_of(*other, "peer");
    const auto local_port = port_of(*other, "local_port");
    const auto peer_port = port_of(*other, "peer_port");
    const auto is_protected = other->find("protected");
    if (!local || !peer || !local_port || !peer_port || is_protected == other->end() ||
        !is_protected->is_boolean()) {
        return wrong("the other leg");
    }
    return RestartNote{.accepted = accepted->get<bool>(),
                       .listener = *listener,
                       .backend = *backend,
                       .other = {*local, *peer, *local_port, *peer_port},
                       .other_is_protected = is_protected->get<bool>()};
}

}  // namespace sdg::relay
