// The one usrsctp of the process: start-up, sockets, clock, and whose packet is whose.
//
// usrsctp is started at the first acquire() and stays until the process ends (it cannot be stopped
// reliably while closed endpoints wait for timers). Several Hosts share it (tests run two gateways
// in one process); the virtual local port of a packet tells which Host it belongs to.
//
// Control thread only; with several Hosts, all on that thread and on the same clock.
//
// What is switched, and why:
//   AUTH off            the draft forbids RFC 4895 next to the DTLS chunk; plain legs do not need
//   it ASCONF off          addresses seen by usrsctp are not real; the draft restricts it; needs
//   AUTH RECONFIG off        streams are relayed one to one and a reset of one leg could not be
//   followed PR-SCTP off         the relay has promised delivery: nothing may be abandoned ECN off
//   the data plane does not carry IP's ECN bits to or from SCTP NR-SACK, PKTDROP    off: they save
//   nothing here and need peers that do them fragment interleave off: pieces of one message come in
//   one run (usrsctp's level 0) time-wait of tags   off: tags are random 32-bit values, and the
//   list is scanned per INIT and its
//                       memory never given back; replayed cookies are refused by spent_cookies.h
#pragma once

#include <usrsctp.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "control/sctp/addressing.h"
#include "foundation/clock.h"
#include "foundation/result.h"

namespace sdg::sctp {

// Gets the packets that usrsctp sends from one virtual local port.
class PacketSink {
 public:
    virtual ~PacketSink() = default;
    // packet: whole SCTP packet with virtual ports; its octets may be changed but not kept.
    virtual void on_output(const VirtualPath& path, std::span<uint8_t> packet) = 0;
};

struct SocketCloser {
    void operator()(struct socket* socket) const;  // aborts what is still open
};
using Socket = std::unique_ptr<struct socket, SocketCloser>;

class Stack {
 public:
    // Counts users; the first one starts usrsctp.
    static std::shared_ptr<Stack> acquire();
    ~Stack() = default;
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;

    // A user's clock, for as long as it uses the stack. Users may have different clocks as long as
    // those run alike; usrsctp's time goes on with whichever is ahead.
    void follow(const Clock& clock);
    void unfollow(const Clock& clock);
    // Moves usrsctp's timers to the clock's now, no more often than every tick().
    void advance(const Clock& clock);
    // usrsctp's timers are one unsorted list that is walked as a whole: two timers (cookie secret,
    // heartbeat) for every socket, each a cache miss. So the tick grows with the sockets, from 10
    // ms up to 1,000 of them to 100 ms from 10,000 on; timers then run up to a tick late or early.
    [[nodiscard]] std::chrono::milliseconds tick() const;

    // True inside advance(): what happens is no packet's doing.
    [[nodiscard]] bool in_timers() const { return in_timers_; }

    [[nodiscard]] VirtualPorts& ports() { return ports_; }
    // sink: not owned; null takes the route away.
    void route_output(uint16_t local_port, PacketSink* sink);
    // Gives usrsctp a packet that already has virtual ports.
    static void input(const VirtualPath& path, std::span<const uint8_t> packet);

    static void count_socket() { ++sockets_; }
    static void uncount_socket() { --sockets_; }

 private:
    Stack();
    static int output(void* address, void* buffer, size_t length, uint8_t tos, uint8_t set_df);

    VirtualPorts ports_;
    std::vector<PacketSink*> sinks_;  // by virtual local port
    struct Followed {
        std::chrono::nanoseconds ahead{};  // of this clock to usrsctp's time
        unsigned users = 0;
    };
    std::unordered_map<const Clock*, Followed> clocks_;
    TimePoint time_{};  // what usrsctp has been told, all in all
    bool in_timers_ = false;
    inline static size_t sockets_ = 0;
};

// The next association that a listening socket has to give; empty when there is none.
[[nodiscard]] Socket accept_socket(struct socket* listening);

// A one-to-one style socket on a wildcard address and the given virtual local port, non-blocking.
[[nodiscard]] Result<Socket> open_socket(uint16_t virtual_port);

[[nodiscard]] inline sockaddr_conn socket_address(uint16_t address, uint16_t virtual_port) {
    sockaddr_conn out{};
    out.sconn_family = AF_CONN;
    out.sconn_port = virtual_port;
    out.sconn_addr = address == 0 ? nullptr : conn_address(address);
    return out;
}

}  // namespace sdg::sctp
