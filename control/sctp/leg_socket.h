// A usrsctp socket set up for one leg: buffers, streams, timers, path MTU, notifications.
#pragma once

#include "control/sctp/host.h"
#include "control/sctp/stack.h"

namespace sdg::sctp {

// Octets that the largest SCTP packet of a leg may have, so that it fits the port's MTU as an IP
// packet and, on a leg with key management, inside a DTLS chunk.
[[nodiscard]] size_t largest_packet(const LegSettings& leg, IpAddress::Family family);

// For a socket that is about to listen or connect. Accepted sockets inherit all of it but what
// after_accept() sets. invalid_argument names what usrsctp would not take.
[[nodiscard]] Result<void> configure_leg(struct socket* socket, const LegSettings& leg,
                                         const ProtocolParameters& parameters,
                                         IpAddress::Family family);
[[nodiscard]] Result<void> after_accept(struct socket* socket, const LegSettings& leg,
                                        IpAddress::Family family);
// For an association that the peer has restarted: usrsctp has set up its path anew.
[[nodiscard]] Result<void> after_restart(struct socket* socket, const LegSettings& leg,
                                         IpAddress::Family family);

}  // namespace sdg::sctp
