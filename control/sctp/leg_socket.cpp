#include "control/sctp/leg_socket.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "dataplane/packet/sctp.h"

namespace sdg::sctp {
namespace {

constexpr size_t kIpv4Header = 20;
constexpr size_t kIpv6Header = 40;
// Chunk header, pre-padding, record header, content type, tag, post-padding: 28 for an SCTP packet
// whose chunks end on the four-octet grid, which they do.
constexpr size_t kRecordOverhead = 28;
constexpr size_t kSmallestPathMtu = 512;  // usrsctp's own limit
// Messages above this are handed up piece by piece.
constexpr uint32_t kPartialDelivery = 32 * 1024;

template <class Value>
Result<void> set(struct socket* socket, int level, int option, const Value& value,
                 const char* what) {
    if (usrsctp_setsockopt(socket, level, option, &value, sizeof value) != 0) {
        return fail(ErrorCode::invalid_argument, "usrsctp refuses {}: {}", what,
                    std::generic_category().message(errno));
    }
    return {};
}

template <class Duration>
uint32_t in_milliseconds(Duration duration) {
    return static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

Result<void> set_partial_delivery(struct socket* socket, const LegSettings& leg) {
    return set(socket, IPPROTO_SCTP, SCTP_PARTIAL_DELIVERY_POINT,
               std::min(kPartialDelivery, leg.receive_buffer / 4), "the partial delivery point");
}

// The path MTU is what the port says: nothing tells usrsctp of ICMP. Its packets are as long as
// spp_pathmtu plus the common header.
sctp_paddrparams fixed_path_mtu(size_t largest) {
    sctp_paddrparams out{};
    out.spp_address.ss_family = AF_CONN;
    out.spp_pathmtu = static_cast<uint32_t>(largest - packet::kCommonHeader);
    out.spp_flags = SPP_PMTUD_DISABLE;
    return out;
}

// A path that usrsctp takes from an INIT or a cookie forgets that its MTU is fixed: every ten
// minutes it would try a larger one, and packets of that size never arrive.
Result<void> fix_path_mtu(struct socket* socket, const LegSettings& leg, IpAddress::Family family) {
    return set(socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS,
               fixed_path_mtu(largest_packet(leg, family)), "the path MTU");
}

}  // namespace

size_t largest_packet(const LegSettings& leg, IpAddress::Family family) {
    const size_t around = (family == IpAddress::Family::v6 ? kIpv6Header : kIpv4Header) +
                          (leg.key_management ? kRecordOverhead : 0);
    return leg.mtu > around ? (leg.mtu - around) & ~size_t{3} : 0;
}

Result<void> configure_leg(struct socket* socket, const LegSettings& leg,
                           const ProtocolParameters& parameters, IpAddress::Family family) {
    const size_t largest = largest_packet(leg, family);
    if (largest < kSmallestPathMtu + packet::kCommonHeader) {
        return fail(ErrorCode::invalid_argument,
                    "MTU {} leaves {} octets for an SCTP packet, {} are needed", leg.mtu, largest,
                    kSmallestPathMtu + packet::kCommonHeader);
    }
    Result<void> done;
    const auto also = [&done](Result<void> result) {
        if (done && !result) {
            done = std::move(result);
        }
    };
    constexpr int on = 1;
    also(set(socket, SOL_SOCKET, SO_RCVBUF, static_cast<int>(leg.receive_buffer),
             "the receive buffer"));
    also(set(socket, SOL_SOCKET, SO_SNDBUF, static_cast<int>(leg.send_buffer), "the send buffer"));
    also(set(socket, IPPROTO_SCTP, SCTP_NODELAY, on, "SCTP_NODELAY"));
    also(set(socket, IPPROTO_SCTP, SCTP_EXPLICIT_EOR, on, "SCTP_EXPLICIT_EOR"));
    also(set(socket, IPPROTO_SCTP, SCTP_RECVRCVINFO, on, "SCTP_RECVRCVINFO"));
    also(set_partial_delivery(socket, leg));
    // In the order handed over. Any other scheduler of streams may begin with a message of which
    // the rest does not fit into the send buffer yet, and then waits for it in front of everything
    // that fills the buffer: for ever.
    sctp_assoc_value scheduler{};
    scheduler.assoc_id = SCTP_FUTURE_ASSOC;
    scheduler.assoc_value = SCTP_SS_FIRST_COME;
    also(set(socket, IPPROTO_SCTP, SCTP_PLUGGABLE_SS, scheduler, "the scheduler of streams"));

    sctp_initmsg init{};
    init.sinit_num_ostreams = leg.outbound_streams;
    init.sinit_max_instreams = leg.max_inbound_streams;
    init.sinit_max_attempts = static_cast<uint16_t>(parameters.init_max_retransmissions);
    init.sinit_max_init_timeo =
        static_cast<uint16_t>(std::min<uint32_t>(in_milliseconds(parameters.rto_max), 0xffff));
    also(set(socket, IPPROTO_SCTP, SCTP_INITMSG, init, "the numbers of streams"));

    sctp_rtoinfo rto{};
    rto.srto_initial = in_milliseconds(parameters.rto_initial);
    rto.srto_min = in_milliseconds(parameters.rto_min);
    rto.srto_max = in_milliseconds(parameters.rto_max);
    also(set(socket, IPPROTO_SCTP, SCTP_RTOINFO, rto, "the retransmission timeouts"));

    sctp_assocparams association{};
    association.sasoc_asocmaxrxt =
        static_cast<uint16_t>(parameters.association_max_retransmissions);
    association.sasoc_cookie_life = in_milliseconds(parameters.cookie_lifetime);
    also(set(socket, IPPROTO_SCTP, SCTP_ASSOCINFO, association, "the association parameters"));

    sctp_sack_info sack{};
    sack.sack_delay = in_milliseconds(parameters.sack_delay);
    sack.sack_freq = 2;  // RFC 9260, 6.2
    also(set(socket, IPPROTO_SCTP, SCTP_DELAYED_SACK, sack, "the SACK delay"));

    // The only path never fails, the association does. usrsctp forgives a path its errors only when
    // something arrives at the first attempt, so that the path could fail before, and sends nothing
    // new on a path that has, until a HEARTBEAT is answered.
    sctp_paddrparams path = fixed_path_mtu(largest);
    path.spp_hbinterval = in_milliseconds(parameters.heartbeat_interval);
    path.spp_pathmaxrxt = std::numeric_limits<uint16_t>::max();
    path.spp_flags |= SPP_HB_ENABLE;
    also(set(socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, path, "the path parameters"));

    for (const uint16_t type : {uint16_t{SCTP_ASSOC_CHANGE}, uint16_t{SCTP_SHUTDOWN_EVENT}}) {
        sctp_event event{};
        event.se_assoc_id = SCTP_FUTURE_ASSOC;
        event.se_type = type;
        event.se_on = 1;
        also(set(socket, IPPROTO_SCTP, SCTP_EVENT, event, "a notification"));
    }
    return done;
}

Result<void> after_accept(struct socket* socket, const LegSettings& leg, IpAddress::Family family) {
    usrsctp_set_non_blocking(socket, 1);
    if (auto done = set_partial_delivery(socket, leg); !done) {
        return done;
    }
    return fix_path_mtu(socket, leg, family);
}

Result<void> after_restart(struct socket* socket, const LegSettings& leg,
                           IpAddress::Family family) {
    return fix_path_mtu(socket, leg, family);
}

}  // namespace sdg::sctp
