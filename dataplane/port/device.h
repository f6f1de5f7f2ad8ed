// One DPDK ethdev: probed (or found), configured, started; stopped, closed and removed on
// destruction.
//
// The control thread opens and destroys; workers use id() and the constants with rte_eth_rx_burst()
// and rte_eth_tx_burst(), one worker per queue. As many queues as workers if the device has them,
// equally many each way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/port/packet_pool.h"
#include "dataplane/port/port_settings.h"
#include "foundation/result.h"

struct rte_eth_dev_info;

namespace sdg::port {

class Device {
 public:
    // Errors are one line with device and reason; nothing stays open after one.
    [[nodiscard]] static Result<std::unique_ptr<Device>> open(const PortSettings& settings,
                                                              unsigned workers);
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    [[nodiscard]] uint16_t id() const { return id_; }
    [[nodiscard]] uint16_t queues() const { return queues_; }
    [[nodiscard]] const MacAddress& mac() const { return mac_; }
    // What the port does instead of us.
    [[nodiscard]] bool checks_sctp() const { return checks_sctp_; }
    [[nodiscard]] bool fills_sctp() const { return fills_sctp_; }
    [[nodiscard]] bool fills_ipv4() const { return fills_ipv4_; }
    [[nodiscard]] bool link_up() const;
    [[nodiscard]] std::vector<std::pair<std::string, uint64_t>> counters() const;

 private:
    Device() = default;
    Result<void> attach(const PortSettings& settings);
    Result<void> configure(const PortSettings& settings, unsigned workers);
    Result<void> set_addresses(const PortSettings& settings);
    void wait_for_link() const;

    static constexpr uint16_t kNone = UINT16_MAX;
    std::string device_;
    PacketPool pool_;
    MacAddress mac_{};
    uint64_t owner_ = 0;
    uint16_t id_ = kNone;
    uint16_t queues_ = 0;
    bool probed_ = false;  // by us, so removed by us
    bool started_ = false;
    bool checks_sctp_ = false;
    bool fills_sctp_ = false;
    bool fills_ipv4_ = false;
};

}  // namespace sdg::port
