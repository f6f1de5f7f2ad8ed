#include "control/sctp/host.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <system_error>
#include <utility>

#include "control/sctp/host_impl.h"
#include "control/sctp/leg_socket.h"
#include "control/sctp/out_of_the_blue.h"
#include "dataplane/packet/abort.h"

namespace sdg::sctp {
namespace {

constexpr int kBacklog = 128;  // sockets are accepted in the call that makes them
constexpr uint16_t kFirstEphemeral = 49152;
// usrsctp holds a closed endpoint's port for a moment; how many ports to try in its place.
constexpr unsigned kPortAttempts = 64;
constexpr uint16_t kEmptySack = 16;  // octets of a SACK without gaps and duplicates

void write_ports(std::span<uint8_t> packet, uint16_t source, uint16_t destination) {
    packet::store_be16(packet.data(), source);
    packet::store_be16(packet.data() + 2, destination);
}

}  // namespace

class HostImpl::ListenerHandle final : public Listener {
 public:
    ListenerHandle(std::weak_ptr<HostImpl*> host, uint64_t number)
        : host_(std::move(host)), number_(number) {}
    ~ListenerHandle() override {
        if (const auto host = host_.lock()) {
            (*host)->close_listener(number_);
        }
    }
    ListenerHandle(const ListenerHandle&) = delete;
    ListenerHandle& operator=(const ListenerHandle&) = delete;
    void activate() override {
        if (const auto host = host_.lock()) {
            (*host)->activate_listener(number_);
        }
    }
    void set_max_associations(uint32_t max_associations) override {
        if (const auto host = host_.lock()) {
            (*host)->limit_listener(number_, max_associations);
        }
    }

 private:
    std::weak_ptr<HostImpl*> host_;
    uint64_t number_;
};

Result<std::unique_ptr<Host>> Host::create(const Settings& settings,
                                           const ProtocolParameters& parameters,
                                           keys::ChunkProtection& protection, Output output,
                                           const Clock& clock, Random& random) {
    if (settings.workers == 0 || settings.max_associations == 0) {
        return fail(ErrorCode::invalid_argument,
                    "an SCTP host needs at least one worker and one association");
    }
    if (parameters.rto_min > parameters.rto_max || parameters.rto_initial < parameters.rto_min ||
        parameters.rto_initial > parameters.rto_max) {
        return fail(ErrorCode::invalid_argument,
                    "RTO.Initial must lie between RTO.Min and RTO.Max");
    }
    return std::make_unique<HostImpl>(settings, parameters, protection, std::move(output), clock,
                                      random);
}

HostImpl::HostImpl(const Settings& settings, const ProtocolParameters& parameters,
                   keys::ChunkProtection& protection, Output output, const Clock& clock,
                   Random& random)
    : settings_(settings),
      parameters_(parameters),
      protection_(protection),
      output_(std::move(output)),
      clock_(clock),
      random_(random),
      stack_(Stack::acquire()),
      path_hash_(random),
      offered_paths_(parameters.cookie_lifetime),
      cookies_(parameters.cookie_lifetime, settings.cookie_key_rotation, random),
      spent_(parameters.cookie_lifetime, settings.spent_cookies),
      alive_(std::make_shared<HostImpl*>(this)) {
    stack_->follow(clock_);
}

HostImpl::~HostImpl() {
    alive_.reset();
    output_ = nullptr;
    for (auto& [tuple, association] : by_tuple_) {
        association->finished_ = true;
        association->close_socket();
        if (association->owns_virtual_port_) {
            stack_->route_output(association->path_.local_port, nullptr);
            stack_->ports().give_back_connection(association->path_.local_port);
        }
    }
    for (auto& [number, listener] : listener_by_number_) {
        release_listener(*listener);
    }
    stack_->unfollow(clock_);
}

// --- listeners ------------------------------------------------------------------------------

Result<std::unique_ptr<Listener>> HostImpl::listen(const IpAddress& local, uint16_t local_port,
                                                   uint16_t port, const LegSettings& settings,
                                                   uint32_t max_associations, Accept accept) {
    if (find_listener(local, local_port) != nullptr) {
        return fail(ErrorCode::already_exists, "{} port {} is already listened on",
                    local.to_string(), local_port);
    }
    auto listener =
        prepare_listener(local, local_port, port, settings, max_associations, std::move(accept));
    if (listener) {
        (*listener)->activate();
    }
    return listener;
}

Result<std::unique_ptr<Listener>> HostImpl::prepare_listener(const IpAddress& local,
                                                             uint16_t local_port, uint16_t port,
                                                             const LegSettings& settings,
                                                             uint32_t max_associations,
                                                             Accept accept) {
    if (local_port == 0 || !local.is_set()) {
        return fail(ErrorCode::invalid_argument, "a listener needs an address and a port");
    }
    if (settings.key_management && !settings.key_management->parameter(0)) {
        return fail(ErrorCode::invalid_argument,
                    "listener {} port {}: key management without a usable list of methods",
                    local.to_string(), local_port);
    }
    auto entry = open_listener(settings, local.family);
    if (!entry) {
        return tl::unexpected(entry.error());
    }
    ListenerEntry& added = add_listener(std::move(*entry));
    added.local = local;
    added.local_port = local_port;
    added.port = port;
    added.max_associations = max_associations;
    added.accept = std::move(accept);
    return std::make_unique<ListenerHandle>(alive_, added.number);
}

void HostImpl::activate_listener(uint64_t number) {
    ListenerEntry& entry = *listener_by_number_.at(number);
    listeners_[{entry.local, entry.local_port}] = &entry;
}

void HostImpl::limit_listener(uint64_t number, uint32_t max_associations) {
    listener_by_number_.at(number)->max_associations = max_associations;
}

bool HostImpl::is_full(const ListenerEntry& entry) const {
    const auto found = accepted_at_.find({entry.local, entry.local_port});
    return found != accepted_at_.end() && found->second >= entry.max_associations;
}

void HostImpl::count_no_more(LiveAssociation& association) {
    if (!std::exchange(association.unauthenticated_, false)) {
        return;
    }
    const auto found =
        unauthenticated_at_.find({association.endpoints_.local, association.endpoints_.local_port});
    found->second.remove(association.endpoints_.peer);
    if (found->second.is_empty()) {
        unauthenticated_at_.erase(found);
    }
}

Result<std::unique_ptr<HostImpl::ListenerEntry>> HostImpl::open_listener(
    const LegSettings& settings, IpAddress::Family family) {
    auto entry = std::make_unique<ListenerEntry>();
    entry->settings = settings;
    entry->family = family;
    for (unsigned attempt = 0; !entry->socket; ++attempt) {
        const auto virtual_port = stack_->ports().take_for_listener();
        if (!virtual_port) {
            return fail(ErrorCode::resource_exhausted, "too many listeners");
        }
        entry->virtual_port = *virtual_port;
        auto socket = open_socket(*virtual_port);
        if (socket) {
            entry->socket = std::move(*socket);
        } else if (attempt == kPortAttempts) {
            stack_->ports().give_back_listener(*virtual_port);
            return tl::unexpected(socket.error());
        } else {
            refused_ports_.push_back(*virtual_port);
        }
    }
    for (const uint16_t port_refused : std::exchange(refused_ports_, {})) {
        stack_->ports().give_back_listener(port_refused);
    }
    auto configured = configure_leg(entry->socket.get(), settings, parameters_, family);
    if (configured && usrsctp_listen(entry->socket.get(), kBacklog) != 0) {
        configured = fail(ErrorCode::internal, "usrsctp cannot listen: {}",
                          std::generic_category().message(errno));
    }
    if (!configured) {
        release_listener(*entry);
        return tl::unexpected(configured.error());
    }
    return entry;
}

HostImpl::ListenerEntry& HostImpl::add_listener(std::unique_ptr<ListenerEntry> entry) {
    entry->number = next_listener_++;
    stack_->route_output(entry->virtual_port, this);
    ListenerEntry& added = *entry;
    listener_by_number_[added.number] = std::move(entry);
    return added;
}

void HostImpl::release_listener(ListenerEntry& entry) {
    entry.socket.reset();
    stack_->route_output(entry.virtual_port, nullptr);
    stack_->ports().give_back_listener(entry.virtual_port);
}

void HostImpl::close_listener(uint64_t number) {
    const auto found = listener_by_number_.find(number);
    if (found == listener_by_number_.end()) {
        return;
    }
    ListenerEntry& entry = *found->second;
    entry.is_closed = true;
    entry.accept = nullptr;
    if (const auto listening = listeners_.find({entry.local, entry.local_port});
        listening != listeners_.end() && listening->second == &entry) {
        listeners_.erase(listening);
    }
    // The socket stays for what it has accepted: a protected restart comes back through it.
    if (entry.associations == 0) {
        release_listener(entry);
        listener_by_number_.erase(found);
    }
}

// One of those that it has accepted, or is the door of, is gone.
void HostImpl::forget_one(ListenerEntry& entry) {
    if (const auto count = accepted_at_.find({entry.local, entry.local_port});
        count != accepted_at_.end() && --count->second == 0) {
        accepted_at_.erase(count);
    }
    if (--entry.associations == 0 && (entry.is_closed || entry.is_door)) {
        release_listener(entry);
        listener_by_number_.erase(entry.number);
    }
}

HostImpl::ListenerEntry* HostImpl::find_listener(const IpAddress& local, uint16_t local_port) {
    const auto found = listeners_.find({local, local_port});
    return found != listeners_.end() ? found->second : nullptr;
}

// --- associations ---------------------------------------------------------------------------

Result<uint16_t> HostImpl::ephemeral_port(const Endpoints& endpoints) {
    constexpr uint32_t kCount = 0x10000 - kFirstEphemeral;
    const uint32_t start = random_.u32();
    for (uint32_t i = 0; i < kCount; ++i) {
        const auto port = static_cast<uint16_t>(kFirstEphemeral + (start + i) % kCount);
        const FourTuple tuple{endpoints.local, endpoints.peer, port, endpoints.peer_port};
        if (!by_tuple_.contains(tuple) && !held_.contains(tuple) &&
            find_listener(endpoints.local, port) == nullptr) {
            return port;
        }
    }
    return fail(ErrorCode::resource_exhausted, "no ephemeral port left from {} to {} port {}",
                endpoints.local.to_string(), endpoints.peer.to_string(), endpoints.peer_port);
}

Result<Association*> HostImpl::connect(const Endpoints& endpoints, const LegSettings& settings,
                                       std::chrono::milliseconds timeout,
                                       AssociationObserver& observer, const RestartStart* restart) {
    if (endpoints.peer_port == 0 || !endpoints.local.is_set() ||
        endpoints.local.family != endpoints.peer.family) {
        return fail(ErrorCode::invalid_argument,
                    "an association needs a peer port and two addresses of one family");
    }
    if (by_tuple_.size() >= settings_.max_associations) {
        return fail(ErrorCode::resource_exhausted, "the limit of {} associations is reached",
                    settings_.max_associations);
    }
    auto association = std::make_unique<LiveAssociation>(*this, endpoints, settings, true);
    LiveAssociation& live = *association;
    live.observer_ = &observer;
    live.worker_ = next_worker_++ % settings_.workers;
    if (restart != nullptr) {
        live.restart_start_ = restart;
        live.restart_method_ = restart->method;
    }
    if (endpoints.local_port == 0) {
        const auto port = ephemeral_port(endpoints);
        if (!port) {
            return tl::unexpected(port.error());
        }
        live.endpoints_.local_port = *port;
    }
    if (by_tuple_.contains(live.tuple())) {
        return fail(ErrorCode::already_exists,
                    "there is an association between {} port {} and {} port {}",
                    endpoints.local.to_string(), live.endpoints_.local_port,
                    endpoints.peer.to_string(), endpoints.peer_port);
    }
    live.negotiated_.local_parameter = offer(settings, random_);
    if (settings.key_management && !live.negotiated_.local_parameter) {
        return fail(ErrorCode::invalid_argument, "key management without a usable list of methods");
    }
    Socket socket;
    for (unsigned attempt = 0; !socket; ++attempt) {
        const auto port = stack_->ports().take_for_connection();
        if (!port) {
            return fail(ErrorCode::resource_exhausted, "no virtual port left");
        }
        auto opened = open_socket(*port);
        if (opened) {
            socket = std::move(*opened);
            live.path_ = path_hash_.place(live.tuple(), *port, 0);
            break;
        }
        stack_->ports().give_back_connection(*port);
        if (attempt == kPortAttempts) {
            return tl::unexpected(opened.error());
        }
    }
    live.owns_virtual_port_ = true;
    live.may_continue_ = endpoints.local_port != 0;
    if (auto configured =
            configure_leg(socket.get(), settings, parameters_, endpoints.local.family);
        !configured) {
        stack_->ports().give_back_connection(live.path_.local_port);
        return tl::unexpected(configured.error());
    }
    live.adopt(std::move(socket));
    live.deadline_ = clock_.now() + timeout;
    deadlines_.emplace(*live.deadline_, &live);
    stack_->route_output(live.path_.local_port, this);
    insert(std::move(association));

    connect_error_.reset();
    sockaddr_conn peer = socket_address(live.path_.address, live.path_.peer_port);
    const int result =
        usrsctp_connect(live.socket(), reinterpret_cast<sockaddr*>(&peer), sizeof peer);
    live.restart_start_ = nullptr;
    if (result != 0 && errno != EINPROGRESS && !connect_error_) {
        connect_error_ = Error{ErrorCode::internal,
                               "usrsctp cannot connect: " + std::generic_category().message(errno)};
    }
    if (connect_error_) {
        live.finished_ = true;
        live.close_socket();
        take_out(live);
        return tl::unexpected(*std::exchange(connect_error_, std::nullopt));
    }
    return &live;
}

void HostImpl::insert(std::unique_ptr<LiveAssociation> association) {
    by_path_[association->path_] = association.get();
    by_tuple_[association->tuple()] = std::move(association);
}

Result<void> HostImpl::protect(LiveAssociation& association) {
    const keys::AssociationKey key{association.endpoints_.local_port,
                                   association.endpoints_.peer_port,
                                   association.negotiated_.local_tag};
    auto added = protection_.add(key, association.worker_);
    while (!added && added.error().code == ErrorCode::resource_exhausted && !lingering_.empty()) {
        drop_oldest_lingering();
        protection_.reclaim();
        added = protection_.add(key, association.worker_);
    }
    if (!added) {
        return tl::unexpected(added.error());
    }
    association.id_ = *added;
    by_index_[added->index] = &association;
    return association.restart_start_ != nullptr ? install_restart_keys(association)
                                                 : Result<void>{};
}

// Out of all tables; the object itself waits in finished_ until no callback can be on the stack.
void HostImpl::take_out(LiveAssociation& association) {
    if (association.deadline_) {
        deadlines_.erase({*association.deadline_, &association});
    }
    count_no_more(association);
    by_path_.erase(association.path_);
    if (association.id_.is_set()) {
        by_index_.erase(association.id_.index);
        protection_.clear_restart_path(association.id_);
        if (association.negotiated_.agreement) {
            lingering_.push_back({clock_.now() + settings_.closed_linger, association.id_,
                                  association.endpoints_, association.negotiated_.peer_tag,
                                  association.worker_});
        } else {
            protection_.remove(association.id_);
        }
    }
    if (association.owns_virtual_port_) {
        stack_->route_output(association.path_.local_port, nullptr);
        stack_->ports().give_back_connection(association.path_.local_port);
    }
    if (const auto found = listener_by_number_.find(
            association.listener_ != 0 ? association.listener_ : association.door_);
        found != listener_by_number_.end()) {
        forget_one(*found->second);
    }
    const auto owner = by_tuple_.extract(association.tuple());
    finished_.push_back(std::move(owner.mapped()));
}

void HostImpl::drop_oldest_lingering() {
    protection_.remove(lingering_.front().id);
    lingering_.pop_front();
}

// --- the loop -------------------------------------------------------------------------------

size_t HostImpl::run() {
    stack_->advance(clock_);
    size_t done = expire(clock_.now());
    done += deliver_ready();
    return done;
}

size_t HostImpl::expire(TimePoint now) {
    size_t done = 0;
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        LiveAssociation& association = *deadlines_.begin()->second;
        deadlines_.erase(deadlines_.begin());
        association.deadline_.reset();
        if (!association.is_established()) {
            association.end(CloseReason::peer_unreachable,
                            "not established within the time allowed");
        }
        ++done;
    }
    while (!lingering_.empty() && lingering_.front().until <= now) {
        drop_oldest_lingering();
        ++done;
    }
    return done;
}

void HostImpl::push(LiveAssociation& association) {
    ready_.push_back(&association);
}

size_t HostImpl::deliver_ready() {
    if (delivering_) {
        return 0;
    }
    // What callbacks make ready is delivered in the same call, but not for ever.
    constexpr unsigned kPasses = 8;
    size_t done = 0;
    delivering_ = true;
    for (unsigned pass = 0; pass < kPasses && !ready_.empty(); ++pass) {
        for (LiveAssociation* association : std::exchange(ready_, {})) {
            association->deliver();
            ++done;
        }
    }
    delivering_ = false;
    after_delivery();
    return done;
}

// The set-up must not wait for the end of a burst: the next packet may be protected already. Called
// within on_packet(), which destroys what has ended when nobody looks at it any more.
void HostImpl::deliver_promptly(LiveAssociation& association) {
    if (delivering_) {
        return;
    }
    delivering_ = true;
    association.deliver();
    delivering_ = false;
    if (association.is_established() && !association.counted_) {
        association.counted_ = true;
        ++(association.negotiated_.initiator ? counters_.associations_connected
                                             : counters_.associations_accepted);
        if (association.deadline_) {
            deadlines_.erase({*association.deadline_, &association});
            association.deadline_.reset();
        }
    }
}

void HostImpl::after_delivery() {
    if (finished_.empty()) {
        return;
    }
    std::erase_if(ready_, [](const LiveAssociation* ready) { return ready->finished_; });
    finished_.clear();
}

void HostImpl::finish(LiveAssociation& association, CloseReason reason, const std::string& detail) {
    association.close_socket();  // its last packets still find their way through by_path_
    if (!association.counted_) {
        ++counters_.associations_failed;
    }
    take_out(association);
    association.observer_->on_closed(association, reason, detail);
}

// --- packets in -----------------------------------------------------------------------------

LiveAssociation* HostImpl::find_association(const ReceivedPacket& packet,
                                            const FourTuple& tuple) const {
    if (packet.opened && packet.association.is_set()) {
        const auto found = by_index_.find(packet.association.index);
        return found != by_index_.end() && found->second->id_ == packet.association ? found->second
                                                                                    : nullptr;
    }
    const auto found = by_tuple_.find(tuple);
    return found != by_tuple_.end() ? found->second.get() : nullptr;
}

void HostImpl::on_packet(const ReceivedPacket& packet) {
    if (packet::check_chunks(packet.sctp) != packet::DropReason::none ||
        packet::starts_with_dtls_chunk(packet.sctp.data())) {
        ++counters_.malformed;
        return;
    }
    const packet::CommonHeader header = packet::read_common_header(packet.sctp.data());
    if (header.source_port == 0 || header.destination_port == 0) {
        ++counters_.malformed;
        return;
    }
    const FourTuple tuple{packet.local, packet.peer, header.destination_port, header.source_port};
    LiveAssociation* const association = find_association(packet, tuple);
    switch (packet.sctp[packet::kCommonHeader]) {
        case packet::kChunkInit:
            on_init(packet, tuple);
            break;
        case packet::kChunkInitAck:
            on_init_ack(packet, association);
            break;
        case packet::kChunkCookieEcho:
            on_cookie_echo(packet, tuple);
            break;
        default:
            if (association != nullptr) {
                to_association(*association, packet);
            } else {
                out_of_the_blue(packet, tuple);
            }
            break;
    }
    if (!delivering_) {
        after_delivery();
    }
}

void HostImpl::to_association(LiveAssociation& association, const ReceivedPacket& packet) {
    if (association.ending()) {
        return;
    }
    const uint8_t first_chunk = packet.sctp[packet::kCommonHeader];
    std::vector<uint8_t> shortened;
    std::span<uint8_t> octets = packet.sctp;
    if (packet.opened && !association.first_opened_told_) {
        association.first_opened_told_ = true;
        count_no_more(association);
        association.observer_->on_first_opened(association);
        if (association.ending()) {
            return;
        }
    }
    if (association.negotiated_.restarted && !packet.opened) {
        ++counters_.clear_not_expected;
        return;
    }
    if (association.negotiated_.agreement && !packet.opened) {
        // In clear nothing but the handshake of key management may reach usrsctp as user data: what
        // anybody else puts there would be relayed once protection is up.
        if (first_chunk == packet::kChunkCookieAck) {
            shortened.assign(octets.begin(), octets.end());
            packet::keep_first_chunk_only(shortened);
            octets = shortened;
        } else if (association.first_opened_told_ ||
                   packet::has_other_user_data(octets, packet::kPpidKeyManagement)) {
            ++counters_.clear_not_expected;  // also: the peer protects what it sends
            return;
        }
    }
    if (!association.receive_window_.admits(octets)) {
        ++counters_.beyond_window;
        return;
    }
    const bool aborts = first_chunk == packet::kChunkAbort;
    if (aborts) {
        association.note_abort_cause(packet::first_error_cause(octets));
    }
    to_usrsctp(association.path_, octets);
    association.wake();
    if (aborts || !association.is_established()) {
        deliver_promptly(association);
        if (aborts && !association.finished_) {
            association.note_abort_cause(std::nullopt);  // usrsctp did not believe it
        }
    }
    if (first_chunk == packet::kChunkCookieAck && association.is_established() &&
        std::exchange(association.may_continue_, false) && !association.negotiated_.agreement) {
        send_empty_sack(association);
    }
}

// What is set up from the port of an association that the peer still has is a restart to it. Where
// the peer is usrsctp, too, it goes on counting what was in flight before, until a SACK comes while
// nothing is. When time-outs have shrunk its congestion window to one packet, that count alone
// fills it: without this SACK it would never send again.
void HostImpl::send_empty_sack(const LiveAssociation& association) {
    const Endpoints& endpoints = association.endpoints_;
    std::array<uint8_t, packet::kCommonHeader + kEmptySack> sack{};
    packet::write_common_header(
        sack.data(), {endpoints.local_port, endpoints.peer_port, association.negotiated_.peer_tag});
    uint8_t* chunk = sack.data() + packet::kCommonHeader;
    chunk[0] = packet::kChunkSack;
    packet::store_be16(chunk + 2, kEmptySack);
    packet::store_be32(chunk + 4, association.peer_initial_tsn_ - 1);
    packet::store_be32(chunk + 8, association.leg_.receive_buffer);
    emit({.local = endpoints.local,
          .peer = endpoints.peer,
          .port = endpoints.port,
          .association = {},
          .worker = association.worker_,
          .keep_clear = false,
          .sctp = sack});
}

void HostImpl::to_usrsctp(const VirtualPath& path, std::span<uint8_t> packet) {
    std::memcpy(packet.data(), &path.peer_port, sizeof path.peer_port);
    std::memcpy(packet.data() + 2, &path.local_port, sizeof path.local_port);
    Stack::input(path, packet);
}

void HostImpl::out_of_the_blue(const ReceivedPacket& packet, const FourTuple& tuple) {
    ++counters_.out_of_the_blue;
    if (held_.contains(tuple)) {
        ++counters_.held_silent;
        return;
    }
    auto reply = answer_out_of_the_blue(packet.sctp);
    if (!reply) {
        return;
    }
    if (!packet.opened) {
        answer(packet, reply->bytes());
        return;
    }
    for (const Lingering& closed : lingering_) {
        if (closed.id == packet.association) {
            reply->set_tag(closed.peer_tag);
            emit({.local = closed.endpoints.local,
                  .peer = closed.endpoints.peer,
                  .port = closed.endpoints.port,
                  .association = closed.id,
                  .worker = closed.worker,
                  .keep_clear = false,
                  .sctp = reply->bytes()});
            return;
        }
    }
}

// --- packets out ----------------------------------------------------------------------------

void HostImpl::emit(const OutgoingPacket& packet) {
    if (output_ && !output_(packet)) {
        ++counters_.output_refused;
    }
}

void HostImpl::answer(const ReceivedPacket& packet, std::span<const uint8_t> sctp) {
    emit({.local = packet.local,
          .peer = packet.peer,
          .port = packet.port,
          .association = {},
          .worker = 0,
          .keep_clear = true,
          .sctp = sctp});
}

void HostImpl::on_output(const VirtualPath& path, std::span<uint8_t> packet) {
    const uint8_t first_chunk = packet[packet::kCommonHeader];
    const bool responding = responding_ != nullptr && responding_->path == path;
    if (responding && first_chunk == packet::kChunkInitAck) {
        send_init_ack(packet);
        return;
    }
    if (const auto found = by_path_.find(path); found != by_path_.end()) {
        from_association(*found->second, packet);
        return;
    }
    if (responding) {  // ABORT: usrsctp does not like the INIT
        const packet::CommonHeader asked =
            packet::read_common_header(responding_->packet->sctp.data());
        write_ports(packet, asked.destination_port, asked.source_port);
        answer(*responding_->packet, packet);
    }
}

void HostImpl::from_association(LiveAssociation& association, std::span<uint8_t> packet) {
    const Endpoints& endpoints = association.endpoints_;
    write_ports(packet, endpoints.local_port, endpoints.peer_port);
    if (packet[packet::kCommonHeader] == packet::kChunkInit) {
        on_own_init(association, packet);
        return;
    }
    association.receive_window_.on_sent(packet);
    const SentData::Seen sent = association.sent_data_.on_packet(packet);
    counters_.data_chunks_sent += sent.chunks;
    counters_.data_chunks_sent_again += sent.again;
    // Associations without an agreement are never sealed: as packets of none they are not lost when
    // the table forgets the association before the worker has sent its last one.
    //
    // What leaves before on_established() (COOKIE ECHO, the first COOKIE ACK) says so itself: the
    // worker may look at it only after key management has selected the send key, and the peer may
    // install its keys no sooner than it sees that very COOKIE ACK.
    emit(
        {.local = endpoints.local,
         .peer = endpoints.peer,
         .port = endpoints.port,
         .association = association.negotiated_.agreement ? association.id_ : keys::AssociationId{},
         .worker = association.worker_,
         .keep_clear = !association.established_told() && !association.negotiated_.restarted,
         .sctp = packet});
}

}  // namespace sdg::sctp
