#include "gateway/association_view.h"

#include <fmt/format.h>

#include "dataplane/record/suite.h"

namespace sdg::gateway {
namespace {

using nlohmann::json;

double seconds(std::chrono::nanoseconds time) {
    // To the millisecond: more is noise.
    return static_cast<double>(
               std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) /
           1000.0;
}

std::string_view state_of(const relay::Leg& leg) {
    if (leg.is_closed()) {
        return "closed";
    }
    if (leg.association() == nullptr) {
        return "not_connected";
    }
    if (leg.is_up()) {
        return "up";
    }
    return leg.association()->is_established() ? "keying" : "connecting";
}

std::string_view state_of(const relay::Pair& pair) {
    if (pair.is_closing()) {
        return "closing";
    }
    const relay::Leg& accepted = pair.accepted_leg();
    const relay::Leg& backend = pair.backend_leg();
    if (accepted.is_closed() || backend.is_closed()) {
        return "ending";
    }
    return accepted.is_up() && backend.is_up() ? "relaying" : "setting_up";
}

json at(const IpAddress& address, uint16_t port) {
    return {{"address", address.to_string()}, {"port", port}};
}

json method_name(uint8_t method) {
    switch (method) {
        case 0:
            return "preshared";
        case 1:
            return "dtls13";
        case 192:
            return "tls13";
        default:
            return fmt::format("{}", method);
    }
}

// A limit that no suite reaches is null: nobody has to know a special number.
json limit(uint64_t value) {
    return value == record::kNoLimit ? json(nullptr) : json(value);
}

json epochs_of(const sctp::Association& association, const keys::ChunkProtection& protection) {
    json out = json::array();
    const auto statistics = protection.statistics(association.id());
    if (!statistics) {
        return out;
    }
    for (const keys::EpochStatistics& epoch : *statistics) {
        out.push_back({{"epoch", epoch.epoch},
                       {"role", epoch.role == keys::KeyRole::restart ? "restart" : "primary"},
                       {"send_key", epoch.has_send_key},
                       {"receive_key", epoch.has_receive_key},
                       {"selected", epoch.selected},
                       {"sealed", epoch.sealed},
                       {"seal_limit", limit(epoch.seal_limit)},
                       {"sealed_octets", epoch.sealed_octets},
                       {"opened", epoch.opened},
                       {"opened_octets", epoch.opened_octets},
                       {"open_failed", epoch.open_failed},
                       {"open_limit", limit(epoch.open_limit)}});
    }
    return out;
}

json protection_of(const relay::Leg& leg, const keys::ChunkProtection& table, TimePoint now) {
    const keymgmt::AssociationProtection* protection = leg.protection();
    if (protection == nullptr) {
        return nullptr;
    }
    json out = {{"method", method_name(protection->method())},
                {"up", protection->is_up()},
                {"role", nullptr},
                {"restart", false},
                {"suite", nullptr},
                {"peer", nullptr},
                {"authentications", protection->authentications().times},
                {"authenticated_age_s", nullptr},
                {"key_age_s", nullptr},
                {"epochs", json::array()}};
    if (const auto suite = protection->suite()) {
        out["suite"] = record::traits(*suite)->name;
    }
    if (std::string peer = protection->peer_name(); !peer.empty()) {
        out["peer"] = std::move(peer);
    }
    if (const auto last = protection->authentications().last) {
        out["authenticated_age_s"] = seconds(now - *last);
    }
    if (const auto since = protection->selected_at()) {
        out["key_age_s"] = seconds(now - *since);
    }
    if (const sctp::Association* association = leg.association()) {
        if (const auto& agreement = association->negotiated().agreement) {
            out["role"] = agreement->role == keys::KmRole::client ? "client" : "server";
            out["restart"] = agreement->restart;
        }
        out["epochs"] = epochs_of(*association, table);
    }
    return out;
}

json path_of(const sctp::Association& association) {
    const auto path = association.path_figures();
    if (!path) {
        return nullptr;
    }
    return {{"rtt_s",
             path->smoothed_rtt.count() == 0 ? json(nullptr) : json(seconds(path->smoothed_rtt))},
            {"rto_s", seconds(path->rto)},
            {"congestion_window_octets", path->congestion_window},
            {"peer_window_octets", path->peer_window},
            {"path_mtu_octets", path->path_mtu},
            {"chunks_unacknowledged", path->chunks_unacknowledged},
            {"chunks_to_receive", path->chunks_to_receive},
            {"chunks_sent", path->chunks_sent},
            {"chunks_retransmitted", path->chunks_sent_again}};
}

json leg_view(const relay::Leg& leg, const keys::ChunkProtection& protection, TimePoint now) {
    json out = {{"state", state_of(leg)},
                {"peer_finished", leg.peer_finished()},
                {"protection", protection_of(leg, protection, now)}};
    const sctp::Association* association = leg.association();
    if (association == nullptr) {
        return out;
    }
    const sctp::Endpoints& where = association->endpoints();
    const sctp::Negotiated& negotiated = association->negotiated();
    out["local"] = at(where.local, where.local_port);
    out["remote"] = at(where.peer, where.peer_port);
    out["port"] = where.port;
    out["worker"] = association->owner_worker();
    out["initiator"] = negotiated.initiator;
    // As packets carry them, for captures.
    out["local_tag"] = fmt::format("0x{:08x}", negotiated.local_tag);
    out["peer_tag"] = fmt::format("0x{:08x}", negotiated.peer_tag);
    out["unsent_octets"] = association->unsent_octets();
    if (association->is_established()) {
        out["inbound_streams"] = association->inbound_streams();
        out["outbound_streams"] = association->outbound_streams();
    }
    out["path"] = path_of(*association);
    return out;
}

json peer_text(const relay::Leg& leg) {
    if (leg.association() == nullptr) {
        return nullptr;
    }
    const sctp::Endpoints& where = leg.association()->endpoints();
    return fmt::format("[{}]:{}", where.peer.to_string(), where.peer_port);
}

json identity_text(const relay::Leg& leg) {
    const std::string name =
        leg.protection() == nullptr ? std::string() : leg.protection()->peer_name();
    return name.empty() ? json(nullptr) : json(name);
}

json method_text(const relay::Leg& leg) {
    return leg.protection() == nullptr ? json(nullptr) : method_name(leg.protection()->method());
}

}  // namespace

json association_line(const relay::Pair& pair, TimePoint now) {
    return {{"association", pair.id()},
            {"listener", pair.listener_name()},
            {"backend", pair.backend_settings().name},
            {"state", state_of(pair)},
            {"age_s", seconds(now - pair.begun())},
            {"accepted_peer", peer_text(pair.accepted_leg())},
            {"accepted_method", method_text(pair.accepted_leg())},
            {"accepted_identity", identity_text(pair.accepted_leg())},
            {"backend_peer", peer_text(pair.backend_leg())},
            {"backend_method", method_text(pair.backend_leg())},
            {"backend_identity", identity_text(pair.backend_leg())},
            {"messages_to_backend", pair.to_backend().messages},
            {"octets_to_backend", pair.to_backend().octets},
            {"messages_from_backend", pair.from_backend().messages},
            {"octets_from_backend", pair.from_backend().octets}};
}

json association_view(const relay::Pair& pair, const keys::ChunkProtection& protection,
                      TimePoint now) {
    json out = association_line(pair, now);
    out["legs"] = {{"accepted", leg_view(pair.accepted_leg(), protection, now)},
                   {"backend", leg_view(pair.backend_leg(), protection, now)}};
    return out;
}

}  // namespace sdg::gateway
