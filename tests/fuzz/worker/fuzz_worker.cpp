// One worker with its port: what arrives from the wire, at any stage it can reach. The input is a
// list of steps: frames of any octets, SCTP or ICMP behind right headers, records that the worker
// itself has sealed and that come back changed, packets of the control plane, time.
//
// Every packet buffer comes back, whatever happens; a frame is answered, handed over or counted as
// dropped; questions do not make neighbour entries.
#include <rte_mempool.h>

#include "dataplane/packet/frame.h"
#include "dataplane/port/icmp.h"
#include "tests/fuzz/packet/require.h"
#include "tests/fuzz/steps.h"
#include "tests/unit/worker/rig.h"

namespace {

using namespace sdg;
using namespace sdg::test;
using fuzz::require;

enum What : uint8_t {
    kFrame,   // any octets
    kSctp,    // chunks behind right headers: [flow, tag zero, ...]
    kIcmp,    // ICMP or ICMPv6 with a right checksum: [version, ...]
    kArp,     // behind an Ethernet header
    kSealed,  // a record of ours, sent back: [length, (at, at, xor)...]
    kSend,    // of the control plane: [to whom, clear, length, length]
    kTime,    // [tenths of a second]
    kMany,    // any octets, eight times so often: [how often, ...]
    kKeys,    // the other association gets keys, or loses them, or what may come in clear changes
    kKinds
};

uint8_t at(std::span<const uint8_t> content, size_t index) {
    return index < content.size() ? content[index] : uint8_t{0};
}

class Bench {
 public:
    Bench() {
        RigOptions options;
        options.restart = true;
        options.static_neighbour = false;
        options.announce = true;
        options.workers = 2;
        rig_.emplace(options);
        rig_->poll();
        static_cast<void>(rig_->wires[0]->take());
    }

    void run(std::span<const uint8_t> input) {
        mine_ = rig_->add(flow_);
        theirs_ = rig_->add(flow_.reversed(), 1);
        for (const auto id : {mine_, theirs_}) {
            rig_->protect(id, 1, 1);
            require(rig_->protection->set_restart_supported(id, true).has_value());
        }
        fuzz::Steps steps(input);
        fuzz::Step step;
        for (int i = 0; i < 200 && steps.next(step); ++i) {
            act(step);
        }
        // Neighbours are given up (a round looks at a sixteenth of them), buffers come back.
        for (int i = 0; i < 160; ++i) {
            pass(hz_ * 10);
        }
        for (const auto id : {mine_, theirs_}) {
            rig_->protection->remove(id);
        }
        rig_->poll_at(now_);
        rig_->protection->reclaim();
        require(rig_->protection->size() == 0);
        require(rig_->ports->port(0).neighbours->held() == 0);
        require(rte_mempool_in_use_count(rig_->ports->control_pool()) == 0);
        require(rig_->wires[0]->in_use() == 0);
    }

 private:
    void act(const fuzz::Step& step) {
        const auto content = step.content;
        switch (static_cast<What>(step.what % kKinds)) {
            case kFrame:
                arrives({content.begin(), content.end()});
                break;
            case kSctp: {
                const Flow from = (at(content, 0) & 1) == 0 ? flow_.reversed() : flow_;
                const Octets payload =
                    sdg::test::sctp(from, rest(content, 2), (at(content, 1) & 1) != 0);
                arrives(frame(v6((at(content, 0) & 2) != 0), payload));
                break;
            }
            case kIcmp:
                arrives(icmp((at(content, 0) & 1) != 0, rest(content, 1)));
                break;
            case kArp: {
                Octets out(12, 0xff);
                std::copy(kMacB.begin(), kMacB.end(), out.begin() + 6);
                out.insert(out.end(), {0x08, 0x06, 0, 1, 8, 0, 6, 4});
                out.insert(out.end(), content.begin(), content.end());
                arrives(out);
                break;
            }
            case kSealed:
                sealed(content);
                break;
            case kSend: {
                Flow to = v6((at(content, 0) & 1) != 0);
                std::swap(to.local, to.peer);
                to.peer.octets[to.peer.size() - 1] = at(content, 0);
                const size_t length = (size_t{at(content, 2)} << 8 | at(content, 3)) % 1600;
                static_cast<void>(
                    rig_->send(to, data_chunk(length),
                               (at(content, 1) & 2) != 0 ? mine_ : keys::AssociationId{}, 0, 0,
                               (at(content, 1) & 1) != 0));
                break;
            }
            case kMany:
                for (unsigned i = 0; i < at(content, 0) * 8U; ++i) {
                    arrives(rest(content, 1));
                }
                break;
            case kTime:
                pass(hz_ / 10 * at(content, 0));
                break;
            default:
                if ((at(content, 0) & 4) != 0) {
                    static_cast<void>(rig_->protection->set_clear_policy(
                        (at(content, 0) & 1) != 0 ? mine_ : theirs_,
                        static_cast<keys::ClearPolicy>(at(content, 1) % 3)));
                } else if ((at(content, 0) & 1) != 0) {
                    static_cast<void>(
                        rig_->protection->destroy_receive_key(theirs_, keys::KeyRole::primary, 3));
                } else {
                    const auto role =
                        (at(content, 0) & 2) != 0 ? keys::KeyRole::restart : keys::KeyRole::primary;
                    static_cast<void>(rig_->protection->establish_receive_key(
                        theirs_, role, static_cast<uint16_t>(4 + at(content, 1) % 4), material(2)));
                }
        }
        pass(hz_ / 1000);
    }

    void arrives(const Octets& octets) {
        if (octets.empty() || octets.size() > 2000) {
            return;
        }
        const size_t neighbours = rig_->ports->port(0).neighbours->size();
        const uint64_t before = rig_->all_drops() + answered() + taken_;
        rig_->wires[0]->send(octets);
        pass(1);
        const auto kind = packet::parse(octets).kind;
        // What ARP and neighbour discovery teach is used up without an answer.
        if (kind == packet::FrameKind::sctp || kind == packet::FrameKind::dropped) {
            require(rig_->all_drops() + answered() + taken_ > before);
        }
        require(rig_->ports->port(0).neighbours->size() <= neighbours);
    }

    [[nodiscard]] uint64_t answered() const {
        const auto& counters = rig_->workers[0]->counters();
        return counters.arp_answered.load() + counters.icmp_answered.load();
    }

    // A record that our association has made for its peer, which is the other one.
    void sealed(std::span<const uint8_t> content) {
        const size_t length = at(content, 0) * 6U;
        const Octets teach = arp_reply(flow_.peer);
        if (!rig_->send(flow_, data_chunk(length), mine_)) {
            return;
        }
        pass(1);
        rig_->wires[0]->send(teach);
        pass(1, false);
        for (Octets& out : rig_->wires[0]->take()) {
            const auto parsed = packet::parse(out);
            if (parsed.kind != packet::FrameKind::sctp ||
                parsed.first_chunk != packet::kChunkDtls) {
                continue;
            }
            Octets payload(out.begin() + parsed.l4_offset,
                           out.begin() + parsed.l4_offset + parsed.l4_length);
            const auto edits = content.subspan(std::min<size_t>(content.size(), 1));
            for (size_t i = 0; i + 2 < edits.size(); i += 3) {
                payload[(size_t{edits[i]} << 8 | edits[i + 1]) % payload.size()] ^= edits[i + 2];
            }
            packet::set_checksum(payload);
            arrives(frame(v6(false), payload));
        }
    }

    static Octets arp_reply(const IpAddress& of) {
        Octets out(kMacA.begin(), kMacA.end());
        out.insert(out.end(), kMacB.begin(), kMacB.end());
        out.insert(out.end(), {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2});
        out.insert(out.end(), kMacB.begin(), kMacB.end());
        out.insert(out.end(), of.octets.begin(), of.octets.begin() + 4);
        out.insert(out.end(), kMacA.begin(), kMacA.end());
        out.insert(out.end(), {10, 0, 0, 1});
        return out;
    }

    // From the neighbour to us.
    static Flow v6(bool want) {
        Flow out;
        out.local = sdg::test::ip(want ? "fd00::2" : "10.0.0.2");
        out.peer = sdg::test::ip(want ? "fd00::1" : "10.0.0.1");
        return out;
    }
    static Octets rest(std::span<const uint8_t> content, size_t from) {
        const auto out = content.subspan(std::min(content.size(), from));
        return {out.begin(), out.end()};
    }
    static Octets icmp(bool six, Octets message) {
        FrameOptions options;
        options.protocol = six ? packet::kIpProtocolIcmp6 : packet::kIpProtocolIcmp;
        const Flow flow = v6(six);
        if (message.size() >= 4) {
            packet::store_be16(message.data() + 2, 0);
            packet::store_be16(message.data() + 2,
                               six ? port::icmp6_checksum(flow.local, flow.peer, message)
                                   : packet::internet_checksum(message));
        }
        Octets out = frame(flow, message, options);
        if (six && message.size() > 8) {
            out[14 + 7] = 255;
        }
        return out;
    }

    void pass(uint64_t cycles, bool take = true) {
        now_ += cycles;
        rig_->poll_at(now_);
        taken_ += rig_->received().size();
        if (take) {
            static_cast<void>(rig_->wires[0]->take());
        }
    }

    std::optional<Rig> rig_;
    const Flow flow_;
    keys::AssociationId mine_;
    keys::AssociationId theirs_;
    const uint64_t hz_ = (eal(), rte_get_tsc_hz());  // known once EAL runs
    uint64_t now_ = rte_get_tsc_cycles();
    uint64_t taken_ = 0;
};

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
    return fuzz::mutate_steps(data, size, max_size, seed, 0, kKinds);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // For good: devices are the process's.
    static auto* const bench = new Bench;
    bench->run({data, size});
    return 0;
}
