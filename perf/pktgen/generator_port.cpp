#include "perf/pktgen/generator_port.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "dataplane/packet/ethernet.h"
#include "dataplane/port/arp.h"
#include "dataplane/port/frame_writer.h"
#include "perf/pktgen/options.h"

namespace sdg::traffic {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr port::MacAddress kBroadcast = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

// The memif driver's client connects once, when the port starts: the server's socket must be there.
std::string memif_server(const std::string& device) {
    constexpr std::string_view kSocket = ",socket=";
    const size_t at = device.find(kSocket);
    if (!device.starts_with("net_memif") || at == std::string::npos ||
        device.find(",role=client") == std::string::npos) {
        return {};
    }
    const size_t start = at + kSocket.size();
    return device.substr(start, device.find(',', start) - start);
}

}  // namespace

Result<std::unique_ptr<GeneratorPort>> GeneratorPort::open(const std::string& device,
                                                           const std::vector<IpAddress>& own,
                                                           unsigned queues, Wait wait) {
    std::unique_ptr<GeneratorPort> out(new GeneratorPort);
    port::PortSettings settings;
    settings.name = "generator";
    settings.device = device;
    settings.rx_descriptors = settings.tx_descriptors = 1024;
    settings.mbufs = 4096;
    for (const IpAddress& address : own) {
        settings.addresses.push_back({address, 24});
    }
    const auto give_up = Clock::now() + wait;
    const auto over = [give_up] { return Clock::now() >= give_up || stop_requested(); };
    const std::string server = memif_server(device);
    while (!server.empty() && !std::filesystem::exists(server)) {
        if (over()) {
            return fail(ErrorCode::timed_out, "no memif server at {}: is the forwarder running?",
                        server);
        }
        std::this_thread::sleep_for(20ms);
    }
    if (!server.empty()) {
        // The socket is there a little before the server's port has started, and a client that
        // comes in between is turned away for good.
        std::this_thread::sleep_for(100ms);
    }
    while (true) {
        auto ports = port::PortTable::open({settings}, queues);
        if (!ports && over()) {
            return tl::unexpected(ports.error());
        }
        if (ports && (server.empty() || (*ports)->link_up(0) || over())) {
            out->ports_ = std::move(*ports);
            break;
        }
        ports = tl::unexpected(Error{});  // closes it
        std::this_thread::sleep_for(50ms);
    }
    out->device_ = out->ports_->port(0).device.get();
    out->own_ = own;
    return out;
}

GeneratorPort::~GeneratorPort() {
    rte_pktmbuf_free_bulk(waiting_.data(), static_cast<unsigned>(count_));
}

Result<port::MacAddress> GeneratorPort::resolve(const IpAddress& neighbour, Wait wait) {
    asked_ = neighbour;
    answer_.reset();
    const auto give_up = Clock::now() + wait;
    auto next = Clock::now();
    while (!stop_requested()) {
        const auto now = Clock::now();
        if (now >= next) {
            next = now + 100ms;
            send_arp(true, own_.front(), {}, neighbour);
        }
        std::array<rte_mbuf*, kBurst> frames;
        const uint16_t n = receive(frames);
        rte_pktmbuf_free_bulk(frames.data(), n);
        if (answer_) {
            return *answer_;
        }
        if (now >= give_up) {
            break;
        }
        std::this_thread::sleep_for(1ms);
    }
    return fail(ErrorCode::timed_out,
                "{} does not answer ARP{}: is the forwarder running, on the other end of this "
                "device and with the same addresses?",
                neighbour.to_string(), ports_->link_up(0) ? "" : " and the link is down");
}

bool GeneratorPort::take_arp(rte_mbuf* frame) {
    const std::span<const uint8_t> octets(rte_pktmbuf_mtod(frame, const uint8_t*),
                                          rte_pktmbuf_data_len(frame));
    if (octets.size() < packet::kEthernetHeader ||
        packet::load_be16(octets.data() + 12) != packet::kEtherTypeArp) {
        return false;
    }
    const auto message = port::parse_arp(octets.subspan(packet::kEthernetHeader));
    if (message) {
        if (message->sender == asked_) {
            answer_ = message->sender_mac;
        }
        if (message->request &&
            std::find(own_.begin(), own_.end(), message->target) != own_.end()) {
            send_arp(false, message->target, message->sender_mac, message->sender);
        }
    }
    rte_pktmbuf_free(frame);
    return true;
}

void GeneratorPort::send_arp(bool request, const IpAddress& own, const port::MacAddress& target_mac,
                             const IpAddress& target) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool());
    if (packet == nullptr) {
        return;
    }
    port::ArpMessage message;
    message.request = request;
    message.sender_mac = mac();
    message.sender = own;
    message.target_mac = target_mac;
    message.target = target;
    auto* at = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(packet, port::kArpMessage));
    port::write_arp(message, std::span<uint8_t, port::kArpMessage>(at, port::kArpMessage));
    port::push_ethernet(packet, request ? kBroadcast : target_mac, mac(), std::nullopt,
                        packet::kEtherTypeArp);
    if (rte_eth_tx_burst(device_->id(), 0, &packet, 1) != 1) {
        rte_pktmbuf_free(packet);
    }
}

uint16_t GeneratorPort::receive(std::span<rte_mbuf*, kBurst> frames) {
    const uint16_t n = rte_eth_rx_burst(device_->id(), next_receive_, frames.data(), kBurst);
    next_receive_ = static_cast<uint16_t>((next_receive_ + 1) % device_->queues());
    uint16_t kept = 0;
    for (uint16_t i = 0; i < n; ++i) {
        if (!take_arp(frames[i])) {
            frames[kept++] = frames[i];
        }
    }
    return kept;
}

size_t GeneratorPort::flush() {
    if (count_ == 0) {
        return 0;
    }
    const uint16_t n =
        rte_eth_tx_burst(device_->id(), next_send_, waiting_.data(), static_cast<uint16_t>(count_));
    count_ -= n;
    std::copy_n(waiting_.begin() + n, count_, waiting_.begin());
    next_send_ = static_cast<uint16_t>((next_send_ + 1) % device_->queues());
    return n;
}

}  // namespace sdg::traffic
