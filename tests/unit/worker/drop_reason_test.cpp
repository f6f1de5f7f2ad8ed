// Every reason of the table can be hit, and hitting it counts it once per packet and nothing else.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "dataplane/record/dtls_chunk.h"
#include "dataplane/record/open_context.h"
#include "dataplane/record/seal_context.h"
#include "tests/support/hex.h"
#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

using keys::KeyRole;
using packet::kChunkDtls;

// A rig with one protected association and what a test needs to talk to it.
struct Scene {
    explicit Scene(const RigOptions& options = {}) : rig(options) {
        id = rig.add(flow);
        rig.protect(id, 1, 2);
        sender = expect(record::SealContext::create(material(2), 3, false));
        engine = expect(record::RecordEngine::create());
    }
    void send(const Octets& octets) {
        rig.wires[0]->send(octets);
        rig.poll();
    }
    [[nodiscard]] Octets clear(const Octets& chunks) const {
        return frame(inbound, sctp(inbound, chunks));
    }
    // A DTLS chunk around the content as the peer would send it.
    [[nodiscard]] Octets sealed(const Octets& content, record::SealContext* context = nullptr) {
        Octets octets(record::dtls_chunk_length(static_cast<uint32_t>(content.size())));
        std::copy(content.begin(), content.end(), octets.begin() + record::kContentOffset);
        std::array<record::SealRequest, 1> request{};
        request[0].context = context != nullptr ? context : sender.get();
        request[0].record = octets.data() + record::kRecordOffset;
        request[0].content_length = static_cast<uint32_t>(content.size());
        request[0].room = static_cast<uint32_t>(octets.size()) - record::kRecordOffset;
        engine->seal_burst(request);
        record::write_dtls_chunk(octets.data(), request[0].context->restart(),
                                 request[0].record_length);
        return octets;
    }
    // A packet of the control plane with content the bridge would not let through.
    void send_raw(size_t length) {
        rte_mbuf* raw = rte_pktmbuf_alloc(rig.ports->control_pool());
        rte_pktmbuf_append(raw, static_cast<uint16_t>(length));
        worker::PacketMeta& meta = *worker::meta_of(raw);
        meta = {};
        meta.association = id;
        meta.family = IpAddress::Family::v4;
        meta.local = flow.local.octets;
        meta.peer = flow.peer.octets;
        std::memset(rte_pktmbuf_mtod(raw, void*), 0, length);
        rte_ring_enqueue(rig.rings->all()[0].from_control, raw);
        rig.poll();
    }

    Rig rig;
    Flow flow;
    Flow inbound = flow.reversed();
    keys::AssociationId id;
    std::unique_ptr<record::SealContext> sender;
    std::unique_ptr<record::RecordEngine> engine;
};

using Action = std::function<void(Scene&)>;

Octets broken_at(Octets octets, size_t at, uint8_t mask = 0xff) {
    octets[at] = static_cast<uint8_t>(octets[at] ^ mask);
    return octets;
}

constexpr size_t kIp = 14;
constexpr size_t kSctp = kIp + 20;

void fix_ip_checksum(Octets& octets) {
    packet::store_be16(octets.data() + kIp + 10, 0);
    packet::store_be16(octets.data() + kIp + 10,
                       packet::internet_checksum({octets.data() + kIp, 20}));
}

Octets good_data() {
    const Flow inbound = Flow{}.reversed();
    return frame(inbound, sctp(inbound, data_chunk(4)));
}

std::map<DropReason, Action> frame_actions() {
    std::map<DropReason, Action> out;
    out[DropReason::ethernet_truncated] = [](Scene& s) { s.send(Octets(10)); };
    out[DropReason::ethertype_unknown] = [](Scene& s) {
        Octets lldp = good_data();
        packet::store_be16(lldp.data() + 12, 0x88cc);
        s.send(lldp);
    };
    out[DropReason::not_for_us] = [](Scene& s) {
        Flow other = s.inbound;
        other.peer = ip("10.0.0.9");
        s.send(frame(other, sctp(other, data_chunk(4))));
    };
    out[DropReason::ipv4_malformed] = [](Scene& s) {
        Octets longer = good_data();
        packet::store_be16(longer.data() + kIp + 2, 1000);
        fix_ip_checksum(longer);
        s.send(longer);
    };
    out[DropReason::ipv4_checksum] = [](Scene& s) { s.send(broken_at(good_data(), kIp + 10)); };
    out[DropReason::ip_fragment] = [](Scene& s) {
        Octets fragment = good_data();
        packet::store_be16(fragment.data() + kIp + 6, 0x2000);
        fix_ip_checksum(fragment);
        s.send(fragment);
    };
    out[DropReason::ipv6_malformed] = [](Scene& s) {
        Flow v6;
        v6.local = ip("fd00::2");
        v6.peer = ip("fd00::1");
        Octets longer = frame(v6, sctp(v6, data_chunk(4)));
        packet::store_be16(longer.data() + kIp + 4, 1000);
        s.send(longer);
    };
    out[DropReason::ip_protocol] = [](Scene& s) { s.send(frame(s.inbound, Octets(20), {{}, 17})); };
    out[DropReason::sctp_truncated] = [](Scene& s) { s.send(frame(s.inbound, Octets(12))); };
    out[DropReason::sctp_checksum] = [](Scene& s) { s.send(broken_at(good_data(), kSctp + 8)); };
    out[DropReason::sctp_ports] = [](Scene& s) {
        Flow zero = s.inbound;
        zero.local_port = 0;
        s.send(frame(zero, sctp(zero, data_chunk(4))));
    };
    out[DropReason::chunk_malformed] = [](Scene& s) { s.send(s.clear({0, 3, 0, 3})); };
    out[DropReason::frame_too_long] = [](Scene& s) {
        s.send(frame(s.inbound, sctp(s.inbound, data_chunk(1500))));
    };
    out[DropReason::vlan_mismatch] = [](Scene& s) {
        s.send(frame(s.inbound, sctp(s.inbound, data_chunk(4)), {7}));
    };
    out[DropReason::source_address] = [](Scene& s) {
        Flow reflected = s.inbound;
        reflected.local = s.flow.local;
        s.send(frame(reflected, sctp(reflected, data_chunk(4))));
    };
    out[DropReason::arp_ignored] = [](Scene& s) {
        s.send(
            from_hex("ffffffffffff02000000000b0806000108000604000102000000000b0a0000020000000000"
                     "000a000063"));
    };
    out[DropReason::icmp_ignored] = [](Scene& s) {
        s.send(frame(s.inbound, from_hex("0301fcfe0000000000000000"), {{}, 1}));
    };
    out[DropReason::neighbour_rate_limited] = [](Scene& s) {
        const auto question = [](uint8_t asker, uint8_t mac) {
            Octets arp = from_hex(
                "ffffffffffff02000000000b0806000108000604000102000000000b0a0000020000000000000a0000"
                "01");
            arp[31] = asker;
            arp[11] = arp[27] = mac;
            return arp;
        };
        for (uint64_t i = 0; i <= port::PortTable::kAnswersAtOnce; ++i) {
            s.rig.wires[0]->send(question(static_cast<uint8_t>(10 + i % 200), 0x0c));
        }
        s.rig.wires[0]->send(question(2, 0x0b));  // a neighbour of the table
        for (int i = 0; i < 10; ++i) {
            s.rig.poll_at(1'000'000);
        }
        EXPECT_EQ(s.rig.workers[0]->counters().arp_answered.load(),
                  port::PortTable::kAnswersAtOnce + 1)
            << "a neighbour in use gets its answer in any flood";
    };
    out[DropReason::icmp_rate_limited] = [](Scene& s) {
        const Octets ping = from_hex("0800ceb1123400057369676e616c6c696e67");
        for (uint64_t i = 0; i <= port::PortTable::kAnswersAtOnce; ++i) {
            s.rig.wires[0]->send(frame(s.inbound, ping, {{}, 1}));
        }
        for (int i = 0; i < 10; ++i) {
            s.rig.poll_at(1'000'000);
        }
        EXPECT_EQ(s.rig.workers[0]->counters().icmp_answered.load(),
                  port::PortTable::kAnswersAtOnce);
    };
    return out;
}

std::map<DropReason, Action> record_actions() {
    std::map<DropReason, Action> out;
    out[DropReason::dtls_bundled] = [](Scene& s) {
        Octets both = s.sealed(data_chunk(4));
        const Octets more = data_chunk(4);
        both.insert(both.end(), more.begin(), more.end());
        s.send(s.clear(both));
    };
    out[DropReason::dtls_malformed] = [](Scene& s) {
        s.send(s.clear(broken_at(s.sealed(data_chunk(4)), record::kRecordOffset, 0x04)));
    };
    out[DropReason::dtls_no_association] = [](Scene& s) {
        Flow other = s.inbound;
        other.peer_tag = 7;
        s.send(frame(other, sctp(other, s.sealed(data_chunk(4)))));
    };
    out[DropReason::dtls_no_key] = [](Scene& s) {
        const auto next = expect(record::SealContext::create(material(9), 4, false));
        s.send(s.clear(s.sealed(data_chunk(4), next.get())));
    };
    out[DropReason::dtls_restart_unsupported] = [](Scene& s) {
        const auto restart = expect(record::SealContext::create(material(9), 3, true));
        s.send(s.clear(s.sealed(data_chunk(4), restart.get())));
    };
    out[DropReason::record_replayed] = [](Scene& s) {
        const Octets once = s.clear(s.sealed(data_chunk(4)));
        s.send(once);
        s.send(once);
        EXPECT_EQ(s.rig.received().size(), 1U);
    };
    out[DropReason::record_forged] = [](Scene& s) {
        s.send(s.clear(broken_at(s.sealed(data_chunk(4)), record::kContentOffset + 6, 0x01)));
    };
    out[DropReason::record_content] = [](Scene& s) {
        s.send(s.clear(s.sealed(chunk(kChunkDtls, Octets(24)))));
        EXPECT_EQ(s.rig.received().size(), 0U) << "a DTLS chunk inside a DTLS chunk";
    };
    out[DropReason::receive_key_exhausted] = [](Scene& s) {
        record::OpenContext::Options once;
        once.open_failure_limit = 1;
        const auto limited = expect(record::OpenContext::create(material(2), 3, false, once));
        auto& slot = s.rig.entry(s.id).receive[0][3];
        record::OpenContext* before = slot.exchange(limited.get());
        s.send(s.clear(broken_at(s.sealed(data_chunk(4)), record::kContentOffset + 6, 0x01)));
        s.send(s.clear(s.sealed(data_chunk(4))));
        slot.store(before);
    };
    out[DropReason::clear_when_protected] = [](Scene& s) {
        ASSERT_TRUE(s.rig.protection->require_protected_packets(s.id));
        s.send(s.clear(data_chunk(4)));
    };
    return out;
}

std::map<DropReason, Action> transmit_actions() {
    std::map<DropReason, Action> out;
    out[DropReason::send_key_exhausted] = [](Scene& s) {
        record::SealContext::Options once;
        once.seal_limit = 1;
        const auto limited = expect(record::SealContext::create(material(1), 3, false, once));
        auto& slot = s.rig.entry(s.id).selected_send;
        record::SealContext* before = slot.exchange(limited.get());
        s.rig.send(s.flow, data_chunk(4), s.id);
        s.rig.send(s.flow, data_chunk(4), s.id);
        s.rig.poll();
        slot.store(before);
    };
    out[DropReason::seal_no_key] = [](Scene& s) {
        ASSERT_TRUE(s.rig.protection->require_protected_packets(s.id));
        ASSERT_TRUE(s.rig.protection->destroy_send_key(s.id, KeyRole::primary, 3));
        s.rig.send(s.flow, data_chunk(4), s.id);
        s.rig.send(s.flow, chunk(packet::kChunkInit, Octets(16)), s.id);
        s.rig.poll();
        EXPECT_EQ(s.rig.wires[0]->take().size(), 1U) << "an INIT may still leave";
    };
    out[DropReason::seal_too_long] = [](Scene& s) {
        s.send_raw(rte_pktmbuf_data_room_size(s.rig.ports->control_pool()) -
                   size_t{RTE_PKTMBUF_HEADROOM});
    };
    out[DropReason::no_route] = [](Scene& s) {
        Flow far = s.flow;
        far.peer = ip("198.51.100.1");
        s.rig.send(far, data_chunk(4));
        s.rig.poll();
    };
    out[DropReason::neighbour_unresolved] = [](Scene& s) {
        Flow silent = s.flow;
        silent.peer = ip("10.0.0.9");
        for (size_t i = 0; i <= port::NeighbourTable::kHeldPerNeighbour; ++i) {
            s.rig.send(silent, data_chunk(4));
        }
        s.rig.poll();
    };
    out[DropReason::no_mbuf] = [](Scene& s) {
        Flow silent = s.flow;
        silent.peer = ip("10.0.0.9");
        s.rig.send(silent, data_chunk(4));
        std::vector<rte_mbuf*> hoard;
        while (rte_mbuf* one = rte_pktmbuf_alloc(s.rig.ports->control_pool())) {
            hoard.push_back(one);
        }
        EXPECT_FALSE(s.rig.send(silent, data_chunk(4))) << "the control plane sees it too";
        EXPECT_EQ(s.rig.bridge->counters().send_no_mbuf, 1U);
        s.rig.poll();
        rte_pktmbuf_free_bulk(hoard.data(), static_cast<unsigned>(hoard.size()));
        s.rig.send(s.flow, data_chunk(4));
        s.rig.poll();
        EXPECT_EQ(s.rig.wires[0]->take().size(), 1U) << "recovers by itself";
    };
    out[DropReason::association_gone] = [](Scene& s) {
        s.rig.protection->remove(s.id);
        s.rig.send(s.flow, data_chunk(4), s.id);
        s.rig.poll();
    };
    return out;
}

// Those that need a gateway of another size.
struct Sized {
    RigOptions options;
    Action action;
};

std::map<DropReason, Sized> sized_actions() {
    std::map<DropReason, Sized> out;
    RigOptions small;
    small.ring_packets = 8;
    out[DropReason::ring_full_to_control] = {small, [](Scene& s) {
                                                 for (int i = 0; i < 9; ++i) {
                                                     s.rig.wires[0]->send(s.clear(data_chunk(4)));
                                                 }
                                                 s.rig.poll();
                                                 EXPECT_EQ(s.rig.received().size(), 8U);
                                                 s.send(s.clear(data_chunk(4)));
                                                 EXPECT_EQ(s.rig.received().size(), 1U)
                                                     << "recovers by itself";
                                             }};
    RigOptions two = small;
    two.workers = 2;
    two.queues = {2};
    out[DropReason::ring_full_handover] = {two, [](Scene& s) {
                                               for (int i = 0; i < 9; ++i) {
                                                   s.rig.wires[0]->send(
                                                       s.clear(s.sealed(data_chunk(4))), 1);
                                               }
                                               s.rig.workers[1]->poll_once();
                                               s.rig.workers[0]->poll_once();
                                               EXPECT_EQ(s.rig.received().size(), 8U);
                                           }};
    const auto limited = [](worker::StrangerLimits limits, uint8_t type) {
        RigOptions options;
        options.strangers = limits;
        return Sized{
            options, [type](Scene& s) {
                Flow stranger = s.inbound;
                stranger.peer_tag = 7;
                const Octets octets = chunk(type, Octets(16));
                for (int i = 0; i < 4; ++i) {
                    s.rig.wires[0]->send(frame(stranger, sctp(stranger, octets, type == 1)));
                }
                s.rig.poll_at(1'000'000);
                EXPECT_EQ(s.rig.received().size(), 3U);
                s.rig.poll_at(1'000'000 + rte_get_tsc_hz());
                s.rig.wires[0]->send(frame(stranger, sctp(stranger, octets, type == 1)));
                s.rig.poll_at(1'000'000 + rte_get_tsc_hz());
                EXPECT_EQ(s.rig.received().size(), 1U) << "recovers by itself";
            }};
    };
    out[DropReason::source_rate_limited] = limited({.source = 3}, packet::kChunkInit);
    out[DropReason::init_rate_limited] = limited({.inits = 3}, packet::kChunkInit);
    out[DropReason::cookie_rate_limited] = limited({.cookies = 3}, packet::kChunkCookieEcho);
    out[DropReason::stray_rate_limited] = limited({.strays = 3}, packet::kChunkHeartbeat);
    RigOptions narrow;
    narrow.wire_packets = 4;
    out[DropReason::transmit_full] = {narrow, [](Scene& s) {
                                          for (int i = 0; i < 4; ++i) {
                                              s.rig.send(s.flow, data_chunk(4), s.id);
                                          }
                                          s.rig.poll();
                                          EXPECT_EQ(s.rig.wires[0]->take().size(), 3U);
                                          s.rig.send(s.flow, data_chunk(4), s.id);
                                          s.rig.poll();
                                          EXPECT_EQ(s.rig.wires[0]->take().size(), 1U)
                                              << "recovers by itself";
                                      }};
    return out;
}

void run(DropReason reason, const RigOptions& options, const Action& action) {
    SCOPED_TRACE(packet::name(reason));
    Scene scene(options);
    action(scene);
    EXPECT_EQ(scene.rig.drops(reason), 1U);
    // The one that exhausts a key by failing first counts as forged.
    const uint64_t others = reason == DropReason::receive_key_exhausted ? 1 : 0;
    EXPECT_EQ(scene.rig.all_drops(), 1U + others);
}

TEST(DropReasons, every_reason_is_hit) {
    size_t covered = 0;
    for (const auto& group : {frame_actions(), record_actions(), transmit_actions()}) {
        for (const auto& [reason, action] : group) {
            run(reason, {}, action);
            ++covered;
        }
    }
    for (const auto& [reason, sized] : sized_actions()) {
        run(reason, sized.options, sized.action);
        ++covered;
    }
    EXPECT_EQ(covered, packet::kDropReasonCount - 1) << "a reason without an action";
}

// The association lives on whatever arrives.
TEST(DropReasons, an_association_survives_all_of_it) {
    Scene scene;
    SeededRandom random(7);
    for (int round = 0; round < 2000; ++round) {
        Octets octets = scene.clear(scene.sealed(data_chunk(random.u32() % 64)));
        const size_t at = kSctp + random.u32() % (octets.size() - kSctp);
        octets[at] = static_cast<uint8_t>(octets[at] ^ (1U << (random.u32() % 8)));
        if (random.u32() % 2 == 0) {
            packet::set_checksum(std::span(octets).subspan(kSctp));
        }
        if (random.u32() % 8 == 0) {
            octets.resize(random.u32() % octets.size());
        }
        scene.send(octets);
        for (const Received& one : scene.rig.received()) {
            EXPECT_TRUE(!one.opened || one.chunks[0] == packet::kChunkData);
        }
    }
    scene.send(scene.clear(scene.sealed(data_chunk(9))));
    const auto got = scene.rig.received();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_TRUE(got[0].opened);
    EXPECT_EQ(got[0].chunks, data_chunk(9));
}

TEST(DropReasons, a_frame_in_several_buffers_is_refused) {
    Scene scene;
    const Octets octets = good_data();
    rte_mbuf* head = scene.rig.wires[0]->make_frame(std::span(octets).first(40));
    rte_mbuf* tail = scene.rig.wires[0]->make_frame(std::span(octets).subspan(40));
    rte_pktmbuf_chain(head, tail);
    scene.rig.wires[0]->send(head);
    scene.rig.poll();
    EXPECT_EQ(scene.rig.drops(DropReason::frame_too_long), 1U);
}

TEST(DropReasons, a_frame_to_another_link_address_is_not_ours) {
    Scene scene;
    Octets octets = good_data();
    octets[5] = 0x77;
    scene.send(octets);
    EXPECT_EQ(scene.rig.drops(DropReason::not_for_us), 1U);
}

}  // namespace
}  // namespace sdg::test
