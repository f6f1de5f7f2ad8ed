// One association on a usrsctp socket: what the relay and key management see of it, and its
// notifications turned into callbacks.
//
// usrsctp wakes a one-to-one socket at the end of every packet of its association and on timers
// that end it; the Host therefore calls wake() after every packet, and usrsctp's upcall does for
// timers. wake() only puts the association on the ready list; deliver() makes the callbacks.
//
// States: connecting/accepting --COMM_UP--> established --> closing (close_ set) --> told
// (on_closed has returned; the Host destroys it).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/sctp/addressing.h"
#include "control/sctp/host.h"
#include "control/sctp/receive_window.h"
#include "control/sctp/sent_data.h"
#include "control/sctp/stack.h"

namespace sdg::sctp {

class LiveAssociation;

// Where associations with something to tell queue up. Implemented by the Host.
class ReadyList {
 public:
    virtual ~ReadyList() = default;
    virtual void push(LiveAssociation& association) = 0;
    // The association has ended: release what it holds and make the last callback.
    virtual void finish(LiveAssociation& association, CloseReason reason,
                        const std::string& detail) = 0;
    // usrsctp is inside its timers, not handling a packet.
    [[nodiscard]] virtual bool in_timers() const = 0;
    // The restart that the association has put off may go on.
    virtual void resume_restart(LiveAssociation& association) = 0;
};

// A COOKIE ECHO under restart keys that has to wait. It has been authenticated, and there is one
// for an association at most.
struct WaitingRestart {
    ReceivedPacket packet;  // without its octets
    std::vector<uint8_t> octets;
};

class LiveAssociation final : public Association {
 public:
    LiveAssociation(ReadyList& ready, const Endpoints& endpoints, const LegSettings& leg,
                    bool initiator);
    ~LiveAssociation() override;
    LiveAssociation(const LiveAssociation&) = delete;
    LiveAssociation& operator=(const LiveAssociation&) = delete;

    // --- Association ---
    [[nodiscard]] const Endpoints& endpoints() const override { return endpoints_; }
    [[nodiscard]] const Negotiated& negotiated() const override { return negotiated_; }
    [[nodiscard]] keys::AssociationId id() const override { return id_; }
    [[nodiscard]] unsigned owner_worker() const override { return worker_; }
    [[nodiscard]] bool is_established() const override { return established_ && !close_; }
    [[nodiscard]] uint16_t inbound_streams() const override { return inbound_streams_; }
    [[nodiscard]] uint16_t outbound_streams() const override { return outbound_streams_; }
    [[nodiscard]] Result<size_t> send(const FragmentInfo& info,
                                      std::span<const uint8_t> octets) override;
    [[nodiscard]] Result<std::optional<Received>> receive(std::span<uint8_t> buffer) override;
    [[nodiscard]] size_t unsent_octets() const override;
    [[nodiscard]] std::optional<PathFigures> path_figures() const override;
    void shutdown() override;
    void abort(std::string_view text) override;
    void request_heartbeat() override;
    void allow_restart() override {
        restart_allowed_ = true;
        ready_.resume_restart(*this);
    }
    void refuse_restart() override { waiting_restart_.reset(); }

    // --- the Host's side ---
    void adopt(Socket socket);
    [[nodiscard]] struct socket* socket() const { return socket_.get(); }
    void close_socket() { socket_.reset(); }  // ABORTs when usrsctp still has the association
    void wake();
    void deliver();
    // Ends the association at the next deliver(); the first call's reason stays.
    void end(CloseReason reason, std::string detail);
    [[nodiscard]] bool ending() const { return close_.has_value(); }
    // on_established() has been called: key management may have selected a send key.
    [[nodiscard]] bool established_told() const { return established_told_; }
    // First cause of the ABORT that is about to be given to usrsctp.
    void note_abort_cause(std::optional<uint16_t> cause) { abort_cause_ = cause; }
    [[nodiscard]] FourTuple tuple() const {
        return {endpoints_.local, endpoints_.peer, endpoints_.local_port, endpoints_.peer_port};
    }

    // The Host's record; only the Host writes it.
    Endpoints endpoints_;
    Negotiated negotiated_;
    keys::AssociationId id_;
    unsigned worker_ = 0;
    LegSettings leg_;
    VirtualPath path_;
    AssociationObserver* observer_ = nullptr;
    std::optional<TimePoint> deadline_;  // of a connect
    uint64_t listener_ = 0;              // number of the listener that accepted it, 0: connected
    const RestartStart* restart_start_ = nullptr;  // while connect() runs
    uint8_t restart_method_ = 0;                   // of an association that we restart
    bool restart_allowed_ = false;
    std::optional<WaitingRestart> waiting_restart_;
    SentData sent_data_;
    ReceiveWindow receive_window_;
    uint64_t door_ = 0;  // of a connected one: number of the listener that takes its restart
    bool first_opened_told_ = false;
    bool unauthenticated_ = false;  // accepted, and counted as such
    bool owns_virtual_port_ = false;
    bool may_continue_ = false;      // connected from a port that the caller chose, and not up yet
    uint32_t peer_initial_tsn_ = 0;  // of its INIT ACK
    bool counted_ = false;           // as established
    bool finished_ = false;

 private:
    struct Close {
        CloseReason reason;
        std::string detail;
    };

    [[nodiscard]] std::optional<Received> read(std::span<uint8_t> buffer);
    void read_until_established();
    void on_notification(std::span<const uint8_t> octets);
    void on_lost(int error);

    ReadyList& ready_;
    Socket socket_;
    bool queued_ = false;
    bool woken_by_timer_ = false;
    bool established_ = false;
    bool established_told_ = false;
    bool blocked_ = false;         // a send() was cut short
    bool sent_since_dry_ = false;  // something was sent since on_sender_dry
    bool shutdown_requested_ = false;
    bool peer_shutdown_ = false;
    bool peer_shutdown_told_ = false;
    uint16_t inbound_streams_ = 0;
    uint16_t outbound_streams_ = 0;
    std::optional<uint16_t> abort_cause_;
    std::optional<Close> close_;
    std::vector<uint8_t> notification_;  // one that came in pieces
};

}  // namespace sdg::sctp
