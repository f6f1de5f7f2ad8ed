// A plain SCTP node on the simulated network: a neighbour of the gateway that knows nothing of
// DTLS. It runs on the same stock usrsctp (there is one per process) through its own data plane and
// its own sctp::Host, without key management.
//
// Node plays both parts: a server that keeps what it receives and may answer, and a client that
// sends what it is told to. Single thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/sctp/host.h"
#include "dataplane/keys/chunk_protection.h"
#include "dataplane/port/port_table.h"
#include "dataplane/worker/bridge.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"
#include "foundation/clock.h"
#include "foundation/random.h"

namespace sdg::sim {

// Simulated time in cycles of the time stamp counter, for workers.
[[nodiscard]] uint64_t cycles_at(TimePoint time);

struct Message {
    uint16_t stream = 0;
    uint32_t ppid = 0;
    bool unordered = false;
    std::vector<uint8_t> octets;
    friend bool operator==(const Message&, const Message&) = default;
};

// One association of a node, client or server side.
class Peer final : public sctp::AssociationObserver {
 public:
    explicit Peer(sctp::Association* association = nullptr) : association_(association) {}

    void bind(sctp::Association* association) { association_ = association; }
    void send(Message message);  // queued; leaves as the send buffer allows
    // Answers every message with answer(message); nullopt: no answer.
    void set_answer(std::function<std::optional<Message>(const Message&)> answer) {
        answer_ = std::move(answer);
    }
    // Stops reading, to see back-pressure; resume with false.
    void set_stalled(bool stalled);
    void shutdown();
    void abort();

    [[nodiscard]] bool established() const { return established_; }
    [[nodiscard]] bool closed() const { return close_reason_.has_value(); }
    [[nodiscard]] sctp::CloseReason close_reason() const { return *close_reason_; }
    [[nodiscard]] const std::string& close_detail() const { return close_detail_; }
    [[nodiscard]] const std::vector<Message>& received() const { return received_; }
    [[nodiscard]] size_t queued() const { return outbox_.size(); }
    [[nodiscard]] sctp::Association* association() const { return association_; }

    // How often the other end has restarted the association.
    [[nodiscard]] size_t restarts() const { return restarts_; }

    void on_established(sctp::Association&) override;
    void on_restarted(sctp::Association&) override;
    void on_readable(sctp::Association&) override;
    void on_writable(sctp::Association&) override;
    void on_peer_shutdown(sctp::Association&) override {}
    void on_closed(sctp::Association&, sctp::CloseReason reason,
                   const std::string& detail) override;

 private:
    void flush();

    sctp::Association* association_;
    std::function<std::optional<Message>(const Message&)> answer_;
    std::deque<Message> outbox_;
    size_t sent_of_front_ = 0;
    // Ordered messages of one stream arrive one after the other; pieces of one message are
    // contiguous (fragment interleaving is off), so one assembly is enough.
    std::optional<Message> assembling_;
    std::vector<Message> received_;
    std::optional<sctp::CloseReason> close_reason_;
    std::string close_detail_;
    size_t restarts_ = 0;
    bool established_ = false;
    bool stalled_ = false;
    bool shutdown_wanted_ = false;
};

class Node {
 public:
    Node(const std::string& name, const std::string& device, const port::Prefix& address,
         std::vector<port::Route> routes, const Clock& clock, uint64_t seed);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // Accepted associations show up in peers(), in order of arrival.
    void listen(uint16_t port);
    // For a node of another kind: it brings its own observers.
    void listen(uint16_t port, const sctp::LegSettings& settings, sctp::Host::Accept accept);
    void set_answer(std::function<std::optional<Message>(const Message&)> answer) {
        answer_ = std::move(answer);
    }
    Peer& connect(const IpAddress& peer, uint16_t port, uint16_t local_port = 0);
    [[nodiscard]] std::vector<std::unique_ptr<Peer>>& peers() { return peers_; }
    [[nodiscard]] sctp::Host& host() { return *host_; }
    [[nodiscard]] keys::ChunkProtection& protection() { return *protection_; }
    [[nodiscard]] const worker::WorkerCounters& counters() const { return worker_->counters(); }
    size_t poll();

    // For a node that misbehaves: what its SCTP sends and hears before the data plane seals and
    // after it has opened it; false: lost. send() puts a packet of the test's own among those sent.
    void set_filters(std::function<bool(const sctp::OutgoingPacket&)> out,
                     std::function<bool(const sctp::ReceivedPacket&)> in) {
        out_filter_ = std::move(out);
        in_filter_ = std::move(in);
    }
    [[nodiscard]] bool send(const sctp::OutgoingPacket& packet) { return bridge_->send(packet); }

 private:
    const Clock& clock_;
    IpAddress address_;
    std::unique_ptr<SeededRandom> random_;
    std::unique_ptr<port::PortTable> ports_;
    std::unique_ptr<keys::ChunkProtection> protection_;
    std::unique_ptr<worker::WorkerRingSet> rings_;
    std::unique_ptr<worker::Worker> worker_;
    std::unique_ptr<worker::ControlBridge> bridge_;
    std::unique_ptr<sctp::Host> host_;
    std::unique_ptr<sctp::Listener> listener_;
    std::function<std::optional<Message>(const Message&)> answer_;
    std::function<bool(const sctp::OutgoingPacket&)> out_filter_;
    std::function<bool(const sctp::ReceivedPacket&)> in_filter_;
    std::vector<std::unique_ptr<Peer>> peers_;
};

}  // namespace sdg::sim
