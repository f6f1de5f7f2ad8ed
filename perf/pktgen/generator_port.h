// A DPDK port of the generator: answers ARP for its addresses, asks for the forwarder's, keeps what
// the device does not take yet. One thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/port/port_table.h"
#include "foundation/ip_address.h"
#include "foundation/result.h"

struct rte_mbuf;

namespace sdg::traffic {

class GeneratorPort {
 public:
    static constexpr uint16_t kBurst = 32;
    using Wait = std::chrono::duration<double>;

    // Tries again until `wait` is over: the other end of a memif may not be there yet.
    [[nodiscard]] static Result<std::unique_ptr<GeneratorPort>> open(
        const std::string& device, const std::vector<IpAddress>& own, unsigned queues, Wait wait);
    ~GeneratorPort();
    GeneratorPort(const GeneratorPort&) = delete;
    GeneratorPort& operator=(const GeneratorPort&) = delete;

    // The link address of a neighbour, by ARP.
    [[nodiscard]] Result<port::MacAddress> resolve(const IpAddress& neighbour, Wait wait);

    // Frames of one queue, the next one at each call; the caller owns them. ARP is answered within.
    [[nodiscard]] uint16_t receive(std::span<rte_mbuf*, kBurst> frames);
    // Frames that queue() takes without flush().
    [[nodiscard]] size_t room() const { return waiting_.size() - count_; }
    void queue(rte_mbuf* frame) { waiting_[count_++] = frame; }
    // Hands to the device what it takes; the rest stays. Returns how many.
    size_t flush();
    [[nodiscard]] bool idle() const { return count_ == 0; }

    [[nodiscard]] rte_mempool* pool() const { return ports_->control_pool(); }
    [[nodiscard]] const port::MacAddress& mac() const { return device_->mac(); }
    [[nodiscard]] std::vector<std::pair<std::string, uint64_t>> counters() const {
        return ports_->device_counters(0);
    }

 private:
    GeneratorPort() = default;
    bool take_arp(rte_mbuf* frame);
    void send_arp(bool request, const IpAddress& own, const port::MacAddress& target_mac,
                  const IpAddress& target);

    std::unique_ptr<port::PortTable> ports_;
    port::Device* device_ = nullptr;
    std::vector<IpAddress> own_;
    IpAddress asked_;
    std::optional<port::MacAddress> answer_;
    uint16_t next_receive_ = 0;
    uint16_t next_send_ = 0;
    size_t count_ = 0;
    std::array<rte_mbuf*, 4 * kBurst> waiting_{};
};

}  // namespace sdg::traffic
