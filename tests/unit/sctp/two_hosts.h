// Two SCTP hosts, A and B, on one simulated path under a manual clock, with the data plane's part
// (sealing, clear policy) played by FakeProtection.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/sctp/host.h"
#include "dataplane/packet/init_chunk.h"
#include "dataplane/packet/sctp.h"
#include "foundation/clock.h"
#include "foundation/random.h"
#include "tests/support/usrsctp_clock.h"
#include "tests/unit/sctp/fake_protection.h"

namespace sdg::test {

using namespace std::chrono_literals;

struct Message {
    uint16_t stream = 0;
    uint32_t ppid = 0;
    bool unordered = false;
    std::vector<uint8_t> octets;
    friend bool operator==(const Message&, const Message&) = default;
};

// One side of one association: sends what it is given, keeps what comes and what happened.
class Recorder : public sctp::AssociationObserver {
 public:
    void send(Message message);
    void flush();
    bool saw(const std::string& event) const;

    void on_parameters_agreed(sctp::Association& association) override;
    void on_established(sctp::Association& association) override;
    void on_first_opened(sctp::Association& association) override;
    void on_readable(sctp::Association& association) override;
    void on_writable(sctp::Association& association) override;
    void on_peer_shutdown(sctp::Association& association) override;
    void on_sender_dry(sctp::Association& association) override;
    void on_closed(sctp::Association& association, sctp::CloseReason reason,
                   const std::string& detail) override;

    sctp::Association* association = nullptr;  // null again once closed
    std::vector<std::string> events;           // in order, without readable/writable/dry
    std::vector<Message> received;
    std::optional<sctp::CloseReason> reason;
    std::string detail;
    bool stalled = false;  // does not read
    bool closed_while_established = false;
    size_t largest_piece = 0;
    size_t dry = 0;
    std::function<void(sctp::Association&)> when_agreed;
    std::function<void(sctp::Association&)> when_established;
    std::function<void(sctp::Association&)> when_first_opened;

 private:
    std::deque<Message> outbox_;
    size_t sent_of_front_ = 0;
    std::optional<Message> assembling_;
};

struct Side {
    std::string name;
    IpAddress address;
    FakeProtection protection;
    std::unique_ptr<SeededRandom> random;
    std::unique_ptr<sctp::Host> host;
    std::vector<std::unique_ptr<sctp::Listener>> listeners;
    std::vector<std::unique_ptr<Recorder>> accepted;
};

// A packet on the path, as a tap sees it.
struct Seen {
    bool from_a = false;
    bool sealed = false;
    std::vector<uint8_t> octets;
    [[nodiscard]] uint8_t first_chunk() const { return octets[packet::kCommonHeader]; }
};

struct PathSettings {
    double loss = 0;
    double duplicate = 0;
    double reorder = 0;
    std::chrono::microseconds delay{500};
};

class TwoHosts {
 public:
    explicit TwoHosts(uint64_t seed = 1, const sctp::Host::Settings& settings = {},
                      const sctp::ProtocolParameters& parameters = {});
    ~TwoHosts();

    // Accepted associations get a Recorder in side.accepted.
    void listen(Side& side, uint16_t port, const sctp::LegSettings& leg = {},
                uint32_t max_associations = 1000);
    // From A to B.
    sctp::Association* connect(Recorder& recorder, uint16_t port, const sctp::LegSettings& leg = {},
                               std::chrono::milliseconds timeout = 10s, uint16_t local_port = 0);
    // Lets time go by in steps of a millisecond.
    void run(std::chrono::milliseconds time);
    // Until done() or the time is over; returns done().
    bool run_until(std::chrono::milliseconds time, const std::function<bool()>& done);
    // Puts a packet in front of a side's host as if its peer had sent it, in clear.
    void inject(Side& to, std::span<const uint8_t> sctp, const IpAddress& from);
    // As after the last sealed packet: what the data plane does for a leg with an agreement.
    void protect_like_method_0(Recorder& recorder, Side& side);

    ManualClock clock;
    UsrsctpClock usrsctp_clock{clock};
    Side a;
    Side b;
    PathSettings path;
    std::vector<Seen> seen;
    bool keep_seen = true;
    std::function<bool(Seen&)> filter;  // false: lost

 private:
    void start(Side& side, uint8_t last_octet, uint64_t seed, const sctp::Host::Settings& settings,
               const sctp::ProtocolParameters& parameters);
    bool output(Side& from, const sctp::OutgoingPacket& packet);
    void deliver();
    bool chance(double probability);

    SeededRandom random_;
    std::multimap<TimePoint, Seen> queue_;
};

sctp::LegSettings protected_leg(bool required = true);

}  // namespace sdg::test
