// A sctp::Host in memory: associations whose other end is the test.
#pragma once

#include <algorithm>
#include <deque>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "control/sctp/host.h"

namespace sdg::relay {

struct FakePiece {
    sctp::FragmentInfo info;
    std::vector<uint8_t> octets;
};

class FakeAssociation final : public sctp::Association {
 public:
    sctp::AssociationObserver* observer = nullptr;
    sctp::Endpoints where;
    sctp::Negotiated settled;
    keys::AssociationId number;
    std::deque<FakePiece> incoming;   // what receive() will give
    std::vector<FakePiece> outgoing;  // what send() took
    size_t room = SIZE_MAX;           // octets that send() still takes
    size_t unsent = 0;
    uint16_t streams = 16;
    bool established = false;
    bool shut_down = false;
    bool refuses_messages = false;  // as after the peer's SHUTDOWN
    size_t heartbeats = 0;
    std::string aborted_with;

    void establish() {
        established = true;
        observer->on_established(*this);
    }
    void arrive(FakePiece piece) {
        incoming.push_back(std::move(piece));
        observer->on_readable(*this);
    }
    void close(sctp::CloseReason reason) {
        established = false;
        observer->on_closed(*this, reason, "test");
    }

    [[nodiscard]] const sctp::Endpoints& endpoints() const override { return where; }
    [[nodiscard]] const sctp::Negotiated& negotiated() const override { return settled; }
    [[nodiscard]] keys::AssociationId id() const override { return number; }
    [[nodiscard]] unsigned owner_worker() const override { return 0; }
    [[nodiscard]] bool is_established() const override { return established; }
    [[nodiscard]] uint16_t inbound_streams() const override { return streams; }
    [[nodiscard]] uint16_t outbound_streams() const override { return streams; }
    [[nodiscard]] Result<size_t> send(const sctp::FragmentInfo& info,
                                      std::span<const uint8_t> octets) override {
        if (refuses_messages) {
            return fail(ErrorCode::unavailable, "takes no messages any more");
        }
        const size_t taken = std::min(room, octets.size());
        room -= taken;
        sctp::FragmentInfo told = info;
        told.end_of_message = info.end_of_message && taken == octets.size();
        if (taken > 0) {
            outgoing.push_back(
                {told, {octets.begin(), octets.begin() + static_cast<ptrdiff_t>(taken)}});
        }
        return taken;
    }
    [[nodiscard]] Result<std::optional<Received>> receive(std::span<uint8_t> buffer) override {
        if (incoming.empty()) {
            return std::optional<Received>{};
        }
        const FakePiece piece = incoming.front();
        incoming.pop_front();
        std::copy(piece.octets.begin(), piece.octets.end(), buffer.begin());
        return std::optional<Received>(Received{piece.info, piece.octets.size()});
    }
    [[nodiscard]] size_t unsent_octets() const override { return unsent; }
    void shutdown() override { shut_down = true; }
    void abort(std::string_view text) override { aborted_with = text; }
    void request_heartbeat() override { ++heartbeats; }
    void allow_restart() override { ++restarts_allowed; }
    void refuse_restart() override { ++restarts_refused; }
    size_t restarts_allowed = 0;
    size_t restarts_refused = 0;
};

// What the host takes INITs at: where, and with which limit.
struct FakeDoor {
    IpAddress address;
    uint16_t port = 0;
    uint32_t max_associations = 0;
    bool is_active = false;
    sctp::Host::Accept accept;
};

class FakeListener final : public sctp::Listener {
 public:
    FakeListener(std::list<FakeDoor>& all, std::list<FakeDoor>::iterator door)
        : all_(all), door_(door) {}
    ~FakeListener() override { all_.erase(door_); }
    FakeListener(const FakeListener&) = delete;
    FakeListener& operator=(const FakeListener&) = delete;
    void activate() override { door_->is_active = true; }
    void set_max_associations(uint32_t max_associations) override {
        door_->max_associations = max_associations;
    }

 private:
    std::list<FakeDoor>& all_;
    std::list<FakeDoor>::iterator door_;
};

class FakeHost final : public sctp::Host {
 public:
    std::list<FakeDoor> doors;              // prepared or active, in the order they were made
    size_t prepared = 0;                    // ever
    std::optional<size_t> refuse_listener;  // the one that cannot be prepared, counted as above
    // At the first door.
    [[nodiscard]] sctp::AssociationObserver* accept(sctp::Association& association) {
        return doors.empty() ? nullptr : doors.front().accept(association);
    }
    std::vector<std::unique_ptr<FakeAssociation>> connected;
    bool refuse_connect = false;

    [[nodiscard]] Result<std::unique_ptr<sctp::Listener>> prepare_listener(
        const IpAddress& address, uint16_t port, uint16_t, const sctp::LegSettings&,
        uint32_t max_associations, Accept handler) override {
        if (refuse_listener == prepared++) {
            return fail(ErrorCode::resource_exhausted, "too many listeners");
        }
        doors.push_back({address, port, max_associations, false, std::move(handler)});
        return std::make_unique<FakeListener>(doors, std::prev(doors.end()));
    }
    [[nodiscard]] Result<std::unique_ptr<sctp::Listener>> listen(
        const IpAddress& address, uint16_t port, uint16_t gateway_port,
        const sctp::LegSettings& settings, uint32_t max_associations, Accept handler) override {
        auto made = prepare_listener(address, port, gateway_port, settings, max_associations,
                                     std::move(handler));
        if (made) {
            (*made)->activate();
        }
        return made;
    }
    [[nodiscard]] Result<sctp::Association*> connect(const sctp::Endpoints& endpoints,
                                                     const sctp::LegSettings&,
                                                     std::chrono::milliseconds,
                                                     sctp::AssociationObserver& observer,
                                                     const sctp::RestartStart* restart) override {
        if (refuse_connect) {
            return fail(ErrorCode::resource_exhausted, "no port left");
        }
        restarts.push_back(restart != nullptr ? std::optional(restart->epoch) : std::nullopt);
        connected.push_back(std::make_unique<FakeAssociation>());
        connected.back()->where = endpoints;
        connected.back()->observer = &observer;
        return connected.back().get();
    }
    void hold(const sctp::FourTuple& tuple) override { held.push_back(tuple); }
    void release(const sctp::FourTuple& tuple) override { std::erase(held, tuple); }
    std::vector<std::optional<uint16_t>> restarts;  // of connect(): epoch of the restart keys
    std::vector<sctp::FourTuple> held;
    void on_packet(const sctp::ReceivedPacket&) override {}
    size_t run() override { return 0; }
    [[nodiscard]] size_t association_count() const override { return connected.size(); }
    [[nodiscard]] const sctp::HostCounters& counters() const override { return counters_; }

 private:
    sctp::HostCounters counters_;
};

}  // namespace sdg::relay
