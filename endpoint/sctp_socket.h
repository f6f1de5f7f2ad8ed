// One SCTP association (or a listener for them) over stock usrsctp on real IP.
//
// SctpStack starts usrsctp with its own threads and raw sockets; there is one in a process. Sockets
// are one-to-one style and non-blocking; usrsctp's threads only nudge the Wakeup given at creation,
// which must outlive the socket. Messages of any size go out in one send and come in whole, put
// together from partial deliveries. Owner's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "endpoint/transport_address.h"
#include "endpoint/user_message.h"
#include "endpoint/wakeup.h"
#include "foundation/result.h"

struct socket;

namespace sdg::endpoint {

// Send and receive buffer of each association, octets: the largest message must fit.
inline constexpr uint32_t kSocketBuffer = 4U << 20;

class SctpStack {
 public:
    // silent: packets that belong to no association of this process get no ABORT. Needed as soon as
    // two processes share an address, because each sees the raw packets of both.
    [[nodiscard]] static Result<SctpStack> start(bool silent);
    SctpStack(SctpStack&& other) noexcept;
    SctpStack& operator=(SctpStack&&) = delete;
    ~SctpStack();

 private:
    SctpStack() = default;
    bool running_ = true;
};

struct AssociationUp {
    uint16_t outgoing_streams = 0;
    uint16_t incoming_streams = 0;
};

// The peer has restarted the association: what was on its way may be lost or come twice.
struct AssociationRestarted {};

enum class AssociationEnd {
    shutdown,     // both sides have shut down in order
    aborted,      // the peer sent ABORT
    lost,         // the peer does not answer any more
    not_started,  // INIT refused or unanswered
};

// The peer wants to end: no further messages will come.
struct PeerShutdown {};

// Nothing to read now.
struct NothingYet {};

using Received = std::variant<NothingYet, UserMessage, AssociationUp, AssociationRestarted,
                              PeerShutdown, AssociationEnd>;

class SctpSocket {
 public:
    struct Accepted;

    // streams: outgoing ones asked for, and incoming ones allowed.
    [[nodiscard]] static Result<SctpSocket> create(IpAddress::Family family, uint16_t streams,
                                                   const Wakeup& wakeup);
    SctpSocket(SctpSocket&& other) noexcept;
    SctpSocket& operator=(SctpSocket&& other) noexcept;
    ~SctpSocket();  // an association still there is aborted

    [[nodiscard]] Result<void> bind(const TransportAddress& local);
    [[nodiscard]] Result<void> listen();
    // Starts; the outcome comes from receive().
    [[nodiscard]] Result<void> connect(const TransportAddress& peer);
    // Nothing when no association waits.
    [[nodiscard]] std::optional<Accepted> accept();

    // False: no room now, try again after the next nudge.
    [[nodiscard]] Result<bool> send(const UserMessage& message);
    [[nodiscard]] Result<Received> receive();
    // What SCTP says of the association, for people; empty without one.
    [[nodiscard]] std::string describe() const;
    // Grows with every octet delivered, whole message or not.
    [[nodiscard]] uint64_t octets_received() const { return octets_received_; }

    // What was sent goes out first; receive() reports the end.
    void shutdown();
    // Tells the peer and forgets the association.
    void abort();

 private:
    SctpSocket(struct socket* handle, const Wakeup& wakeup);
    [[nodiscard]] Received notification(const Bytes& bytes);
    void release();

    struct socket* handle_ = nullptr;
    const Wakeup* wakeup_ = nullptr;
    Bytes buffer_;
    Bytes partial_;
    bool peer_closed_ = false;
    uint64_t octets_received_ = 0;
};

struct SctpSocket::Accepted {
    SctpSocket socket;
    TransportAddress peer;
};

}  // namespace sdg::endpoint
