#include "control/keymgmt/dtls13/extensions.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

bool is_one_of(ExtensionType type, std::initializer_list<ExtensionType> list) {
    return std::find(list.begin(), list.end(), type) != list.end();
}

}  // namespace

Checked<Extensions> parse_extensions(Reader& reader) {
    Reader block(vector16(reader));
    Extensions out;
    std::vector<ExtensionType> seen;
    while (reader.ok() && block.ok() && block.left() > 0) {
        const auto type = static_cast<ExtensionType>(block.be16());
        out.push_back({type, vector16(block)});
        seen.push_back(type);
    }
    if (!reader.ok() || !block.ok()) {
        return refuse(AlertDescription::decode_error, "extensions that do not fit their message");
    }
    std::sort(seen.begin(), seen.end());
    if (std::adjacent_find(seen.begin(), seen.end()) != seen.end()) {
        return refuse(AlertDescription::illegal_parameter, "an extension occurs twice");
    }
    return out;
}

const Extension* find(const Extensions& extensions, ExtensionType type) {
    const auto found = std::find_if(extensions.begin(), extensions.end(),
                                    [&](const Extension& one) { return one.type == type; });
    return found == extensions.end() ? nullptr : &*found;
}

Checked<void> check_answer(const Extensions& extensions,
                           std::initializer_list<ExtensionType> allowed) {
    for (const Extension& extension : extensions) {
        if (is_one_of(extension.type, allowed)) {
            continue;
        }
        const auto number = static_cast<unsigned>(extension.type);
        if (is_one_of(extension.type,
                      {ExtensionType::supported_versions, ExtensionType::supported_groups,
                       ExtensionType::signature_algorithms, ExtensionType::key_share,
                       ExtensionType::cookie})) {
            return refuse(AlertDescription::illegal_parameter,
                          "extension {} in a message it does not belong to", number);
        }
        return refuse(AlertDescription::unsupported_extension,
                      "extension {}, which was not offered", number);
    }
    return {};
}

void write_extension(Writer& out, ExtensionType type, View data) {
    out.be16(static_cast<uint16_t>(type)).vector<2>(data);
}

Checked<KeyShareEntry> parse_key_share_entry(Reader& reader) {
    KeyShareEntry out;
    out.group = static_cast<NamedGroup>(reader.be16());
    out.key_exchange = vector16(reader);
    if (!reader.ok() || out.key_exchange.empty()) {
        return refuse(AlertDescription::decode_error, "a key share that does not fit");
    }
    return out;
}

void write_key_share_entry(Writer& out, NamedGroup group, View key_exchange) {
    out.be16(static_cast<uint16_t>(group)).vector<2>(key_exchange);
}

Octets flags_with(unsigned flag) {
    Octets octets(flag / 8 + 1);
    octets.back() = static_cast<uint8_t>(1U << (flag % 8));
    Writer out;
    out.vector<1>(octets);
    return out.take();
}

Checked<bool> parse_flags(View data, unsigned flag, bool others_allowed) {
    Reader reader(data);
    const View octets = vector8(reader);
    if (!reader.ok() || reader.left() != 0 || octets.empty()) {
        return refuse(AlertDescription::decode_error, "TLS flags that do not fit");
    }
    if (octets.back() == 0) {
        return refuse(AlertDescription::illegal_parameter, "TLS flags with empty octets");
    }
    const bool is_set = octets.size() > flag / 8 && (octets[flag / 8] >> (flag % 8) & 1) != 0;
    if (!others_allowed) {
        const Octets ours = flags_with(flag);
        if (!std::equal(octets.begin(), octets.end(), ours.begin() + 1, ours.end())) {
            return refuse(AlertDescription::illegal_parameter,
                          "a TLS flag is answered that was not set");
        }
    }
    return is_set;
}

}  // namespace sdg::keymgmt::dtls13
