#include "dataplane/port/device.h"

#include <net/if.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>

#include "dataplane/packet/ethernet.h"
#include "dataplane/port/eal_log.h"
#include "foundation/descriptor.h"

namespace sdg::port {
namespace {

using namespace std::chrono_literals;
constexpr auto kLinkWait = 3s;
constexpr uint32_t kUsualFrame = 2048;  // what most drivers split receive buffers at

std::string device_name(const std::string& device) {
    return device.substr(0, device.find(','));
}

// The value of key=VALUE in a vdev's arguments.
std::string argument(const std::string& device, std::string_view key) {
    size_t at = device.find(',');
    while (at != std::string::npos) {
        const size_t end = device.find(',', at + 1);
        const std::string item =
            device.substr(at + 1, end == std::string::npos ? end : end - at - 1);
        if (item.size() > key.size() && item.starts_with(key) && item[key.size()] == '=') {
            return item.substr(key.size() + 1);
        }
        at = end;
    }
    return {};
}

// The kernel's word on what the af_packet driver would only report as "failed".
Result<void> check_interface(const PortSettings& settings) {
    const std::string name = argument(settings.device, "iface");
    if (name.empty() || name.size() >= IFNAMSIZ) {
        return fail(ErrorCode::invalid_argument, "names no interface (iface=NAME)");
    }
    if (if_nametoindex(name.c_str()) == 0) {
        return fail(ErrorCode::not_found, "no such interface: {}", name);
    }
    const Descriptor raw(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (raw.get() < 0) {
        return fail(
            errno == EPERM || errno == EACCES ? ErrorCode::permission_denied : ErrorCode::io,
            "packet socket: {} (the capability CAP_NET_RAW is needed)", std::strerror(errno));
    }
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (ioctl(raw.get(), SIOCGIFMTU, &request) == 0 &&
        request.ifr_mtu < static_cast<int>(settings.mtu)) {
        return fail(ErrorCode::invalid_argument, "mtu {} is beyond the {} of interface {}",
                    settings.mtu, request.ifr_mtu, name);
    }
    return {};
}

std::string reason_of(int error) {
    const std::string detail = last_eal_log();
    const std::string text = rte_strerror(error < 0 ? -error : error);
    return detail.empty() ? text : fmt::format("{} ({})", text, detail);
}

// Same port, same address on every start; locally administered, unicast.
MacAddress made_up_mac(const std::string& name) {
    uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : name) {
        hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
    }
    MacAddress mac{0x02};
    for (size_t i = 1; i < mac.size(); ++i) {
        mac[i] = static_cast<uint8_t>(hash >> (8 * i));
    }
    return mac;
}

uint32_t frame_room(const PortSettings& settings) {
    const uint32_t frame = settings.mtu +
                           static_cast<uint32_t>(packet::kEthernetHeader + 2 * packet::kVlanTag) +
                           RTE_ETHER_CRC_LEN;
    // The af_packet driver wants its ring's frames to fit, whatever the MTU.
    const std::string ring_frame = argument(settings.device, "framesz");
    const uint64_t wanted = ring_frame.empty() ? 0 : std::strtoull(ring_frame.c_str(), nullptr, 10);
    return std::max({kUsualFrame, (frame + 63) & ~63U,
                     static_cast<uint32_t>(std::min<uint64_t>(wanted, UINT16_MAX / 2))});
}

}  // namespace

Result<std::unique_ptr<Device>> Device::open(const PortSettings& settings, unsigned workers) {
    std::unique_ptr<Device> device(new Device);
    clear_eal_log();
    Result<void> ok = device->attach(settings);
    if (ok) {
        ok = device->configure(settings, workers);
    }
    if (ok) {
        ok = device->set_addresses(settings);
    }
    if (!ok) {
        return tl::unexpected(ok.error());
    }
    device->wait_for_link();
    return device;
}

Result<void> Device::attach(const PortSettings& settings) {
    device_ = settings.device;
    const std::string name = device_name(device_);
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) != 0) {
        if (name.starts_with("net_af_packet")) {
            if (auto ok = check_interface(settings); !ok) {
                return ok;
            }
        }
        const int rc = rte_dev_probe(device_.c_str());
        if (rc != 0 && rc != -EEXIST) {
            id_ = kNone;
            return fail(
                rc == -EPERM || rc == -EACCES ? ErrorCode::permission_denied : ErrorCode::not_found,
                "cannot be opened: {}", reason_of(rc));
        }
        probed_ = true;
        if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) != 0) {
            id_ = kNone;
            rte_eal_hotplug_remove("vdev", name.c_str());
            return fail(ErrorCode::not_found, "is no Ethernet device");
        }
    }
    rte_eth_dev_owner owner{};
    rte_eth_dev_owner_new(&owner.id);
    snprintf(owner.name, sizeof owner.name, "sctp-gateway");
    if (rte_eth_dev_owner_set(id_, &owner) != 0) {
        id_ = kNone;
        probed_ = false;
        return fail(ErrorCode::already_exists, "is in use by another port");
    }
    owner_ = owner.id;
    return {};
}

Result<void> Device::configure(const PortSettings& settings, unsigned workers) {
    rte_eth_dev_info info{};
    if (const int rc = rte_eth_dev_info_get(id_, &info); rc != 0) {
        return fail(ErrorCode::io, "does not describe itself: {}", reason_of(rc));
    }
    queues_ = static_cast<uint16_t>(
        std::max(1U, std::min<unsigned>({workers, info.max_rx_queues, info.max_tx_queues})));
    rte_eth_conf conf{};
    conf.rxmode.offloads =
        info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_SCTP_CKSUM | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM);
    conf.txmode.offloads =
        info.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_SCTP_CKSUM | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
    checks_sctp_ = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCTP_CKSUM) != 0;
    fills_sctp_ = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_SCTP_CKSUM) != 0;
    fills_ipv4_ = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
    const uint64_t spread = info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_SCTP);
    if (queues_ > 1 && spread != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = spread;
    }
    if (const int rc = rte_eth_dev_configure(id_, queues_, queues_, &conf); rc != 0) {
        return fail(ErrorCode::io, "cannot be configured: {}", reason_of(rc));
    }

    // af_packet would change the kernel's interface, which is not ours.
    uint16_t mtu = 0;
    if (!device_.starts_with("net_af_packet") && rte_eth_dev_get_mtu(id_, &mtu) == 0 &&
        mtu != settings.mtu) {
        const int rc = rte_eth_dev_set_mtu(id_, settings.mtu);
        if (rc != 0 && rc != -ENOTSUP) {
            return fail(ErrorCode::invalid_argument, "does not take an mtu of {}: {}", settings.mtu,
                        reason_of(rc));
        }
    }

    uint16_t receive = settings.rx_descriptors;
    uint16_t transmit = settings.tx_descriptors;
    rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive, &transmit);
    auto pool = PacketPool::create("port " + settings.name, settings.mbufs, frame_room(settings));
    if (!pool) {
        return tl::unexpected(pool.error());
    }
    pool_ = std::move(*pool);
    const auto socket = static_cast<unsigned>(std::max(rte_eth_dev_socket_id(id_), 0));
    for (uint16_t queue = 0; queue < queues_; ++queue) {
        int rc = rte_eth_rx_queue_setup(id_, queue, receive, socket, nullptr, pool_.get());
        if (rc == 0) {
            rc = rte_eth_tx_queue_setup(id_, queue, transmit, socket, nullptr);
        }
        if (rc != 0) {
            return fail(ErrorCode::io, "queue {} cannot be set up: {}", queue, reason_of(rc));
        }
    }
    if (const int rc = rte_eth_dev_start(id_); rc != 0) {
        return fail(ErrorCode::io, "does not start: {}", reason_of(rc));
    }
    started_ = true;
    return {};
}

Result<void> Device::set_addresses(const PortSettings& settings) {
    rte_ether_addr own{};
    if (rte_eth_macaddr_get(id_, &own) == 0) {
        std::copy_n(own.addr_bytes, mac_.size(), mac_.begin());
    }
    if (settings.mac && *settings.mac != mac_) {
        std::copy_n(settings.mac->begin(), mac_.size(), own.addr_bytes);
        const int rc = rte_eth_dev_default_mac_addr_set(id_, &own);
        if (rc != 0 && rc != -ENOTSUP) {
            return fail(ErrorCode::io, "does not take its link address: {}", reason_of(rc));
        }
        mac_ = *settings.mac;
    } else if (mac_ == MacAddress{}) {
        mac_ = made_up_mac(settings.name + settings.device);
    }
    // Drivers without a filter answer "not supported" and deliver everything anyway.
    if (settings.promiscuous) {
        if (const int rc = rte_eth_promiscuous_enable(id_); rc != 0 && rc != -ENOTSUP) {
            return fail(ErrorCode::io, "does not go promiscuous: {}", reason_of(rc));
        }
    }
    rte_eth_allmulticast_enable(id_);
    return {};
}

bool Device::link_up() const {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

// A link that is still down afterwards is no error: it may come up later.
void Device::wait_for_link() const {
    const auto give_up = std::chrono::steady_clock::now() + kLinkWait;
    while (!link_up() && std::chrono::steady_clock::now() < give_up) {
        std::this_thread::sleep_for(10ms);
    }
}

std::vector<std::pair<std::string, uint64_t>> Device::counters() const {
    rte_eth_stats stats{};
    if (rte_eth_stats_get(id_, &stats) != 0) {
        return {};
    }
    return {{"rx_packets", stats.ipackets},  {"rx_octets", stats.ibytes},
            {"rx_missed", stats.imissed},    {"rx_errors", stats.ierrors},
            {"rx_no_mbuf", stats.rx_nombuf}, {"tx_packets", stats.opackets},
            {"tx_octets", stats.obytes},     {"tx_errors", stats.oerrors}};
}

Device::~Device() {
    if (id_ == kNone) {
        return;
    }
    if (started_) {
        rte_eth_dev_stop(id_);
    }
    rte_eth_dev_owner_unset(id_, owner_);
    if (probed_) {
        rte_eth_dev_info info{};
        const bool known = rte_eth_dev_info_get(id_, &info) == 0;
        rte_eth_dev_close(id_);
        if (known && info.device != nullptr) {
            rte_dev_remove(info.device);
        }
    }
}

}  // namespace sdg::port
