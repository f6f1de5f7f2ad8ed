// SCTP associations of one gateway, run by stock usrsctp (its threads off) over AF_CONN.
//
// Sits between usrsctp's packets and the packet rings: adds, reads and removes the DTLS Key
// Management parameter (0x8006) in INIT and INIT ACK, answers an unacceptable INIT with the draft's
// ABORT, wraps usrsctp's State Cookie together with both parameters under a MAC (so that it keeps
// no state for an INIT), and keeps the data plane's association table in step with usrsctp.
//
// One thread: the control thread makes every call and receives every callback. Callbacks may call
// back into the Host and the Association they are about, including abort() and shutdown();
// Associations are destroyed only between callbacks (an Association reference handed to an observer
// is valid until that observer's on_closed() has returned).
//
// Sources: RFC 9260; draft-ietf-tsvwg-sctp-dtls-chunk, "Establishment of a Protected Association".
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/sctp/addressing.h"
#include "control/sctp/unauthenticated_peers.h"
#include "dataplane/keys/chunk_protection.h"
#include "dataplane/record/key_material.h"
#include "dataplane/worker/bridge.h"
#include "foundation/clock.h"
#include "foundation/ip_address.h"
#include "foundation/random.h"
#include "foundation/result.h"

namespace sdg::sctp {

using worker::OutgoingPacket;
using worker::ReceivedPacket;

// SCTP protocol parameters (RFC 9260 section 16); one set for the whole process.
struct ProtocolParameters {
    std::chrono::milliseconds rto_initial{1000};
    std::chrono::milliseconds rto_min{200};
    std::chrono::milliseconds rto_max{10'000};
    std::chrono::milliseconds heartbeat_interval{30'000};
    std::chrono::milliseconds sack_delay{100};
    std::chrono::milliseconds cookie_lifetime{60'000};
    unsigned association_max_retransmissions = 10;
    unsigned init_max_retransmissions = 8;
};

// What a listener or a backend wants of its associations.
struct LegSettings {
    // Unset: a plain leg, 0x8006 is neither sent nor looked at.
    std::optional<keys::LocalKeyManagement> key_management;
    uint16_t outbound_streams = 16;
    uint16_t max_inbound_streams = 16;
    uint32_t send_buffer = 256 * 1024;     // octets
    uint32_t receive_buffer = 256 * 1024;  // octets
    uint16_t mtu = 1500;                   // of the port, octets of the IP packet
    // A plain association whose peer restarts it goes on (RFC 9260, 5.2); otherwise it ends, since
    // messages may be lost.
    bool survives_restart = false;
    friend bool operator==(const LegSettings&, const LegSettings&) = default;
};

// What a protected restart of an association begins with: restart keys of the association before,
// which have never been used and exist nowhere else any more.
struct RestartStart {
    uint16_t epoch = 0;
    const record::KeyMaterial& send;
    const record::KeyMaterial& receive;
    uint8_t method = 0;  // key management; the peer must agree on it again
    uint32_t replay_window = 1024;
};

struct Endpoints {
    IpAddress local;
    IpAddress peer;
    uint16_t local_port = 0;  // host byte order
    uint16_t peer_port = 0;
    uint16_t port = 0;  // gateway port (port::PortTable index)
    friend bool operator==(const Endpoints&, const Endpoints&) = default;
};

// What INIT and INIT ACK settled. agreement is unset on a plain leg and on a loose one whose peer
// has no 0x8006.
struct Negotiated {
    bool initiator = false;
    uint32_t local_tag = 0;  // host byte order
    uint32_t peer_tag = 0;
    std::optional<keys::Agreement> agreement;
    std::optional<packet::KeyManagementParameter> local_parameter;
    std::optional<packet::KeyManagementParameter> peer_parameter;
    // The association is the protected restart of an earlier one: the epoch of the restart keys
    // that it was set up under and runs under until key management selects others.
    std::optional<uint16_t> restarted;
};

enum class CloseReason {
    shutdown_complete,  // both sides agreed
    peer_aborted,
    locally_aborted,
    peer_unreachable,    // retransmissions exhausted, or no answer to INIT
    negotiation_failed,  // 0x8006 missing or incompatible, ours or the peer's verdict
    restarted,           // the peer restarted a plain association
    internal,
};
[[nodiscard]] std::string_view to_string(CloseReason reason);

struct FragmentInfo {
    uint16_t stream = 0;
    uint32_t ppid = 0;  // host byte order
    bool unordered = false;
    bool end_of_message = false;  // the last fragment of its user message
};

// What SCTP knows of the path to the peer.
struct PathFigures {
    std::chrono::milliseconds smoothed_rtt{};  // 0: not measured yet
    std::chrono::milliseconds rto{};
    uint32_t congestion_window = 0;  // octets
    uint32_t peer_window = 0;        // octets
    uint32_t path_mtu = 0;           // octets of the SCTP packet
    uint32_t chunks_unacknowledged = 0;
    uint32_t chunks_to_receive = 0;  // DATA chunks that wait to be read or completed
    uint64_t chunks_sent = 0;        // DATA chunks ever, those sent again included
    uint64_t chunks_sent_again = 0;
};

class Association;

class AssociationObserver {
 public:
    virtual ~AssociationObserver() = default;
    // The peer has restarted the association. What had been sent and was not acknowledged is lost,
    // and so is what had been received and not been read.
    // Under protection: fresh takes the place of the association observed so far, which is gone
    // without on_closed(); its restart keys are selected (negotiated().restarted);
    // on_parameters_agreed() follows, then on_established() or on_closed().
    // A plain one of a leg that survives it: fresh is the same as before and goes on.
    virtual void on_restarted(Association& /*fresh*/) {}
    // Before it: the peer has asked for it under the restart keys of this epoch, which are about to
    // be used for the first time. False: not before Association::allow_restart(), or not now
    // (refuse_restart()).
    virtual bool on_restart_requested(Association& /*association*/, uint16_t /*epoch*/) {
        return true;
    }
    // Both parameters and both tags are known, usrsctp has not seen the packet yet: initiator on
    // INIT ACK, responder on a valid COOKIE ECHO. Only on legs with an agreement. Receive keys that
    // need no further exchange go in here.
    virtual void on_parameters_agreed(Association&) {}
    // ESTABLISHED; everything usrsctp sent until then (COOKIE ACK) has been handed to the bridge.
    virtual void on_established(Association&) = 0;
    // The first packet opened under a DTLS chunk has arrived (usrsctp has not seen it yet).
    virtual void on_first_opened(Association&) {}
    virtual void on_readable(Association&) = 0;
    virtual void on_writable(Association&) = 0;
    // The peer has sent SHUTDOWN: it will send no more; what it sent before is still readable.
    virtual void on_peer_shutdown(Association&) = 0;
    // Everything handed to send() has been acknowledged.
    virtual void on_sender_dry(Association&) {}
    // Last callback. detail is one line for the log ("INIT not answered in 10 s", cause names).
    virtual void on_closed(Association&, CloseReason reason, const std::string& detail) = 0;
};

class Association {
 public:
    virtual ~Association() = default;
    [[nodiscard]] virtual const Endpoints& endpoints() const = 0;
    [[nodiscard]] virtual const Negotiated& negotiated() const = 0;
    // The data plane's name of it; unset before the tags are known.
    [[nodiscard]] virtual keys::AssociationId id() const = 0;
    [[nodiscard]] virtual unsigned owner_worker() const = 0;
    [[nodiscard]] virtual bool is_established() const = 0;
    [[nodiscard]] virtual uint16_t inbound_streams() const = 0;   // valid once established
    [[nodiscard]] virtual uint16_t outbound_streams() const = 0;  // valid once established

    // Appends octets to the user message described by info. Returns how many were taken; fewer than
    // given, also 0, means the send buffer is full: on_writable() follows. end_of_message counts
    // only when all octets were taken. One message at a time: until its end, info must name the
    // same stream, PPID and order.
    [[nodiscard]] virtual Result<size_t> send(const FragmentInfo& info,
                                              std::span<const uint8_t> octets) = 0;
    struct Received {
        FragmentInfo info;
        size_t length = 0;
    };
    // Next piece of a user message into buffer; nullopt: nothing there now, on_readable() follows.
    [[nodiscard]] virtual Result<std::optional<Received>> receive(std::span<uint8_t> buffer) = 0;
    // Octets still in the send buffer (not acknowledged).
    [[nodiscard]] virtual size_t unsent_octets() const = 0;

    // nullopt: not established.
    [[nodiscard]] virtual std::optional<PathFigures> path_figures() const { return std::nullopt; }

    // Graceful: SHUTDOWN after everything sent is acknowledged. on_closed() follows.
    virtual void shutdown() = 0;
    // ABORT with a user-initiated cause carrying text (never a secret). on_closed() follows before
    // control returns to the loop, not from within this call.
    virtual void abort(std::string_view text) = 0;
    // After on_restart_requested(): on_restarted() follows, before this call returns.
    virtual void allow_restart() = 0;
    // After it likewise: not now. When the peer asks again, so does on_restart_requested().
    virtual void refuse_restart() = 0;
    // A HEARTBEAT now (RFC 9260 section 10.1 REQUESTHEARTBEAT).
    virtual void request_heartbeat() = 0;
};

class Listener {
 public:
    // Stops accepting; existing associations live on, and their peers may still restart those that
    // are protected.
    virtual ~Listener() = default;
    // From now on, in place of whoever listens there: its handle is to be given back.
    virtual void activate() = 0;
    // Associations accepted at this address and port, also those of a listener that was there
    // before, count.
    virtual void set_max_associations(uint32_t max_associations) = 0;
};

struct HostCounters {
    uint64_t init_received = 0;
    uint64_t init_refused = 0;        // unacceptable 0x8006, no listener, limit
    uint64_t cookie_invalid = 0;      // MAC, format
    uint64_t cookie_refused = 0;      // live protected association, limits
    uint64_t cookie_held_back = 0;    // too many peers of protected legs not authenticated yet
    uint64_t clear_not_expected = 0;  // unprotected packet where protection is on
    uint64_t malformed = 0;
    uint64_t out_of_the_blue = 0;
    uint64_t beyond_window = 0;  // packets with DATA too far ahead (receive_window.h)
    uint64_t associations_accepted = 0;
    uint64_t associations_connected = 0;
    uint64_t associations_failed = 0;
    uint64_t output_refused = 0;     // the bridge did not take a packet
    uint64_t restarts_begun = 0;     // ours, by protected restart
    uint64_t restarts_accepted = 0;  // the peer's, likewise
    uint64_t restarts_refused = 0;   // came under restart keys and were not taken all the same
    uint64_t restarts_in_clear = 0;  // COOKIE ECHOs that would have restarted, without protection
    uint64_t held_silent = 0;        // packets of a held four-tuple that got no answer
    uint64_t data_chunks_sent = 0;   // retransmissions included
    uint64_t data_chunks_sent_again = 0;
};

class Host {
 public:
    struct Settings {
        unsigned workers = 1;  // associations are spread over workers 0..workers-1
        uint32_t max_associations = 10'000;
        // Of a listener's max_associations. A COOKIE ECHO beyond is dropped: it will be repeated.
        UnauthenticatedShares unauthenticated;
        std::chrono::seconds cookie_key_rotation{3600};
        // Protected associations closed or refused less than a cookie's life ago that are
        // remembered; new ones are refused when it is full (spent_cookies.h).
        size_t spent_cookies = 262'144;
        // How long the data plane keeps the keys of a closed protected association, so that its
        // last packets leave sealed and a repeated SHUTDOWN ACK can be answered.
        std::chrono::milliseconds closed_linger{3000};
    };
    using Output = std::function<bool(const OutgoingPacket&)>;

    // protection, clock and random outlive the host.
    [[nodiscard]] static Result<std::unique_ptr<Host>> create(const Settings& settings,
                                                              const ProtocolParameters& parameters,
                                                              keys::ChunkProtection& protection,
                                                              Output output, const Clock& clock,
                                                              Random& random);
    virtual ~Host() = default;  // aborts nothing: close associations first
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    // accept is asked when a valid COOKIE ECHO arrives and returns the observer of the new
    // association (not owned), or null to refuse it.
    using Accept = std::function<AssociationObserver*(Association&)>;
    // Everything that can fail is done here, and nothing is accepted before Listener::activate().
    [[nodiscard]] virtual Result<std::unique_ptr<Listener>> prepare_listener(
        const IpAddress& local, uint16_t local_port, uint16_t port, const LegSettings& settings,
        uint32_t max_associations, Accept accept) = 0;
    // Both at once. already_exists: somebody listens there.
    [[nodiscard]] virtual Result<std::unique_ptr<Listener>> listen(
        const IpAddress& local, uint16_t local_port, uint16_t port, const LegSettings& settings,
        uint32_t max_associations, Accept accept) = 0;
    // local_port 0: an ephemeral one. The observer hears on_established or on_closed. restart: the
    // association is a protected restart: from the same addresses and ports as before, nothing but
    // INIT leaves or arrives in clear, and the peer must agree on restart and on the method again.
    [[nodiscard]] virtual Result<Association*> connect(const Endpoints& endpoints,
                                                       const LegSettings& settings,
                                                       std::chrono::milliseconds timeout,
                                                       AssociationObserver& observer,
                                                       const RestartStart* restart = nullptr) = 0;

    // A held four-tuple has no association yet but is going to have one: packets out of the blue
    // from there are not answered, since an ABORT would end what the peer still has.
    virtual void hold(const FourTuple& tuple) = 0;
    virtual void release(const FourTuple& tuple) = 0;

    virtual void on_packet(const ReceivedPacket& packet) = 0;
    // Drives usrsctp's timers from the clock and delivers pending callbacks; call every round of
    // the loop. Returns how much was done (0: idle).
    virtual size_t run() = 0;

    [[nodiscard]] virtual size_t association_count() const = 0;
    [[nodiscard]] virtual const HostCounters& counters() const = 0;

 protected:
    Host() = default;
};

}  // namespace sdg::sctp
