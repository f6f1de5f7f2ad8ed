#include "dataplane/packet/init_chunk.h"

#include <algorithm>
#include <cstring>

namespace sdg::packet {
namespace {

constexpr size_t kParametersOffset = kCommonHeader + kChunkHeader + kInitFixed;
constexpr size_t kMaxChunkLength = 65535;

// Makes octets [at, at + old_length) of the packet into `replacement` plus zero padding to the
// grid.
void splice(std::vector<uint8_t>& packet, size_t at, size_t old_length,
            std::span<const uint8_t> replacement) {
    std::vector<uint8_t> out;
    out.reserve(packet.size() - old_length + padded_to_4(replacement.size()));
    const auto cut = packet.begin() + static_cast<ptrdiff_t>(at);
    out.insert(out.end(), packet.begin(), cut);
    out.insert(out.end(), replacement.begin(), replacement.end());
    out.resize(at + padded_to_4(replacement.size()));
    out.insert(out.end(), cut + static_cast<ptrdiff_t>(old_length), packet.end());
    packet = std::move(out);
}

void set_chunk_length(std::vector<uint8_t>& packet, size_t length) {
    store_be16(packet.data() + kCommonHeader + 2, static_cast<uint16_t>(length));
}

// Collects the parameters that keep(view) or a replacement selects into a new packet. edit(view)
// returns the octets to write for the parameter: its own, others, or an empty span to leave it out.
template <class Edit>
tl::expected<void, InitError> rebuild(std::vector<uint8_t>& packet, Edit&& edit,
                                      std::span<const uint8_t> appended) {
    const auto view = InitView::parse(packet);
    if (!view) {
        return tl::unexpected(view.error());
    }
    std::vector<uint8_t> out(packet.begin(), packet.begin() + kParametersOffset);
    size_t chunk_end = out.size();  // without the padding of the last parameter
    const auto put = [&out, &chunk_end](std::span<const uint8_t> wire) {
        if (wire.empty()) {
            return;
        }
        out.insert(out.end(), wire.begin(), wire.end());
        chunk_end = out.size();
        out.resize(padded_to_4(out.size()));
    };
    ParameterCursor cursor = view->parameters();
    while (const auto parameter = cursor.next()) {
        put(edit(*parameter));
    }
    put(appended);
    if (chunk_end - kCommonHeader > kMaxChunkLength) {
        return tl::unexpected(InitError::too_long);
    }
    set_chunk_length(out, chunk_end - kCommonHeader);
    packet = std::move(out);
    return {};
}

// The first chunk, when it is a whole COOKIE ECHO.
std::optional<ChunkView> cookie_echo(std::span<const uint8_t> packet) {
    const auto chunk = chunks_of(packet).next();
    if (!chunk || chunk->type != kChunkCookieEcho) {
        return std::nullopt;
    }
    return chunk;
}

}  // namespace

std::string_view description(InitError error) {
    switch (error) {
        case InitError::not_an_init:
            return "not a packet of one whole INIT or INIT ACK (or COOKIE ECHO) chunk";
        case InitError::parameters_malformed:
            return "parameters malformed";
        case InitError::parameter_absent:
            return "no such parameter";
        case InitError::too_long:
            return "chunk would become too long";
    }
    return "unknown";
}

tl::expected<InitView, InitError> InitView::parse(std::span<const uint8_t> packet) {
    ChunkCursor chunks = chunks_of(packet);
    const auto chunk = chunks.next();
    if (!chunk || (chunk->type != kChunkInit && chunk->type != kChunkInitAck) ||
        chunk->length < kChunkHeader + kInitFixed || !chunks.at_end()) {
        return tl::unexpected(InitError::not_an_init);
    }
    InitView view;
    view.packet_ = packet;
    view.parameters_ = chunk->value.subspan(kInitFixed);
    ParameterCursor parameters = view.parameters();
    while (parameters.next()) {
    }
    if (parameters.malformed()) {
        return tl::unexpected(InitError::parameters_malformed);
    }
    return view;
}

std::optional<ParameterView> InitView::find(uint16_t type) const {
    ParameterCursor cursor = parameters();
    while (const auto parameter = cursor.next()) {
        if (parameter->type == type) {
            return parameter;
        }
    }
    return std::nullopt;
}

size_t InitView::count(uint16_t type) const {
    size_t found = 0;
    ParameterCursor cursor = parameters();
    while (const auto parameter = cursor.next()) {
        found += parameter->type == type ? 1 : 0;
    }
    return found;
}

std::optional<std::span<const uint8_t>> InitView::state_cookie() const {
    const auto parameter = find(kParameterStateCookie);
    return parameter ? std::optional(parameter->value) : std::nullopt;
}

tl::expected<size_t, InitError> remove_parameters(std::vector<uint8_t>& packet, uint16_t type) {
    size_t removed = 0;
    const auto result = rebuild(packet,
                                [type, &removed](const ParameterView& parameter) {
                                    if (parameter.type == type) {
                                        ++removed;
                                        return std::span<const uint8_t>{};
                                    }
                                    return parameter.wire;
                                },
                                {});
    if (!result) {
        return tl::unexpected(result.error());
    }
    return removed;
}

tl::expected<void, InitError> append_parameter(std::vector<uint8_t>& packet,
                                               std::span<const uint8_t> parameter) {
    if (parameter.size() < kParameterHeader ||
        load_be16(parameter.data() + 2) != parameter.size()) {
        return tl::unexpected(InitError::parameters_malformed);
    }
    return rebuild(
        packet, [](const ParameterView& present) { return present.wire; }, parameter);
}

tl::expected<void, InitError> replace_state_cookie(std::vector<uint8_t>& packet,
                                                   std::span<const uint8_t> cookie) {
    const auto view = InitView::parse(packet);
    if (!view) {
        return tl::unexpected(view.error());
    }
    if (view->count(kParameterStateCookie) != 1) {
        return tl::unexpected(InitError::parameter_absent);
    }
    if (cookie.size() > kMaxChunkLength - kParameterHeader) {
        return tl::unexpected(InitError::too_long);
    }
    std::vector<uint8_t> wire(kParameterHeader + cookie.size());
    store_be16(wire.data(), kParameterStateCookie);
    store_be16(wire.data() + 2, static_cast<uint16_t>(wire.size()));
    std::ranges::copy(cookie, wire.begin() + kParameterHeader);
    return rebuild(packet,
                   [&wire](const ParameterView& parameter) {
                       return parameter.type == kParameterStateCookie
                                  ? std::span<const uint8_t>(wire)
                                  : parameter.wire;
                   },
                   {});
}

std::optional<std::span<const uint8_t>> echoed_cookie(std::span<const uint8_t> packet) {
    const auto chunk = cookie_echo(packet);
    return chunk ? std::optional(chunk->value) : std::nullopt;
}

tl::expected<void, InitError> replace_echoed_cookie(std::vector<uint8_t>& packet,
                                                    std::span<const uint8_t> cookie,
                                                    bool keep_tail) {
    const auto chunk = cookie_echo(packet);
    if (!chunk) {
        return tl::unexpected(InitError::not_an_init);
    }
    const size_t length = kChunkHeader + cookie.size();
    if (length > kMaxChunkLength) {
        return tl::unexpected(InitError::too_long);
    }
    const size_t behind_header = packet.size() - kCommonHeader - kChunkHeader;
    const size_t old_value = padded_to_4(chunk->length) - kChunkHeader;
    splice(packet, kCommonHeader + kChunkHeader,
           keep_tail ? std::min(old_value, behind_header) : behind_header, cookie);
    set_chunk_length(packet, length);
    return {};
}

bool keep_first_chunk_only(std::vector<uint8_t>& packet) {
    const auto chunk = chunks_of(packet).next();
    if (!chunk) {
        return false;
    }
    packet.resize(std::min(packet.size(), kCommonHeader + padded_to_4(chunk->length)));
    return true;
}

}  // namespace sdg::packet
