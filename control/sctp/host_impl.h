// The Host: who owns what. Split over host.cpp (life of listeners and associations, the loop,
// packets in and out), handshake.cpp (INIT, INIT ACK, COOKIE ECHO) and restart.cpp (protected
// restart, both sides).
//
//   by_tuple_   real four-tuple → association    how incoming packets find theirs
//   by_path_    virtual path → association       how usrsctp's packets find theirs
//   by_index_   data-plane index → association   authenticated packets from another address
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "control/sctp/addressing.h"
#include "control/sctp/association.h"
#include "control/sctp/host.h"
#include "control/sctp/init_negotiation.h"
#include "control/sctp/spent_cookies.h"
#include "control/sctp/stack.h"
#include "control/sctp/state_cookie.h"

namespace sdg::sctp {

class HostImpl final : public Host, public PacketSink, public ReadyList {
 public:
    HostImpl(const Settings& settings, const ProtocolParameters& parameters,
             keys::ChunkProtection& protection, Output output, const Clock& clock, Random& random);
    ~HostImpl() override;

    [[nodiscard]] Result<std::unique_ptr<Listener>> listen(const IpAddress& local,
                                                           uint16_t local_port, uint16_t port,
                                                           const LegSettings& settings,
                                                           uint32_t max_associations,
                                                           Accept accept) override;
    [[nodiscard]] Result<std::unique_ptr<Listener>> prepare_listener(
        const IpAddress& local, uint16_t local_port, uint16_t port, const LegSettings& settings,
        uint32_t max_associations, Accept accept) override;
    [[nodiscard]] Result<Association*> connect(const Endpoints& endpoints,
                                               const LegSettings& settings,
                                               std::chrono::milliseconds timeout,
                                               AssociationObserver& observer,
                                               const RestartStart* restart) override;
    void hold(const FourTuple& tuple) override { held_.insert(tuple); }
    void release(const FourTuple& tuple) override { held_.erase(tuple); }
    void on_packet(const ReceivedPacket& packet) override;
    size_t run() override;
    [[nodiscard]] size_t association_count() const override { return by_tuple_.size(); }
    [[nodiscard]] const HostCounters& counters() const override { return counters_; }

    void on_output(const VirtualPath& path, std::span<uint8_t> packet) override;
    void push(LiveAssociation& association) override;
    void finish(LiveAssociation& association, CloseReason reason,
                const std::string& detail) override;
    [[nodiscard]] bool in_timers() const override { return stack_->in_timers(); }
    void resume_restart(LiveAssociation& association) override;

 private:
    struct ListenerEntry {
        uint64_t number = 0;
        IpAddress local;
        uint16_t local_port = 0;
        uint16_t port = 0;
        IpAddress::Family family = IpAddress::Family::none;
        LegSettings settings;
        uint32_t max_associations = 0;
        bool is_door = false;       // has no address: takes restarts of connected associations only
        bool is_closed = false;     // accepts no more; takes restarts of what it has accepted
        uint32_t associations = 0;  // accepted, or restarted through this door
        uint16_t virtual_port = 0;
        Accept accept;
        Socket socket;
    };
    class ListenerHandle;
    friend class ListenerHandle;
    using ListenerKey = std::pair<IpAddress, uint16_t>;

    // A closed protected association whose keys the data plane still has.
    struct Lingering {
        TimePoint until;
        keys::AssociationId id;
        Endpoints endpoints;
        uint32_t peer_tag;
        unsigned worker;
    };

    // An INIT being handled: where usrsctp's INIT ACK (or ABORT) goes and what it gets added.
    struct Responding {
        const ReceivedPacket* packet;
        VirtualPath path;
        uint32_t peer_tag;
        uint32_t restarts;  // CookieContent::restarts
        Settled settled;
    };

    // --- host.cpp ---
    // A listening usrsctp socket of its own; known to nobody yet.
    [[nodiscard]] Result<std::unique_ptr<ListenerEntry>> open_listener(const LegSettings& settings,
                                                                       IpAddress::Family family);
    ListenerEntry& add_listener(std::unique_ptr<ListenerEntry> entry);
    void activate_listener(uint64_t number);
    void limit_listener(uint64_t number, uint32_t max_associations);
    void close_listener(uint64_t number);
    [[nodiscard]] bool is_full(const ListenerEntry& entry) const;
    // The peer has authenticated, or has gone.
    void count_no_more(LiveAssociation& association);
    void forget_one(ListenerEntry& entry);
    void release_listener(ListenerEntry& entry);
    [[nodiscard]] ListenerEntry* find_listener(const IpAddress& local, uint16_t local_port);
    [[nodiscard]] LiveAssociation* find_association(const ReceivedPacket& packet,
                                                    const FourTuple& tuple) const;
    [[nodiscard]] Result<uint16_t> ephemeral_port(const Endpoints& endpoints);
    [[nodiscard]] bool path_in_use(const VirtualPath& path) const {
        return by_path_.contains(path);
    }
    // Registers with the data plane; the local tag must be known.
    [[nodiscard]] Result<void> protect(LiveAssociation& association);
    void take_out(LiveAssociation& association);
    void insert(std::unique_ptr<LiveAssociation> association);
    [[nodiscard]] size_t expire(TimePoint now);
    void drop_oldest_lingering();
    [[nodiscard]] size_t deliver_ready();
    void deliver_promptly(LiveAssociation& association);
    void after_delivery();
    void to_association(LiveAssociation& association, const ReceivedPacket& packet);
    void send_empty_sack(const LiveAssociation& association);
    void to_usrsctp(const VirtualPath& path, std::span<uint8_t> packet);
    void out_of_the_blue(const ReceivedPacket& packet, const FourTuple& tuple);
    void emit(const OutgoingPacket& packet);
    // An answer to a packet on behalf of no association.
    void answer(const ReceivedPacket& packet, std::span<const uint8_t> sctp);
    void from_association(LiveAssociation& association, std::span<uint8_t> packet);

    // --- restart.cpp ---
    [[nodiscard]] Result<void> install_restart_keys(LiveAssociation& association);
    [[nodiscard]] Result<void> prepare_restart(LiveAssociation& association);
    // The listener whose socket takes a COOKIE ECHO that restarts the association; null: none.
    [[nodiscard]] ListenerEntry* door_of(const LiveAssociation& association);
    void restart_association(const ReceivedPacket& packet, const CookieContent& cookie,
                             LiveAssociation& old);
    void replace(LiveAssociation& old);
    [[nodiscard]] bool may_restart(LiveAssociation& old, const ReceivedPacket& packet);

    // --- handshake.cpp ---
    void on_init(const ReceivedPacket& packet, const FourTuple& tuple);
    void on_init_ack(const ReceivedPacket& packet, LiveAssociation* association);
    void on_cookie_echo(const ReceivedPacket& packet, const FourTuple& tuple);
    void accept_association(const ReceivedPacket& packet, const FourTuple& tuple,
                            const CookieContent& cookie);
    [[nodiscard]] static bool takes_init(const LiveAssociation& association,
                                         const packet::InitView& init);
    [[nodiscard]] bool own_cookie(LiveAssociation& association, const CookieContent& cookie);
    // Gives the COOKIE ECHO of an accepted association to usrsctp and takes its socket.
    void set_up_accepted(LiveAssociation& association, ListenerEntry& listener,
                         const ReceivedPacket& packet, const CookieContent& cookie);
    void echo_to_usrsctp(const ReceivedPacket& packet, const CookieContent& cookie,
                         bool is_protected);
    [[nodiscard]] std::optional<VirtualPath> place(const FourTuple& tuple, uint16_t virtual_port);
    void on_own_init(LiveAssociation& association, std::span<uint8_t> packet);
    void send_init_ack(std::span<uint8_t> packet);
    // ABORT to the sender of a COOKIE ECHO that is not taken.
    void refuse(const ReceivedPacket& packet, uint32_t peer_tag, std::optional<uint16_t> cause);
    void tell_stale(const ReceivedPacket& packet, const FourTuple& tuple, const CookieFault& fault);
    void agree(LiveAssociation& association, const Settled& settled);

    Settings settings_;
    ProtocolParameters parameters_;
    keys::ChunkProtection& protection_;
    Output output_;
    const Clock& clock_;
    Random& random_;
    std::shared_ptr<Stack> stack_;
    PathHash path_hash_;
    OfferedPaths offered_paths_;
    StateCookie cookies_;
    SpentCookies spent_;
    HostCounters counters_;

    std::map<ListenerKey, ListenerEntry*> listeners_;  // those that listen
    std::map<ListenerKey, uint32_t> accepted_at_;      // associations, whichever listener it was
    std::map<ListenerKey, UnauthenticatedPeers> unauthenticated_at_;  // of those
    // Also closed ones, until the last association accepted through them has gone: those are bound
    // to their virtual port.
    std::unordered_map<uint64_t, std::unique_ptr<ListenerEntry>> listener_by_number_;
    uint64_t next_listener_ = 1;
    std::unordered_map<FourTuple, std::unique_ptr<LiveAssociation>> by_tuple_;
    std::unordered_map<VirtualPath, LiveAssociation*> by_path_;
    std::unordered_map<uint32_t, LiveAssociation*> by_index_;
    std::set<std::pair<TimePoint, LiveAssociation*>> deadlines_;  // of connects
    std::deque<Lingering> lingering_;                             // by time
    std::vector<LiveAssociation*> ready_;
    std::vector<uint16_t> refused_ports_;
    std::unordered_set<FourTuple> held_;
    std::vector<std::unique_ptr<LiveAssociation>> finished_;
    std::shared_ptr<HostImpl*> alive_;  // what listener handles look through
    const Responding* responding_ = nullptr;
    std::optional<Error> connect_error_;  // found while usrsctp_connect() sends the INIT
    unsigned next_worker_ = 0;
    bool delivering_ = false;
};

}  // namespace sdg::sctp
