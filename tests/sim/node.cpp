#include "tests/sim/node.h"

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace sdg::sim {
namespace {

template <class T>
T expect(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

constexpr unsigned kRingSize = 1024;

}  // namespace

uint64_t cycles_at(TimePoint time) {
    constexpr uint64_t kNanoseconds = 1'000'000'000;
    const auto now = static_cast<uint64_t>(time.count());
    const uint64_t hz = rte_get_tsc_hz();
    return now / kNanoseconds * hz + now % kNanoseconds * hz / kNanoseconds;
}

void Peer::send(Message message) {
    outbox_.push_back(std::move(message));
    flush();
}

void Peer::flush() {
    while (established_ && !closed() && !outbox_.empty()) {
        const Message& front = outbox_.front();
        const auto taken = association_->send({front.stream, front.ppid, front.unordered, true},
                                              std::span(front.octets).subspan(sent_of_front_));
        if (!taken) {
            return;  // on_closed() tells why
        }
        sent_of_front_ += *taken;
        if (sent_of_front_ < front.octets.size()) {
            return;
        }
        outbox_.pop_front();
        sent_of_front_ = 0;
    }
    if (established_ && !closed() && outbox_.empty() && std::exchange(shutdown_wanted_, false)) {
        association_->shutdown();
    }
}

void Peer::set_stalled(bool stalled) {
    stalled_ = stalled;
    if (!stalled_ && established_ && !closed()) {
        on_readable(*association_);
    }
}

void Peer::shutdown() {
    shutdown_wanted_ = true;
    flush();
}

void Peer::abort() {
    if (!closed()) {
        association_->abort("test");
    }
}

void Peer::on_established(sctp::Association& association) {
    association_ = &association;
    established_ = true;
    flush();
}

void Peer::on_restarted(sctp::Association&) {
    ++restarts_;
    assembling_.reset();
    sent_of_front_ = 0;
    flush();
}

void Peer::on_readable(sctp::Association& association) {
    std::array<uint8_t, 16'384> buffer;
    while (!stalled_) {
        const auto piece = association.receive(buffer);
        if (!piece || !piece->has_value()) {
            return;
        }
        const sctp::FragmentInfo& info = (*piece)->info;
        if (!assembling_) {
            assembling_ = Message{info.stream, info.ppid, info.unordered, {}};
        }
        assembling_->octets.insert(assembling_->octets.end(), buffer.begin(),
                                   buffer.begin() + static_cast<ptrdiff_t>((*piece)->length));
        if (!info.end_of_message) {
            continue;
        }
        received_.push_back(std::move(*assembling_));
        assembling_.reset();
        if (answer_) {
            if (auto reply = answer_(received_.back())) {
                send(std::move(*reply));
            }
        }
    }
}

void Peer::on_writable(sctp::Association&) {
    flush();
}

void Peer::on_closed(sctp::Association&, sctp::CloseReason reason, const std::string& detail) {
    close_reason_ = reason;
    close_detail_ = detail;
    association_ = nullptr;
}

Node::Node(const std::string& name, const std::string& device, const port::Prefix& address,
           std::vector<port::Route> routes, const Clock& clock, uint64_t seed)
    : clock_(clock), address_(address.address), random_(std::make_unique<SeededRandom>(seed)) {
    port::PortSettings settings;
    settings.name = name;
    settings.device = device;
    settings.addresses = {address};
    settings.routes = std::move(routes);
    settings.mbufs = 8191;
    ports_ = expect(port::PortTable::open({settings}, 1));
    protection_ = expect(keys::ChunkProtection::create({.max_associations = 8192, .workers = 1}));
    rings_ = expect(worker::WorkerRingSet::create(1, kRingSize));
    worker_ = expect(worker::Worker::create({}, *ports_, *protection_, rings_->all()));
    bridge_ = std::make_unique<worker::ControlBridge>(rings_->all(), ports_->control_pool());
    host_ = expect(sctp::Host::create(
        {.workers = 1,
         .max_associations = 8192,
         .unauthenticated = {},
         .cookie_key_rotation = std::chrono::hours(1)},
        {}, *protection_,
        [this](const sctp::OutgoingPacket& packet) {
            return (out_filter_ && !out_filter_(packet)) || bridge_->send(packet);
        },
        clock, *random_));
}

Node::~Node() {
    listener_.reset();
    host_.reset();
}

namespace {

// As operating systems' SCTP does.
sctp::LegSettings plain_node() {
    sctp::LegSettings out;
    out.survives_restart = true;
    return out;
}

}  // namespace

void Node::listen(uint16_t port) {
    listen(port, plain_node(), [this](sctp::Association& a) {
        peers_.push_back(std::make_unique<Peer>(&a));
        peers_.back()->set_answer(answer_);
        return peers_.back().get();
    });
}

void Node::listen(uint16_t port, const sctp::LegSettings& settings, sctp::Host::Accept accept) {
    listener_ = expect(host_->listen(address_, port, 0, settings, 8192, std::move(accept)));
}

Peer& Node::connect(const IpAddress& peer, uint16_t port, uint16_t local_port) {
    peers_.push_back(std::make_unique<Peer>());
    peers_.back()->set_answer(answer_);
    peers_.back()->bind(expect(host_->connect({address_, peer, local_port, port, 0}, plain_node(),
                                              std::chrono::seconds(30), *peers_.back())));
    return *peers_.back();
}

size_t Node::poll() {
    const uint64_t now = cycles_at(clock_.now());
    size_t done = worker_->poll_at(now);
    done += bridge_->poll(256, [this](const sctp::ReceivedPacket& p) {
        if (!in_filter_ || in_filter_(p)) {
            host_->on_packet(p);
        }
    });
    done += host_->run();
    done += worker_->poll_at(now);
    protection_->reclaim();
    return done;
}

}  // namespace sdg::sim
