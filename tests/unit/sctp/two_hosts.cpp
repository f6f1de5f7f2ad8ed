#include "tests/unit/sctp/two_hosts.h"

#include <algorithm>

namespace sdg::test {

void Recorder::send(Message message) {
    outbox_.push_back(std::move(message));
    flush();
}

void Recorder::flush() {
    while (association != nullptr && association->is_established() && !outbox_.empty()) {
        const Message& message = outbox_.front();
        const std::span<const uint8_t> rest = std::span(message.octets).subspan(sent_of_front_);
        const auto taken = association->send(
            {message.stream, message.ppid, message.unordered, /*end_of_message=*/true}, rest);
        if (!taken || *taken == 0) {
            return;
        }
        sent_of_front_ += *taken;
        if (sent_of_front_ == message.octets.size()) {
            outbox_.pop_front();
            sent_of_front_ = 0;
        }
    }
}

bool Recorder::saw(const std::string& event) const {
    return std::find(events.begin(), events.end(), event) != events.end();
}

void Recorder::on_parameters_agreed(sctp::Association& which) {
    events.push_back("agreed");
    if (when_agreed) {
        when_agreed(which);
    }
}

void Recorder::on_established(sctp::Association& which) {
    events.push_back("established");
    association = &which;
    if (when_established) {
        when_established(which);
    }
    flush();
}

void Recorder::on_first_opened(sctp::Association& which) {
    events.push_back("first opened");
    if (when_first_opened) {
        when_first_opened(which);
    }
}

void Recorder::on_readable(sctp::Association& which) {
    if (stalled) {
        return;
    }
    std::vector<uint8_t> buffer(16'384);
    while (true) {
        const auto piece = which.receive(buffer);
        ASSERT_TRUE(piece.has_value());
        if (!piece->has_value()) {
            return;
        }
        const auto& got = **piece;
        largest_piece = std::max(largest_piece, got.length);
        if (!assembling_) {
            assembling_ = Message{got.info.stream, got.info.ppid, got.info.unordered, {}};
        }
        EXPECT_EQ(assembling_->stream, got.info.stream);
        assembling_->octets.insert(assembling_->octets.end(), buffer.begin(),
                                   buffer.begin() + static_cast<ptrdiff_t>(got.length));
        if (got.info.end_of_message) {
            received.push_back(std::move(*assembling_));
            assembling_.reset();
        }
    }
}

void Recorder::on_writable(sctp::Association&) {
    flush();
}

void Recorder::on_peer_shutdown(sctp::Association&) {
    events.push_back("peer shutdown");
}

void Recorder::on_sender_dry(sctp::Association&) {
    ++dry;
}

void Recorder::on_closed(sctp::Association&, sctp::CloseReason why, const std::string& text) {
    events.push_back("closed");
    association = nullptr;
    reason = why;
    detail = text;
}

TwoHosts::TwoHosts(uint64_t seed, const sctp::Host::Settings& settings,
                   const sctp::ProtocolParameters& parameters)
    : random_(seed) {
    clock.advance(1s);
    start(a, 1, seed * 2 + 1, settings, parameters);
    start(b, 2, seed * 2 + 2, settings, parameters);
}

TwoHosts::~TwoHosts() {
    filter = [](Seen&) { return false; };
    a.listeners.clear();
    b.listeners.clear();
}

void TwoHosts::start(Side& side, uint8_t last_octet, uint64_t seed,
                     const sctp::Host::Settings& settings,
                     const sctp::ProtocolParameters& parameters) {
    side.name = last_octet == 1 ? "A" : "B";
    const uint8_t octets[] = {10, 0, 0, last_octet};
    side.address = IpAddress::v4(octets);
    side.random = std::make_unique<SeededRandom>(seed);
    auto host = sctp::Host::create(
        settings, parameters, side.protection,
        [this, &side](const sctp::OutgoingPacket& packet) { return output(side, packet); }, clock,
        *side.random);
    ASSERT_TRUE(host.has_value());
    side.host = std::move(*host);
}

void TwoHosts::listen(Side& side, uint16_t port, const sctp::LegSettings& leg,
                      uint32_t max_associations) {
    auto listener = side.host->listen(
        side.address, port, 0, leg, max_associations,
        [this, &side](sctp::Association& association) -> sctp::AssociationObserver* {
            side.accepted.push_back(std::make_unique<Recorder>());
            side.accepted.back()->association = &association;
            if (association.negotiated().local_parameter) {
                protect_like_method_0(*side.accepted.back(), side);
            }
            return side.accepted.back().get();
        });
    ASSERT_TRUE(listener.has_value()) << listener.error().message;
    side.listeners.push_back(std::move(*listener));
}

sctp::Association* TwoHosts::connect(Recorder& recorder, uint16_t port,
                                     const sctp::LegSettings& leg,
                                     std::chrono::milliseconds timeout, uint16_t local_port) {
    if (leg.key_management) {
        protect_like_method_0(recorder, a);
    }
    auto association =
        a.host->connect({a.address, b.address, local_port, port, 0}, leg, timeout, recorder);
    EXPECT_TRUE(association.has_value()) << association.error().message;
    recorder.association = association ? *association : nullptr;
    return recorder.association;
}

// The order of the draft's method 0, as architecture.md has it.
void TwoHosts::protect_like_method_0(Recorder& recorder, Side& side) {
    recorder.when_agreed = [&side](sctp::Association& association) {
        EXPECT_TRUE(
            side.protection.set_clear_policy(association.id(), keys::ClearPolicy::handshake_only));
    };
    recorder.when_established = [&side](sctp::Association& association) {
        if (!association.negotiated().agreement) {
            return;
        }
        EXPECT_TRUE(side.protection.select_send_key(association.id(), keys::KeyRole::primary, 3));
        if (association.negotiated().initiator) {
            EXPECT_TRUE(side.protection.require_protected_packets(association.id()));
            association.request_heartbeat();
        }
    };
    recorder.when_first_opened = [&side](sctp::Association& association) {
        EXPECT_TRUE(side.protection.require_protected_packets(association.id()));
    };
}

bool TwoHosts::chance(double probability) {
    return probability > 0 && random_.u32() < probability * 4294967296.0;
}

bool TwoHosts::output(Side& from, const sctp::OutgoingPacket& packet) {
    Seen one;
    one.from_a = &from == &a;
    one.octets.assign(packet.sctp.begin(), packet.sctp.end());
    if (packet.association.is_set()) {
        const FakeProtection::Entry* entry = from.protection.find(packet.association);
        if (entry == nullptr) {
            ADD_FAILURE() << "packet of an association that the data plane has forgotten";
            return false;
        }
        one.sealed = entry->sealing && !packet.keep_clear;
    }
    if (keep_seen) {
        seen.push_back(one);
    }
    if ((filter && !filter(one)) || chance(path.loss)) {
        return true;
    }
    const bool twice = chance(path.duplicate);
    for (int copy = 0; copy < (twice ? 2 : 1); ++copy) {
        TimePoint due = clock.now() + path.delay;
        if (chance(path.reorder)) {
            due += 1ms * (1 + random_.u32() % 5);
        }
        queue_.emplace(due, one);
    }
    return true;
}

void TwoHosts::inject(Side& to, std::span<const uint8_t> sctp, const IpAddress& from) {
    std::vector<uint8_t> octets(sctp.begin(), sctp.end());
    sctp::ReceivedPacket packet;
    packet.local = to.address;
    packet.peer = from;
    packet.sctp = octets;
    to.host->on_packet(packet);
}

void TwoHosts::deliver() {
    while (!queue_.empty() && queue_.begin()->first <= clock.now()) {
        Seen one = std::move(queue_.begin()->second);
        queue_.erase(queue_.begin());
        Side& to = one.from_a ? b : a;
        const auto header = packet::read_common_header(one.octets.data());
        sctp::ReceivedPacket packet;
        packet.local = to.address;
        packet.peer = one.from_a ? a.address : b.address;
        packet.sctp = one.octets;
        packet.association = to.protection.lookup(
            {header.destination_port, header.source_port, header.verification_tag});
        packet.opened = one.sealed;
        packet.epoch = 3;
        if (packet.association.is_set()) {
            const keys::ClearPolicy policy = to.protection.find(packet.association)->policy;
            const uint8_t type = one.first_chunk();
            const bool handshake =
                type == packet::kChunkCookieEcho || type == packet::kChunkCookieAck;
            const bool initiation = type == packet::kChunkInit || type == packet::kChunkInitAck;
            if (!one.sealed && !initiation && policy != keys::ClearPolicy::everything &&
                !(policy == keys::ClearPolicy::handshake_only && handshake)) {
                continue;
            }
        } else if (one.sealed) {
            continue;  // no key for it
        }
        to.host->on_packet(packet);
    }
}

void TwoHosts::run(std::chrono::milliseconds time) {
    run_until(time, [] { return false; });
}

bool TwoHosts::run_until(std::chrono::milliseconds time, const std::function<bool()>& done) {
    for (auto spent = 0ms; spent < time && !done(); spent += 1ms) {
        deliver();
        a.host->run();
        b.host->run();
        clock.advance(1ms);
    }
    return done();
}

sctp::LegSettings protected_leg(bool required) {
    sctp::LegSettings leg;
    leg.key_management = keys::LocalKeyManagement{};
    leg.key_management->methods = {0};
    leg.key_management->required = required;
    return leg;
}

}  // namespace sdg::test
