// sctp-flood: what somebody without keys can throw at a gateway on a link, as fast as one core can.
// For tests in network namespaces only: frames leave by a packet socket on the interface named, for
// a bounded time, and nothing else of the host is touched. IPv4 or IPv6, as the address says.
//
//   sctp-flood KIND --interface DEVICE --to ADDRESS --to-mac MAC [--port N] [--seconds S] [--rate
//   N]
//
// The kinds are in kKinds below. Prints one line of JSON: what was sent, and in which time.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/packet/code_points.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/key_management_parameter.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/port/icmp.h"
#include "foundation/ip_address.h"
#include "foundation/random.h"
#include "foundation/scheduling.h"

namespace {

using sdg::IpAddress;
using sdg::SeededRandom;
using Octets = std::vector<uint8_t>;
using Clock = std::chrono::steady_clock;
namespace packet = sdg::packet;
namespace port = sdg::port;

constexpr size_t kFrames = 2048;  // different ones, sent again and again
constexpr size_t kBatch = 64;

struct Arguments {
    std::string kind;
    std::string interface;
    std::string to;
    std::string to_mac;
    uint16_t port = 38412;
    double seconds = 2;
    uint64_t rate = 0;  // a second; 0: no limit
};

// What an attacker who has seen, or guessed, a packet of a live association knows of it.
struct Live {
    IpAddress source;
    std::array<uint8_t, 8> ports_and_tag{};
    Octets chunk;
};

struct Attack {
    const Arguments& arguments;
    SeededRandom random{20261126};
    std::array<uint8_t, 6> own_mac{};
    std::array<uint8_t, 6> to_mac{};
    IpAddress to{};
    std::optional<Live> live{};

    Octets octets(size_t length) {
        Octets out(length);
        random.fill(out);
        return out;
    }
    // Some host of the gateway's network, neither the gateway nor (mostly) anybody else.
    IpAddress neighbour() { return neighbour(static_cast<uint8_t>(20 + random.u32() % 230)); }
    [[nodiscard]] IpAddress neighbour(uint8_t last_octet) const {
        IpAddress out = to;
        out.octets[to.size() - 1] = last_octet;
        return out;
    }

    Octets ethernet(uint16_t type, const Octets& payload, bool broadcast = false) const {
        Octets out(14 + payload.size());
        std::memset(out.data(), 0xff, 6);
        if (!broadcast) {
            std::copy(to_mac.begin(), to_mac.end(), out.begin());
        }
        std::copy(own_mac.begin(), own_mac.end(), out.begin() + 6);
        packet::store_be16(out.data() + 12, type);
        std::copy(payload.begin(), payload.end(), out.begin() + 14);
        out.resize(std::max<size_t>(out.size(), 60));
        return out;
    }
    // fragment: flags and offset of IPv4.
    [[nodiscard]] Octets ip(const IpAddress& from, uint8_t protocol, const Octets& payload,
                            uint16_t fragment = 0x4000) const {
        if (to.family == IpAddress::Family::v6) {
            return ethernet(0x86dd, ipv6(from, to, protocol, payload));
        }
        Octets out(20);
        out[0] = 0x45;
        packet::store_be16(out.data() + 2, static_cast<uint16_t>(out.size() + payload.size()));
        packet::store_be16(out.data() + 6, fragment);
        out[8] = 64;
        out[9] = protocol;
        std::copy_n(from.octets.begin(), 4, out.begin() + 12);
        std::copy_n(to.octets.begin(), 4, out.begin() + 16);
        packet::store_be16(out.data() + 10, packet::internet_checksum(out));
        out.insert(out.end(), payload.begin(), payload.end());
        return ethernet(0x0800, out);
    }
    // Hop limit 255, as neighbour discovery asks for.
    static Octets ipv6(const IpAddress& from, const IpAddress& to, uint8_t next_header,
                       const Octets& payload) {
        Octets out(8);
        out[0] = 0x60;
        packet::store_be16(out.data() + 4, static_cast<uint16_t>(payload.size()));
        out[6] = next_header;
        out[7] = 255;
        out.insert(out.end(), from.octets.begin(), from.octets.end());
        out.insert(out.end(), to.octets.begin(), to.octets.end());
        out.insert(out.end(), payload.begin(), payload.end());
        return out;
    }
    // An echo request of the address's family.
    Octets echo() {
        const IpAddress from = neighbour();
        const bool v6 = to.family == IpAddress::Family::v6;
        Octets icmp = octets(64);
        icmp[0] = v6 ? 128 : 8;
        icmp[1] = icmp[2] = icmp[3] = 0;
        packet::store_be16(icmp.data() + 2, v6 ? port::icmp6_checksum(from, to, icmp)
                                               : packet::internet_checksum(icmp));
        return ip(from, v6 ? 58 : 1, icmp);
    }
    // Who has the gateway's address, asks somebody with a link address of the moment.
    Octets who_has() {
        const IpAddress from = neighbour();
        Octets mac = octets(6);
        mac[0] = 2;
        if (to.family == IpAddress::Family::v4) {
            Octets arp = {0, 1, 8, 0, 6, 4, 0, 1};
            arp.insert(arp.end(), mac.begin(), mac.end());
            arp.insert(arp.end(), from.octets.begin(), from.octets.begin() + 4);
            arp.insert(arp.end(), 6, 0);
            arp.insert(arp.end(), to.octets.begin(), to.octets.begin() + 4);
            return ethernet(0x0806, arp, true);
        }
        // A neighbour solicitation to the solicited-node group (RFC 4861, 4.3).
        IpAddress group = *IpAddress::parse("ff02::1:ff00:0");
        std::copy(to.octets.begin() + 13, to.octets.end(), group.octets.begin() + 13);
        Octets icmp = {135, 0, 0, 0, 0, 0, 0, 0};
        icmp.insert(icmp.end(), to.octets.begin(), to.octets.end());
        icmp.insert(icmp.end(), {1, 1});
        icmp.insert(icmp.end(), mac.begin(), mac.end());
        packet::store_be16(icmp.data() + 2, port::icmp6_checksum(from, group, icmp));
        Octets frame = ethernet(0x86dd, ipv6(from, group, 58, icmp));
        frame[0] = frame[1] = 0x33;
        std::copy(group.octets.begin() + 12, group.octets.end(), frame.begin() + 2);
        return frame;
    }
    static Octets chunk(uint8_t type, const Octets& value, uint8_t flags = 0) {
        Octets out(4 + value.size());
        out[0] = type;
        out[1] = flags;
        packet::store_be16(out.data() + 2, static_cast<uint16_t>(out.size()));
        std::copy(value.begin(), value.end(), out.begin() + 4);
        out.resize((out.size() + 3) & ~size_t{3});
        return out;
    }
    Octets sctp(uint32_t tag, const Octets& chunks) {
        Octets out(packet::kCommonHeader);
        const auto from = static_cast<uint16_t>(1024 + random.u32() % 60'000);
        packet::write_common_header(out.data(), {from, arguments.port, tag});
        out.insert(out.end(), chunks.begin(), chunks.end());
        packet::set_checksum(out);
        return out;
    }
    // As the live association's, with other chunks.
    Octets live_sctp(const Octets& chunks) const {
        Octets out(live->ports_and_tag.begin(), live->ports_and_tag.end());
        out.resize(packet::kCommonHeader);
        out.insert(out.end(), chunks.begin(), chunks.end());
        packet::set_checksum(out);
        return ip(live->source, 132, out);
    }
    Octets init() {
        Octets value = octets(16);
        packet::store_be32(value.data(), random.u32() | 1);
        packet::store_be32(value.data() + 4, 0x10000);
        packet::store_be16(value.data() + 8, 10);
        packet::store_be16(value.data() + 10, 10);
        // As a gateway that offers all methods.
        constexpr std::array<uint8_t, 3> kMethods = {192, 1, 0};
        const auto offer = packet::KeyManagementParameter::create(
            random.u32(), packet::kKmFlagClient | packet::kKmFlagServer, kMethods);
        value.insert(value.end(), offer->wire().begin(), offer->wire().end());
        return sctp(0, chunk(packet::kChunkInit, value));
    }
    Octets forged_record() {
        Octets chunk = live->chunk;
        const Octets noise = octets(chunk.size());
        // Behind chunk header, padding octet and first octet of the record, which name the epoch.
        std::copy(noise.begin() + 6, noise.end(), chunk.begin() + 6);
        return live_sctp(chunk);
    }
};

struct Kind {
    const char* name;
    bool needs_live;
    Octets (*make)(Attack&);
};

constexpr Kind kKinds[] = {
    {"init", false, [](Attack& a) { return a.ip(a.neighbour(), 132, a.init()); }},
    {"init-one-source", false, [](Attack& a) { return a.ip(a.neighbour(250), 132, a.init()); }},
    {"cookie", false,
     [](Attack& a) {
         return a.ip(
             a.neighbour(), 132,
             a.sctp(a.random.u32() | 1, Attack::chunk(packet::kChunkCookieEcho, a.octets(400))));
     }},
    {"record-any-tag", false,
     [](Attack& a) {
         Octets value = a.octets(200);
         value[0] = 0;
         value[1] = static_cast<uint8_t>(0x28 | (a.random.u32() & 3));
         return a.ip(a.neighbour(), 132,
                     a.sctp(a.random.u32() | 1, Attack::chunk(packet::kChunkDtls, value)));
     }},
    {"record-live-tag", true, [](Attack& a) { return a.forged_record(); }},
    {"clear-live-tag", true,
     [](Attack& a) { return a.live_sctp(Attack::chunk(packet::kChunkData, a.octets(100), 3)); }},
    {"stray", false,
     [](Attack& a) {
         return a.ip(
             a.neighbour(), 132,
             a.sctp(a.random.u32() | 1, Attack::chunk(packet::kChunkHeartbeat, a.octets(40))));
     }},
    {"bad-checksum", false,
     [](Attack& a) {
         Octets sctp =
             a.sctp(a.random.u32() | 1, Attack::chunk(packet::kChunkData, a.octets(1200)));
         sctp[8] ^= 0xff;
         return a.ip(a.neighbour(), 132, sctp);
     }},
    {"oversize", false,
     [](Attack& a) {
         return a.ip(a.neighbour(), 132,
                     a.sctp(a.random.u32() | 1, Attack::chunk(packet::kChunkData, a.octets(1600))));
     }},
    {"fragment", false,
     [](Attack& a) {
         return a.ip(a.neighbour(), 132,
                     a.sctp(a.random.u32() | 1, Attack::chunk(packet::kChunkData, a.octets(400))),
                     static_cast<uint16_t>(a.random.u32() % 2 == 0 ? 0x2000 : 0x0010));
     }},
    {"who-has", false, [](Attack& a) { return a.who_has(); }},
    {"echo", false, [](Attack& a) { return a.echo(); }},
    {"garbage", false,
     [](Attack& a) { return a.ip(a.neighbour(), 132, a.octets(a.random.u32() % 1400)); }},
};

class PacketSocket {
 public:
    explicit PacketSocket(const std::string& interface) {
        socket_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
        sockaddr_ll here{};
        here.sll_family = AF_PACKET;
        here.sll_protocol = htons(ETH_P_ALL);
        here.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
        const int on = 1;
        if (socket_ < 0 || here.sll_ifindex == 0 ||
            ::bind(socket_, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0 ||
            ::setsockopt(socket_, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) {
            throw std::runtime_error("no packet socket on " + interface);
        }
    }
    ~PacketSocket() { ::close(socket_); }
    PacketSocket(const PacketSocket&) = delete;
    PacketSocket& operator=(const PacketSocket&) = delete;
    [[nodiscard]] int get() const { return socket_; }

 private:
    int socket_ = -1;
};

// Waits for a record to the target on the link.
Live overhear(const PacketSocket& socket, const IpAddress& to) {
    const auto until = Clock::now() + std::chrono::seconds(10);
    const bool v6 = to.family == IpAddress::Family::v6;
    const size_t from_at = v6 ? 22 : 26;
    const size_t sctp_at = v6 ? 54 : 34;
    const size_t chunk_at = sctp_at + packet::kCommonHeader;
    std::array<uint8_t, 4096> buffer{};
    while (Clock::now() < until) {
        const ssize_t n = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
        const size_t length = n > 0 ? static_cast<size_t>(n) : 0;
        const uint8_t* frame = buffer.data();
        if (length < chunk_at + 48 || frame[12] != (v6 ? 0x86 : 0x08) ||
            frame[14] != (v6 ? 0x60 : 0x45) || frame[v6 ? 20 : 23] != 132 ||
            std::memcmp(frame + from_at + to.size(), to.octets.data(), to.size()) != 0 ||
            frame[chunk_at] != packet::kChunkDtls) {
            continue;
        }
        Live live;
        live.source = v6 ? IpAddress::v6(frame + from_at) : IpAddress::v4(frame + from_at);
        std::copy_n(frame + sctp_at, 8, live.ports_and_tag.begin());
        live.chunk.assign(frame + chunk_at, frame + length);
        return live;
    }
    throw std::runtime_error("no record of a live association on the link");
}

std::array<uint8_t, 6> mac_of(const std::string& text) {
    std::array<unsigned, 6> parts{};
    std::array<uint8_t, 6> out{};
    // NOLINTNEXTLINE(cert-err34-c): the number of parts is checked
    if (std::sscanf(text.c_str(), "%x:%x:%x:%x:%x:%x", &parts[0], &parts[1], &parts[2], &parts[3],
                    &parts[4], &parts[5]) != 6) {
        throw std::runtime_error("not a link address: " + text);
    }
    std::copy(parts.begin(), parts.end(), out.begin());
    return out;
}

int flood(const Arguments& arguments) {
    const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                    [&](const Kind& one) { return arguments.kind == one.name; });
    if (kind == std::end(kKinds)) {
        throw std::runtime_error("no such kind: " + arguments.kind);
    }
    const PacketSocket socket(arguments.interface);
    Attack attack{arguments};
    attack.to_mac = mac_of(arguments.to_mac);
    attack.own_mac = {2, 0, 0, 0xba, 0xd0, 1};
    const auto to = IpAddress::parse(arguments.to);
    if (!to) {
        throw std::runtime_error("not an address: " + arguments.to);
    }
    attack.to = *to;
    if (kind->needs_live) {
        attack.live = overhear(socket, attack.to);
    }
    std::vector<Octets> frames;
    std::vector<iovec> parts(kFrames);
    std::vector<mmsghdr> messages(kFrames);
    for (size_t i = 0; i < kFrames; ++i) {
        frames.push_back(kind->make(attack));
        parts[i] = {frames[i].data(), frames[i].size()};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const auto start = Clock::now();
    const auto until = start + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(arguments.seconds));
    uint64_t sent = 0;
    uint64_t refused = 0;
    auto now = start;
    for (size_t at = 0; now < until; now = Clock::now()) {
        if (arguments.rate != 0 &&
            static_cast<double>(sent) >= std::chrono::duration<double>(now - start).count() *
                                             static_cast<double>(arguments.rate)) {
            ::usleep(200);
            continue;
        }
        ::sched_yield();
        const int n = ::sendmmsg(socket.get(), &messages[at], kBatch, 0);
        if (n <= 0) {
            ++refused;  // no room at the moment
            continue;
        }
        sent += static_cast<uint64_t>(n);
        at = (at + static_cast<size_t>(n)) % (kFrames - kBatch);
    }
    const double seconds = std::chrono::duration<double>(now - start).count();
    fmt::print(
        "{{\"kind\": \"{}\", \"sent\": {}, \"refused\": {}, \"seconds\": {:.3f}, "
        "\"per_second\": {:.0f}}}\n",
        arguments.kind, sent, refused, seconds, static_cast<double>(sent) / seconds);
    return sent > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app{"Floods a gateway in a test's network namespaces", "sctp-flood"};
    app.add_option("kind", arguments.kind)->required();
    app.add_option("--interface", arguments.interface)->required();
    app.add_option("--to", arguments.to, "the gateway's address")->required();
    app.add_option("--to-mac", arguments.to_mac)->required();
    app.add_option("--port", arguments.port);
    app.add_option("--seconds", arguments.seconds)->check(CLI::Range(0.01, 600.0));
    app.add_option("--rate", arguments.rate, "packets a second; absent: all that one core can");
    CLI11_PARSE(app, argc, argv);
    // Whoever shares the CPU with it stands for others, with CPUs of their own.
    sdg::take_short_turns();
    try {
        return flood(arguments);
    } catch (const std::exception& error) {
        fmt::print(stderr, "sctp-flood: {}\n", error.what());
        return 1;
    }
}
