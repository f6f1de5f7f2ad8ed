// A native endpoint on the simulated trunk that was written from the drafts: stock usrsctp, the
// data plane's API used directly, and key management by test::DraftPeer, which shares nothing with
// the gateway's.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "control/sctp/host.h"
#include "dataplane/keys/chunk_protection.h"
#include "dataplane/packet/code_points.h"
#include "tests/sim/world.h"
#include "tests/support/draft_peer.h"
#include "tests/support/pki.h"

namespace sdg::sim {

inline record::KeyMaterial material(const test::DraftPeer::Keys& keys) {
    record::KeyMaterial out;
    out.suite = *record::suite_from_id(keys.suite);
    out.key = SecretBytes::copy_of(keys.key);
    out.sn_key = SecretBytes::copy_of(keys.sn_key);
    out.iv = SecretBytes::copy_of(keys.iv);
    return out;
}

// One association of the native endpoint: echoes every user message.
class NativeAssociation final : public sctp::AssociationObserver {
 public:
    NativeAssociation(keys::ChunkProtection& protection, const test::Pki& pki)
        : protection_(protection), pki_(pki) {}

    void on_established(sctp::Association& association) override {
        association_ = &association;
        const auto& negotiated = association.negotiated();
        ASSERT_TRUE(negotiated.agreement);
        const bool client = negotiated.agreement->role == keys::KmRole::client;
        const auto own = negotiated.local_parameter->wire();
        const auto other = negotiated.peer_parameter->wire();
        const test::Octets own_octets(own.begin(), own.end());
        const test::Octets other_octets(other.begin(), other.end());
        const keys::AssociationId id = association.id();
        static constexpr auto kPrimary = keys::KeyRole::primary;
        peer.emplace(
            pki_.folder() / "ca.pem", pki_.folder() / "b", client ? own_octets : other_octets,
            client ? other_octets : own_octets,
            test::DraftPeer::Steps{
                .send =
                    [this](const test::Octets& message) {
                        send(0, packet::kPpidKeyManagement, message);
                    },
                .install_read =
                    [this, id](uint16_t epoch, const test::DraftPeer::Keys& keys) {
                        if (old_ != 0) {
                            EXPECT_TRUE(protection_.destroy_receive_key(id, kPrimary, old_));
                        }
                        EXPECT_TRUE(
                            protection_.establish_receive_key(id, kPrimary, epoch, material(keys)));
                    },
                .install_write =
                    [this, id](uint16_t epoch, const test::DraftPeer::Keys& keys) {
                        EXPECT_TRUE(
                            protection_.establish_send_key(id, kPrimary, epoch, material(keys)));
                        EXPECT_TRUE(protection_.select_send_key(id, kPrimary, epoch));
                        old_ = epoch == packet::kFirstEpoch ? 0 : static_cast<uint16_t>(epoch - 1);
                    },
                .require_protection =
                    [this, id] { EXPECT_TRUE(protection_.require_protected_packets(id)); },
                .protection_up = [this] { up = true; }});
        if (client) {
            peer->start();
        }
    }
    void on_readable(sctp::Association& association) override {
        std::vector<uint8_t> buffer(64 * 1024);
        while (true) {
            const auto piece = association.receive(buffer);
            if (!piece || !*piece) {
                return;
            }
            const auto& info = (*piece)->info;
            assembling_.insert(assembling_.end(), buffer.begin(),
                               buffer.begin() + static_cast<ptrdiff_t>((*piece)->length));
            if (!info.end_of_message) {
                continue;
            }
            const test::Octets message = std::exchange(assembling_, {});
            if (info.ppid == packet::kPpidKeyManagement) {
                peer->on_message(message);
            } else {
                EXPECT_TRUE(up) << "a user message came before protection";
                send(info.stream, info.ppid, message);
            }
        }
    }
    void on_writable(sctp::Association&) override { flush(); }
    void on_peer_shutdown(sctp::Association&) override {}
    void on_closed(sctp::Association&, sctp::CloseReason, const std::string&) override {
        association_ = nullptr;
    }

    std::optional<test::DraftPeer> peer;
    bool up = false;

 private:
    struct Waiting {
        sctp::FragmentInfo info;
        test::Octets octets;
        size_t sent = 0;
    };
    void send(uint16_t stream, uint32_t ppid, const test::Octets& octets) {
        waiting_.push_back({{.stream = stream, .ppid = ppid, .end_of_message = true}, octets});
        flush();
    }
    void flush() {
        while (!waiting_.empty() && association_ != nullptr) {
            Waiting& front = waiting_.front();
            const auto taken =
                association_->send(front.info, std::span(front.octets).subspan(front.sent));
            if (!taken) {
                return;
            }
            front.sent += *taken;
            if (front.sent < front.octets.size()) {
                return;
            }
            waiting_.pop_front();
        }
    }

    keys::ChunkProtection& protection_;
    const test::Pki& pki_;
    sctp::Association* association_ = nullptr;
    std::deque<Waiting> waiting_;
    test::Octets assembling_;
    uint16_t old_ = 0;
};

// A node at B's end of a trunk whose world has no gateway B: everybody who connects gets a
// NativeAssociation. Goes before the world.
class NativeNode {
 public:
    explicit NativeNode(World& world) : world_(world) {
        node_.emplace("native", world.trunk.device_b(),
                      port::Prefix{*IpAddress::parse("10.2.0.2"), 24}, std::vector<port::Route>{},
                      world.clock, 77);
        sctp::LegSettings leg;
        leg.key_management = keys::LocalKeyManagement{.methods = {packet::kMethodTls13}};
        node_->listen(kServicePort, leg, [this](sctp::Association&) {
            associations_.push_back(
                std::make_unique<NativeAssociation>(node_->protection(), *world_.pki));
            return associations_.back().get();
        });
        world.also = [this] { node_->poll(); };
    }
    ~NativeNode() {
        world_.trunk.clear();
        world_.also = nullptr;
        node_.reset();
    }
    NativeNode(const NativeNode&) = delete;
    NativeNode& operator=(const NativeNode&) = delete;

    [[nodiscard]] Node& node() { return *node_; }
    [[nodiscard]] const std::vector<std::unique_ptr<NativeAssociation>>& associations() const {
        return associations_;
    }

 private:
    World& world_;
    // Outlive the node, which tells them of its end.
    std::vector<std::unique_ptr<NativeAssociation>> associations_;
    std::optional<Node> node_;
};

}  // namespace sdg::sim
