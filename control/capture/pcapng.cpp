#include "control/capture/pcapng.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sdg::capture {
namespace {

static_assert(std::endian::native == std::endian::little, "written for little-endian x86-64");

constexpr uint32_t kSection = 0x0a0d0d0a;
constexpr uint32_t kInterface = 1;
constexpr uint32_t kStatistics = 5;
constexpr uint32_t kPacket = 6;
constexpr uint32_t kSecrets = 10;
constexpr size_t kBlockHeader = 8;
constexpr size_t kLongestText = 65'000;

// Options: of every block, then of one kind each.
constexpr uint16_t kEnd = 0;
constexpr uint16_t kComment = 1;
constexpr uint16_t kSectionApplication = 4;
constexpr uint16_t kInterfaceName = 2;
constexpr uint16_t kInterfaceDescription = 3;
constexpr uint16_t kInterfaceResolution = 9;
constexpr uint16_t kInterfaceFilter = 11;
constexpr uint16_t kPacketFlags = 2;
constexpr uint16_t kStatisticsBegun = 2;
constexpr uint16_t kStatisticsEnded = 3;
constexpr uint16_t kStatisticsReceived = 4;
constexpr uint16_t kStatisticsDropped = 5;

constexpr uint8_t kNanoseconds = 9;  // digits behind the second
constexpr uint32_t kInbound = 1;
constexpr uint32_t kOutbound = 2;

class Block {
 public:
    Block(std::vector<uint8_t>& out, uint32_t type) : out_(out), begin_(out.size()) {
        number(type);
        number(uint32_t{0});
    }
    // Writes the length at both ends.
    void end() {
        const auto length = static_cast<uint32_t>(out_.size() - begin_ + sizeof(uint32_t));
        std::memcpy(out_.data() + begin_ + sizeof(uint32_t), &length, sizeof length);
        number(length);
    }
    template <class Number>
    void number(Number value) {
        const auto* at = reinterpret_cast<const uint8_t*>(&value);
        out_.insert(out_.end(), at, at + sizeof value);
    }
    // Padded with zeros to 32 bits.
    void octets(std::span<const uint8_t> what) {
        out_.insert(out_.end(), what.begin(), what.end());
        out_.resize(out_.size() + (0 - what.size()) % 4);
    }
    // Upper half first, both in the section's byte order.
    void time(WallTimeNs when) {
        const auto value = static_cast<uint64_t>(when.count());
        number(static_cast<uint32_t>(value >> 32));
        number(static_cast<uint32_t>(value));
    }
    void option(uint16_t code, std::span<const uint8_t> value) {
        number(code);
        number(static_cast<uint16_t>(value.size()));
        octets(value);
        has_options_ = true;
    }
    void text(uint16_t code, std::string_view value) {
        value = value.substr(0, kLongestText);
        if (!value.empty()) {
            option(code, {reinterpret_cast<const uint8_t*>(value.data()), value.size()});
        }
    }
    void time_option(uint16_t code, WallTimeNs when) {
        number(code);
        number(static_cast<uint16_t>(sizeof(uint64_t)));
        time(when);
        has_options_ = true;
    }
    template <class Number>
    void number_option(uint16_t code, Number value) {
        option(code, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
    }
    void end_options() {
        if (has_options_) {
            number(kEnd);
            number(uint16_t{0});
        }
    }

 private:
    std::vector<uint8_t>& out_;
    size_t begin_;
    bool has_options_ = false;
};

}  // namespace

void append(std::vector<uint8_t>& out, const Section& section) {
    Block block(out, kSection);
    block.number(uint32_t{0x1a2b3c4d});
    block.number(uint16_t{1});
    block.number(uint16_t{0});
    block.number(uint64_t{UINT64_MAX});  // length of the section: not known
    for (const std::string& comment : section.comments) {
        block.text(kComment, comment);
    }
    block.text(kSectionApplication, section.application);
    block.end_options();
    block.end();
}

void append(std::vector<uint8_t>& out, const Interface& interface) {
    Block block(out, kInterface);
    block.number(interface.link);
    block.number(uint16_t{0});
    block.number(interface.snap);
    for (const std::string& comment : interface.comments) {
        block.text(kComment, comment);
    }
    block.text(kInterfaceName, interface.name);
    block.text(kInterfaceDescription, interface.description);
    block.number_option(kInterfaceResolution, kNanoseconds);
    if (!interface.filter.empty()) {
        block.text(kInterfaceFilter, std::string(1, '\0') + interface.filter);  // 0: as libpcap's
    }
    block.end_options();
    block.end();
}

void append(std::vector<uint8_t>& out, const Packet& packet) {
    Block block(out, kPacket);
    block.number(packet.interface);
    block.time(packet.time);
    block.number(static_cast<uint32_t>(packet.octets.size()));
    block.number(packet.length);
    block.octets(packet.octets);
    block.text(kComment, packet.comment);
    block.number_option(kPacketFlags, packet.outbound ? kOutbound : kInbound);
    block.end_options();
    block.end();
}

void append(std::vector<uint8_t>& out, const Statistics& statistics) {
    Block block(out, kStatistics);
    block.number(statistics.interface);
    block.time(statistics.ended);
    block.text(kComment, statistics.comment);
    block.time_option(kStatisticsBegun, statistics.begun);
    block.time_option(kStatisticsEnded, statistics.ended);
    block.number_option(kStatisticsReceived, statistics.written + statistics.not_kept);
    block.number_option(kStatisticsDropped, statistics.not_kept);
    block.end_options();
    block.end();
}

void append_secrets(std::vector<uint8_t>& out, uint32_t type, std::span<const uint8_t> secrets) {
    Block block(out, kSecrets);
    block.number(type);
    block.number(static_cast<uint32_t>(secrets.size()));
    block.octets(secrets);
    block.end();
}

size_t whole_blocks(std::span<const uint8_t> blocks, size_t length) {
    length = std::min(length, blocks.size());
    size_t end = 0;
    while (length - end >= kBlockHeader) {
        uint32_t step = 0;
        std::memcpy(&step, blocks.data() + end + sizeof(uint32_t), sizeof step);
        if (step < kBlockHeader || step > length - end) {
            break;
        }
        end += step;
    }
    return end;
}

}  // namespace sdg::capture
