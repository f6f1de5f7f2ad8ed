#include "control/restart/association_codec.h"

#include <algorithm>
#include <array>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/reader.h"

namespace sdg::restart {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kRoleRestart = 1;
constexpr uint8_t kFlagInitiator = 0x01;
constexpr uint8_t kFlagServer = 0x02;

// Writes what fits and counts what was meant: the first pass without room finds the size, so that
// secrets are never moved from one buffer to a larger one.
class Writer {
 public:
    explicit Writer(std::span<uint8_t> out) : out_(out) {}

    void bytes(std::span<const uint8_t> octets) {
        if (at_ + octets.size() <= out_.size()) {
            std::copy(octets.begin(), octets.end(), out_.begin() + static_cast<ptrdiff_t>(at_));
        }
        at_ += octets.size();
    }
    void u8(uint8_t value) { bytes({&value, 1}); }
    void be16(size_t value) {
        std::array<uint8_t, 2> octets{};
        packet::store_be16(octets.data(), static_cast<uint16_t>(value));
        bytes(octets);
    }
    void counted(std::span<const uint8_t> octets) {
        be16(octets.size());
        bytes(octets);
    }
    void counted(const std::string& text) {
        counted({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    }
    void address(const IpAddress& value) {
        u8(static_cast<uint8_t>(value.family));
        bytes(value.octets);
    }
    void addresses(const std::vector<IpAddress>& values) {
        u8(static_cast<uint8_t>(values.size()));
        for (const IpAddress& value : values) {
            address(value);
        }
    }
    void keys(const record::KeyMaterial& material) {
        bytes(material.key.bytes());
        bytes(material.iv.bytes());
        bytes(material.sn_key.bytes());
    }
    void tuple(const sctp::FourTuple& value) {
        address(value.local);
        address(value.peer);
        be16(value.local_port);
        be16(value.peer_port);
    }
    [[nodiscard]] size_t written() const { return at_; }

 private:
    std::span<uint8_t> out_;
    size_t at_ = 0;
};

void write(Writer& writer, const AssociationDescription& description,
           const RestartContext& context) {
    writer.u8(kFormat);
    writer.u8(kRoleRestart);
    writer.be16(context.epoch);
    writer.be16(static_cast<uint16_t>(context.send.suite));
    writer.keys(context.send);
    writer.keys(context.receive);
    writer.u8(
        static_cast<uint8_t>((description.initiator ? kFlagInitiator : 0) |
                             (description.km_role == keys::KmRole::server ? kFlagServer : 0)));
    writer.u8(description.method);
    writer.tuple(description.tuple);
    writer.addresses(description.further_local);
    writer.addresses(description.further_peer);
    writer.counted(description.policy);
    writer.counted(description.local_identity);
    writer.counted(description.peer_identity);
    writer.counted(description.client_parameter);
    writer.counted(description.server_parameter);
    writer.counted(description.attachment);
}

std::optional<IpAddress> read_address(packet::Reader& reader) {
    const uint8_t family = reader.u8();
    const auto octets = reader.bytes(16);
    if (!reader.ok()) {
        return std::nullopt;
    }
    if (family == static_cast<uint8_t>(IpAddress::Family::v6)) {
        return IpAddress::v6(octets.data());
    }
    const auto rest = octets.subspan(4);
    if (family != static_cast<uint8_t>(IpAddress::Family::v4) ||
        !std::all_of(rest.begin(), rest.end(), [](uint8_t octet) { return octet == 0; })) {
        return std::nullopt;
    }
    return IpAddress::v4(octets.data());
}

std::optional<sctp::FourTuple> read_tuple(packet::Reader& reader) {
    const auto local = read_address(reader);
    const auto peer = read_address(reader);
    const uint16_t local_port = reader.be16();
    const uint16_t peer_port = reader.be16();
    if (!local || !peer || !reader.ok()) {
        return std::nullopt;
    }
    return sctp::FourTuple{*local, *peer, local_port, peer_port};
}

bool read_addresses(packet::Reader& reader, std::vector<IpAddress>& out) {
    const size_t count = reader.u8();
    if (!reader.ok() || count > kMaxFurtherAddresses) {
        return false;
    }
    for (size_t i = 0; i < count; ++i) {
        const auto address = read_address(reader);
        if (!address) {
            return false;
        }
        out.push_back(*address);
    }
    return true;
}

record::KeyMaterial read_keys(packet::Reader& reader, const record::SuiteTraits& suite) {
    record::KeyMaterial material;
    material.suite = suite.suite;
    material.key = SecretBytes::copy_of(reader.bytes(suite.key_length));
    material.iv = SecretBytes::copy_of(reader.bytes(suite.iv_length));
    material.sn_key = SecretBytes::copy_of(reader.bytes(suite.sn_key_length));
    return material;
}

template <class Octets>
void read_counted(packet::Reader& reader, Octets& out) {
    const auto octets = reader.bytes(reader.be16());
    out.assign(octets.begin(), octets.end());
}

}  // namespace

EncodedTuple encode(const sctp::FourTuple& tuple) {
    EncodedTuple out{};
    Writer writer(out);
    writer.tuple(tuple);
    return out;
}

std::optional<sctp::FourTuple> decode_tuple(std::span<const uint8_t> octets) {
    packet::Reader reader(octets);
    const auto tuple = read_tuple(reader);
    return reader.left() == 0 ? tuple : std::nullopt;
}

SecretBytes encode(const AssociationDescription& description, const RestartContext& context) {
    Writer counter({});
    write(counter, description, context);
    SecretBytes out(counter.written());
    Writer writer(out.mutable_bytes());
    write(writer, description, context);
    return out;
}

Result<ContextRecord> decode_record(std::span<const uint8_t> octets) {
    packet::Reader reader(octets);
    ContextRecord record;
    AssociationDescription& description = record.description;
    if (const uint8_t format = reader.u8(); format != kFormat) {
        return fail(ErrorCode::corrupt, "record format {}, expected {}", format, kFormat);
    }
    if (const uint8_t role = reader.u8(); role != kRoleRestart) {
        return fail(ErrorCode::corrupt, "key role {}, expected {}", role, kRoleRestart);
    }
    record.context.epoch = reader.be16();
    const uint16_t suite_id = reader.be16();
    const auto suite = record::suite_from_id(suite_id);
    if (!suite) {
        return fail(ErrorCode::corrupt, "unknown cipher suite {:#06x}", suite_id);
    }
    record.context.send = read_keys(reader, *record::traits(*suite));
    record.context.receive = read_keys(reader, *record::traits(*suite));
    const uint8_t flags = reader.u8();
    if ((flags & ~(kFlagInitiator | kFlagServer)) != 0) {
        return fail(ErrorCode::corrupt, "unknown flags {:#04x}", flags);
    }
    description.initiator = (flags & kFlagInitiator) != 0;
    description.km_role = (flags & kFlagServer) != 0 ? keys::KmRole::server : keys::KmRole::client;
    description.method = reader.u8();
    const auto tuple = read_tuple(reader);
    if (!tuple) {
        return fail(ErrorCode::corrupt, "no valid addresses and ports");
    }
    description.tuple = *tuple;
    if (!read_addresses(reader, description.further_local) ||
        !read_addresses(reader, description.further_peer)) {
        return fail(ErrorCode::corrupt, "no valid list of addresses");
    }
    read_counted(reader, description.policy);
    read_counted(reader, description.local_identity);
    read_counted(reader, description.peer_identity);
    read_counted(reader, description.client_parameter);
    read_counted(reader, description.server_parameter);
    read_counted(reader, description.attachment);
    if (!reader.ok() || reader.left() != 0) {
        return fail(ErrorCode::corrupt, "record of {} octets is {}", octets.size(),
                    reader.ok() ? "longer than its content" : "too short");
    }
    if (auto valid = description.validate(); !valid) {
        return fail(ErrorCode::corrupt, "{}", valid.error().message);
    }
    return record;
}

}  // namespace sdg::restart
