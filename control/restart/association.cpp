#include "control/restart/association.h"

namespace sdg::restart {
namespace {

Result<void> check_length(const char* what, size_t length, size_t most) {
    if (length > most) {
        return fail(ErrorCode::invalid_argument, "{} of {} octets, at most {}", what, length, most);
    }
    return {};
}

Result<void> check_addresses(const char* what, const IpAddress& first,
                             const std::vector<IpAddress>& further) {
    if (!first.is_set()) {
        return fail(ErrorCode::invalid_argument, "no {} address", what);
    }
    if (further.size() > kMaxFurtherAddresses) {
        return fail(ErrorCode::invalid_argument, "{} further {} addresses, at most {}",
                    further.size(), what, kMaxFurtherAddresses);
    }
    for (const IpAddress& address : further) {
        if (!address.is_set()) {
            return fail(ErrorCode::invalid_argument, "an unset {} address", what);
        }
    }
    return {};
}

std::string with_port(const IpAddress& address, uint16_t port) {
    return address.family == IpAddress::Family::v6
               ? fmt::format("[{}]:{}", address.to_string(), port)
               : fmt::format("{}:{}", address.to_string(), port);
}

}  // namespace

Result<void> AssociationDescription::validate() const {
    return check_addresses("local", tuple.local, further_local)
        .and_then([this] { return check_addresses("peer", tuple.peer, further_peer); })
        .and_then([this] { return check_length("policy name", policy.size(), kMaxPolicyName); })
        .and_then(
            [this] { return check_length("local identity", local_identity.size(), kMaxIdentity); })
        .and_then(
            [this] { return check_length("peer identity", peer_identity.size(), kMaxIdentity); })
        .and_then([this] {
            return check_length("client's parameter", client_parameter.size(), kMaxParameter);
        })
        .and_then([this] {
            return check_length("server's parameter", server_parameter.size(), kMaxParameter);
        })
        .and_then([this] { return check_length("attachment", attachment.size(), kMaxAttachment); });
}

Result<void> RestartContext::validate() const {
    if (send.suite != receive.suite) {
        return fail(ErrorCode::invalid_argument, "two suites in one restart context");
    }
    return send.validate().and_then([this] { return receive.validate(); });
}

RestartContext RestartContext::clone() const {
    return {.epoch = epoch, .send = send.clone(), .receive = receive.clone()};
}

std::string to_string(const sctp::FourTuple& tuple) {
    return with_port(tuple.local, tuple.local_port) + " - " +
           with_port(tuple.peer, tuple.peer_port);
}

}  // namespace sdg::restart
