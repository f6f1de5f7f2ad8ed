// The extension block of handshake messages (RFC 8446, section 4.2).
//
// Views refer to the message. Pure, any thread.
#pragma once

#include <initializer_list>
#include <optional>

#include "control/keymgmt/dtls13/alert.h"
#include "control/keymgmt/dtls13/code_points.h"
#include "control/keymgmt/dtls13/codec.h"

namespace sdg::keymgmt::dtls13 {

struct Extension {
    ExtensionType type = ExtensionType::server_name;
    View data;
};
using Extensions = std::vector<Extension>;

// Reads the block. decode_error: it does not fit; illegal_parameter: a type that occurs twice.
[[nodiscard]] Checked<Extensions> parse_extensions(Reader& reader);
[[nodiscard]] const Extension* find(const Extensions& extensions, ExtensionType type);

// Of an answer: only what is allowed there. A type that we have offered but that has no place in
// this message is illegal_parameter, one that we have not offered unsupported_extension.
[[nodiscard]] Checked<void> check_answer(const Extensions& extensions,
                                         std::initializer_list<ExtensionType> allowed);

void write_extension(Writer& out, ExtensionType type, View data);

// Lists of two-octet code points with a length of two octets, not empty. decode_error otherwise.
template <class Code>
[[nodiscard]] Checked<std::vector<Code>> parse_codes(View data) {
    Reader reader(data);
    Reader list(vector16(reader));
    if (!reader.ok() || reader.left() != 0 || list.left() == 0 || list.left() % 2 != 0) {
        return refuse(AlertDescription::decode_error, "a list of code points that does not fit");
    }
    std::vector<Code> out;
    while (list.left() > 0) {
        out.push_back(static_cast<Code>(list.be16()));
    }
    return out;
}
template <class Code>
[[nodiscard]] Octets codes(std::span<const Code> list) {
    Writer out;
    out.template vector<2>([&](Writer& inner) {
        for (const Code code : list) {
            inner.be16(static_cast<uint16_t>(code));
        }
    });
    return out.take();
}

struct KeyShareEntry {
    NamedGroup group = NamedGroup::none;
    View key_exchange;
};
// Reads one entry. decode_error: it does not fit, or is empty.
[[nodiscard]] Checked<KeyShareEntry> parse_key_share_entry(Reader& reader);
void write_key_share_entry(Writer& out, NamedGroup group, View key_exchange);

// draft-ietf-tls-tlsflags: bit n % 8 of octet n / 8, as few octets as possible.
[[nodiscard]] Octets flags_with(unsigned flag);
// Is the flag set? illegal_parameter: the last octet is zero, or (of an answer: others_allowed is
// false) another flag is set, too.
[[nodiscard]] Checked<bool> parse_flags(View data, unsigned flag, bool others_allowed);

}  // namespace sdg::keymgmt::dtls13
