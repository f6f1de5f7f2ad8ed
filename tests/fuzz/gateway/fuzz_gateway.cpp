// The whole picture: two plain nodes, two gateways, three simulated links (tests/sim), and a script
// of what nodes, operators, time and an attacker on the link between the gateways do. The attacker
// loses, repeats, reflects, changes and invents packets, with a right CRC32c, but has no keys. A
// gateway that has gone bad has them: it sends key management and user messages when it should not.
//
// Whatever the script says: no message arrives altered, twice, out of its order or at the wrong
// node; no record number is used twice; what the attacker forges is counted as dropped; and when
// everybody has gone, both gateways hold no association, no key and no packet buffer any more.
//
// usrsctp and EAL live as long as the process, and usrsctp draws its own random numbers: the same
// input may take another path in another process. A finding is replayed with its whole run
// (docs/fuzzing.md).
#include <rte_mempool.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "control/relay/pair.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/ipv4.h"
#include "tests/fuzz/packet/require.h"
#include "tests/fuzz/steps.h"
#include "tests/sim/nonce_watch.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace {

using namespace sdg;
using namespace sdg::sim;
using fuzz::require;
using std::chrono::milliseconds;
using Direction = Link::Direction;

enum What : uint8_t {
    kRun,       // time goes on: [steps, how long one is, less 1, in 500 us]
    kMessage,   // of a client: [client, stream and order, length, length]
    kConnect,   // another client
    kForge,     // a recorded packet, changed: [direction, which, (at, at, xor)...]
    kReplay,    // a recorded packet as it was: [direction, which]
    kReflect,   // the same, back to who sent it: [direction, which]
    kInvent,    // chunks in clear behind the header of a recorded packet: [direction, which, ...]
    kFrame,     // any octets as a frame: [link and direction, ...]
    kWeather,   // of the trunk: [loss, duplicate, corrupt, reorder] in 1/1024
    kBlackout,  // the next packets of one direction are lost: [direction, number]
    kRekey,     // [gateway]
    kEnd,       // of a node: [which of them, shutdown or abort, client or server]
    kStall,     // the server stops reading, or reads again: [client]
    kReload,    // credentials: [gateway]
    kKill,      // a gateway, and it is started again: [gateway]; with restart stores only
    kNode,      // a node's packet on the access link, changed: [(at, at, xor)...]
    kPair,      // the operator closes the first, or has it authenticated anew: [gateway, how]
    kDrain,     // no new associations any more: [gateway]
    kNasty,     // a gateway that has gone bad: [gateway, stream and how, length, length, octets...]
    kRefuse,    // a restart store fails, or works again: [gateway, what]
    kKinds
};

constexpr size_t kOptions = 2;
constexpr size_t kMostClients = 3;
constexpr size_t kRecorded = 32;

uint8_t at(std::span<const uint8_t> content, size_t index) {
    return index < content.size() ? content[index] : uint8_t{0};
}

Direction direction_of(uint8_t octet) {
    return (octet & 1) == 0 ? Direction::a_to_b : Direction::b_to_a;
}

// Content that tells whose message it is, and which.
Message message(uint8_t client, uint16_t number, uint8_t how, size_t length) {
    Message out;
    out.stream = static_cast<uint16_t>((how & 7) + ((how & 32) != 0 ? 8 : 0));
    out.unordered = (how & 8) != 0;
    out.ppid = (how & 16) != 0 ? packet::kPpidKeyManagement : 60;
    out.octets.resize(4 + length);
    SeededRandom random(uint64_t{client} << 16 | number);
    random.fill(out.octets);
    out.octets[0] = client;
    out.octets[1] = static_cast<uint8_t>(number >> 8);
    out.octets[2] = static_cast<uint8_t>(number);
    out.octets[3] = how;
    return out;
}

// Every message that comes is one that was sent, once, and in the order of its stream.
class Ledger {
 public:
    void sent(const Message& m) { sent_.emplace(key(m), m); }
    void take(const std::vector<Message>& received, size_t& seen) {
        for (; seen < received.size(); ++seen) {
            const Message& m = received[seen];
            const auto found = sent_.find(key(m));
            require(found != sent_.end() && found->second == m);
            require(arrived_.insert(key(m)).second);
            if (!m.unordered) {
                uint32_t& last = last_[{m.octets[0], m.stream}];
                require(last < key(m));
                last = key(m);
            }
        }
    }

 private:
    // One more than client and number, so that 0 is before everything.
    static uint32_t key(const Message& m) {
        require(m.octets.size() >= 4);
        return (uint32_t{m.octets[0]} << 16 | uint32_t{m.octets[1]} << 8 | m.octets[2]) + 1;
    }
    std::map<uint32_t, Message> sent_;
    std::set<uint32_t> arrived_;
    std::map<std::pair<uint8_t, uint16_t>, uint32_t> last_;
};

uint64_t drops(const gateway::Gateway& gateway) {
    uint64_t sum = 0;
    for (size_t r = 1; r < packet::kDropReasonCount; ++r) {
        sum += gateway.drops(static_cast<packet::DropReason>(r));
    }
    return sum;
}

// Checksums as the sender would have made them.
void make_right(std::vector<uint8_t>& frame) {
    const auto parsed = packet::parse(frame);
    if (parsed.kind == packet::FrameKind::sctp) {
        packet::set_checksum(std::span(frame).subspan(parsed.l4_offset, parsed.l4_length));
    }
}

void change(std::span<uint8_t> octets, std::span<const uint8_t> edits) {
    for (size_t i = 0; i + 2 < edits.size() && !octets.empty(); i += 3) {
        octets[(size_t{edits[i]} << 8 | edits[i + 1]) % octets.size()] ^= edits[i + 2];
    }
}

class Script {
 public:
    // options, more: what world it is in, and whether it begins before everybody is up.
    Script(uint8_t options, uint8_t more)
        : restarts_((options & 4) != 0), world_(settings(options, more)) {
        world_.trunk.set_tap([this](Direction direction, std::span<const uint8_t> frame) {
            record(direction, frame);
        });
        world_.trunk.set_filter([this](Direction direction, std::span<uint8_t>) {
            unsigned& left = lost_[direction == Direction::a_to_b ? 0 : 1];
            return left == 0 || left-- == 0;
        });
        world_.access.set_tap([this](Direction direction, std::span<const uint8_t> frame) {
            if (direction == Direction::a_to_b) {
                node_packet_.assign(frame.begin(), frame.end());
            }
        });
        world_.server->set_answer([](const Message& m) { return std::optional(m); });
        connect();
        // Up, usually: a script that begins with packets of the attacker is about the beginning.
        if ((options & 8) == 0) {
            rounds(120);
        }
    }

    void act(const fuzz::Step& step) {
        const auto content = step.content;
        const Direction direction = direction_of(at(content, 0));
        auto& gateway = (at(content, 0) & 1) == 0 ? world_.a : world_.b;
        switch (static_cast<What>(step.what % kKinds)) {
            case kRun:
                rounds(1U + at(content, 0) % 64, at(content, 1) + 1U);
                break;
            case kMessage:
                send(content);
                break;
            case kConnect:
                if (clients_.size() < kMostClients) {
                    connect();
                }
                break;
            case kForge:
                forge(direction, content);
                break;
            case kReplay:
                if (const auto* frame = recorded(direction, at(content, 1))) {
                    world_.trunk.inject(direction, *frame);
                }
                break;
            case kReflect:
                reflect(direction, at(content, 1));
                break;
            case kInvent:
                invent(direction, content);
                break;
            case kFrame:
                if (content.size() > 1) {
                    Link& link = (content[0] & 2) == 0 ? world_.trunk : world_.access;
                    link.inject(direction, content.subspan(1));
                }
                break;
            case kWeather:
                world_.trunk.set_impairment({.loss = at(content, 0) / 1024.0,
                                             .duplicate = at(content, 1) / 1024.0,
                                             .corrupt = at(content, 2) / 1024.0,
                                             .reorder = at(content, 3) / 256.0});
                break;
            case kBlackout:
                lost_[direction == Direction::a_to_b ? 0 : 1] = at(content, 1) % 32U;
                break;
            case kRekey:
                gateway->request_rekey();
                break;
            case kEnd:
                end(content);
                break;
            case kStall:
                if (const size_t which = at(content, 0); which < world_.server->peers().size()) {
                    world_.server->peers()[which]->set_stalled((at(content, 1) & 1) != 0);
                }
                break;
            case kReload:
                static_cast<void>(world_.reload(gateway));
                break;
            case kKill:
                // Once: every gateway brings its ports with it.
                if (restarts_ && !std::exchange(killed_, true)) {
                    world_.kill(gateway);
                    rounds(20);
                    world_.start(gateway);
                }
                break;
            case kPair:
                if (!gateway->relay().pairs().empty()) {
                    relay::Pair& pair = *gateway->relay().pairs().front();
                    if ((at(content, 1) & 1) != 0) {
                        pair.close(std::chrono::seconds(2));
                    } else {
                        pair.request_reauthentication();
                    }
                }
                break;
            case kDrain:
                gateway->drain();
                break;
            case kNasty:
                misbehave(*gateway, content);
                break;
            case kRefuse:
                if (restarts_) {
                    world_.refuse(gateway, {.removals = (at(content, 1) & 1) != 0,
                                            .takes = (at(content, 1) & 2) != 0});
                }
                break;
            default:
                if (!node_packet_.empty()) {
                    honest_nodes_ = false;
                    auto frame = node_packet_;
                    change(std::span(frame).subspan(std::min<size_t>(frame.size(), 34)), content);
                    make_right(frame);
                    world_.access.inject(Direction::a_to_b, frame);
                }
        }
        rounds(2);
        check();
    }

    // Everybody goes, on a link that works: nothing may be left.
    void end() {
        world_.trunk.set_impairment({});
        lost_ = {};
        for (const auto& peer : world_.server->peers()) {
            peer->set_stalled(false);
        }
        if (restarts_) {
            world_.refuse(world_.a, {});
            world_.refuse(world_.b, {});
        }
        rounds(50);
        check();
        for (Peer* client : clients_) {
            client->abort();
        }
        world_.a->drain();
        world_.b->drain();
        const auto all_gone = [this] {
            return world_.a->is_drained() && world_.b->is_drained() &&
                   world_.a->host().association_count() == 0 &&
                   world_.b->host().association_count() == 0;
        };
        for (int i = 0; i < 4000 && !all_gone(); ++i) {
            world_.step(milliseconds(10));
        }
        // The data plane keeps a closed association for some seconds.
        for (int i = 0; i < 450; ++i) {
            world_.step(milliseconds(10));
        }
        check();
        for (const gateway::Gateway* one : {world_.a.get(), world_.b.get()}) {
            require(one->is_drained());
            require(one->host().association_count() == 0);
            require(one->protection().size() == 0);
            require(one->protection().awaiting_reclaim() == 0);
        }
        world_.trunk.clear();
        require(rte_mempool_in_use_count(world_.a->ports().control_pool()) == 0);
        require(rte_mempool_in_use_count(world_.b->ports().control_pool()) == 0);
    }

 private:
    World::Settings settings(uint8_t options, uint8_t more) {
        World::Settings out;
        constexpr std::array kMethods = {Keys::preshared, Keys::preshared, Keys::tls13,
                                         Keys::dtls13};
        out.keys_a = out.keys_b = kMethods[options & 3];
        out.restart = restarts_;
        out.different_keys = (options & 64) != 0;
        out.b_plain = (options & 128) != 0;
        constexpr std::array kSuites = {
            config::CipherSuite::aes_128_gcm_sha256, config::CipherSuite::aes_256_gcm_sha384,
            config::CipherSuite::chacha20_poly1305_sha256, config::CipherSuite::aes_128_ccm_sha256};
        out.suite = kSuites[options >> 4 & 3];
        out.max_associations = 64;
        constexpr std::array<std::array<const char*, 2>, 4> kRoles = {
            {{"cs", "cs"}, {"c", "s"}, {"s", "cs"}, {"c", "c"}}};
        out.roles_a = kRoles[more & 3][0];
        out.roles_b = kRoles[more & 3][1];
        if ((more & 4) != 0) {
            out.mode_a = config::ProtectionMode::loose;
        }
        if ((more & 128) != 0) {
            out.keys_a = Keys::all;
        }
        out.adjust_a = [more](config::Configuration& a) {
            const auto expect_another = [more](auto& credentials) {
                if ((more & 8) != 0 && credentials) {
                    credentials->peer_names = {"dns:another.example"};
                }
            };
            expect_another(a.protection[0].tls13);
            expect_another(a.protection[0].dtls13);
            a.backends[0].streams = (more & 16) != 0 ? 4 : 16;
            // Both legs of one association, and one more that finds no place for its second.
            a.limits.associations = (more & 32) != 0 ? 3 : a.limits.associations;
        };
        out.adjust_b = [more](config::Configuration& b) {
            b.backends[0].streams = (more & 64) != 0 ? 4 : 16;
        };
        out.on_start = [this](gateway::Gateway& gateway) { nonces_.watch(gateway); };
        return out;
    }

    void rounds(unsigned count, unsigned length = 1) {
        for (unsigned i = 0; i < count; ++i) {
            world_.step(length * std::chrono::microseconds(500));
        }
    }

    void connect() {
        clients_.push_back(&world_.connect());
        numbers_.push_back(0);
        seen_by_clients_.push_back(0);
    }

    void send(std::span<const uint8_t> content) {
        const size_t which = at(content, 0) % clients_.size();
        const uint8_t how = at(content, 1);
        const size_t length = (size_t{at(content, 2)} << 8 | at(content, 3)) % 20'000;
        // The relay moves pieces of 64 KiB.
        const Message m = message(static_cast<uint8_t>(which), numbers_[which]++, how,
                                  (how & 64) != 0 ? 10 * length : length);
        ledger_.sent(m);
        echoes_.sent(m);
        clients_[which]->send(m);
    }

    void end(std::span<const uint8_t> content) {
        const auto& servers = world_.server->peers();
        const bool of_server = (at(content, 2) & 1) != 0 && !servers.empty();
        Peer& peer = of_server ? *servers[at(content, 0) % servers.size()]
                               : *clients_[at(content, 0) % clients_.size()];
        if ((at(content, 1) & 1) != 0) {
            peer.abort();
        } else {
            peer.shutdown();
        }
    }

    // Past relay and key management, which would not do it: what a peer sends that has the keys and
    // follows no rules. It may break a message that is under way, so that nothing can be said of
    // messages any more.
    void misbehave(gateway::Gateway& gateway, std::span<const uint8_t> content) {
        const uint8_t how = at(content, 1);
        const size_t length = 1 + (size_t{at(content, 2)} << 8 | at(content, 3)) % 16'000;
        for (const auto& pair : gateway.relay().pairs()) {
            for (const relay::Leg* leg : {&pair->accepted_leg(), &pair->backend_leg()}) {
                sctp::Association* const association = leg->association();
                constexpr size_t kRoom = 100'000;  // of the send buffer, for what is begun
                if (!leg->is_protected() || !association->is_established() ||
                    association->unsent_octets() > kRoom) {
                    continue;
                }
                honest_nodes_ = false;
                std::vector<uint8_t> octets(length);
                const auto given = content.subspan(std::min<size_t>(content.size(), 4));
                std::copy_n(given.begin(), std::min(given.size(), length), octets.begin());
                static_cast<void>(
                    association->send({.stream = static_cast<uint16_t>(how & 7),
                                       .ppid = (how & 16) != 0 ? 60 : packet::kPpidKeyManagement,
                                       .unordered = (how & 8) != 0,
                                       .end_of_message = (how & 32) == 0},
                                      octets));
                return;
            }
        }
    }

    void record(Direction direction, std::span<const uint8_t> frame) {
        nonces_.on_frame(frame);
        if (packet::parse(frame).kind != packet::FrameKind::sctp) {
            return;
        }
        auto& frames = recorded_[direction == Direction::a_to_b ? 0 : 1];
        frames.emplace_front(frame.begin(), frame.end());
        if (frames.size() > kRecorded) {
            frames.pop_back();
        }
    }
    const std::vector<uint8_t>* recorded(Direction direction, size_t back) const {
        const auto& frames = recorded_[direction == Direction::a_to_b ? 0 : 1];
        return frames.empty() ? nullptr : &frames[back % frames.size()];
    }

    void forge(Direction direction, std::span<const uint8_t> content) {
        const auto* frame = recorded(direction, at(content, 1));
        if (frame == nullptr || content.size() < 5) {
            return;
        }
        auto forged = *frame;
        const auto parsed = packet::parse(forged);
        change(std::span(forged).subspan(parsed.l4_offset), content.subspan(2));
        make_right(forged);
        world_.trunk.inject(direction, forged);
        if (parsed.first_chunk == packet::kChunkDtls && is_forged(*frame, forged, parsed)) {
            const auto& to = direction == Direction::a_to_b ? world_.b : world_.a;
            const uint64_t before = drops(*to);
            rounds(4);
            require(drops(*to) > before);
        }
    }
    // The headers are those of the original, the record is not: it cannot open.
    static bool is_forged(std::span<const uint8_t> original, std::span<const uint8_t> forged,
                          const packet::ParsedPacket& parsed) {
        const size_t chunk = parsed.l4_offset + packet::kCommonHeader;
        const size_t record = chunk + 5;
        const size_t end = chunk + packet::load_be16(original.data() + chunk + 2);
        const auto same = [&](size_t from, size_t to) {
            return std::ranges::equal(original.subspan(from, to - from),
                                      forged.subspan(from, to - from));
        };
        return same(0, chunk - 4) && same(chunk, record) && !same(record, end);
    }

    void reflect(Direction direction, size_t back) {
        const auto* frame = recorded(direction, back);
        if (frame == nullptr) {
            return;
        }
        auto turned = *frame;
        std::swap_ranges(turned.begin(), turned.begin() + 6, turned.begin() + 6);
        const auto parsed = packet::parse(turned);
        uint8_t* ip = turned.data() + parsed.l3_offset;
        std::swap_ranges(ip + 12, ip + 16, ip + 16);
        world_.trunk.inject(direction == Direction::a_to_b ? Direction::b_to_a : Direction::a_to_b,
                            turned);
    }

    void invent(Direction direction, std::span<const uint8_t> content) {
        const auto* frame = recorded(direction, at(content, 1));
        if (frame == nullptr || content.size() < 6) {
            return;
        }
        const auto parsed = packet::parse(*frame);
        std::vector<uint8_t> out(frame->begin(),
                                 frame->begin() + parsed.l4_offset + packet::kCommonHeader);
        const auto chunks = content.subspan(2, std::min<size_t>(content.size() - 2, 1400));
        out.insert(out.end(), chunks.begin(), chunks.end());
        uint8_t* ip = out.data() + parsed.l3_offset;
        packet::store_be16(ip + 2, static_cast<uint16_t>(out.size() - parsed.l3_offset));
        packet::store_be16(ip + 10, 0);
        packet::store_be16(ip + 10, packet::internet_checksum({ip, 20}));
        // The verification tag is right or, by the same octet that chooses the direction, zero.
        if ((content[0] & 2) != 0) {
            packet::store_be32(out.data() + parsed.l4_offset + 4, 0);
        }
        make_right(out);
        world_.trunk.inject(direction, out);
    }

    void check() {
        require(nonces_.repeated == 0);
        for (const gateway::Gateway* one : {world_.a.get(), world_.b.get()}) {
            require(one->relay().pair_count() <= 64);
            require(one->host().association_count() <= 2 * 64 + 1);
        }
        if (!honest_nodes_) {
            return;
        }
        const auto& servers = world_.server->peers();
        seen_by_servers_.resize(servers.size());
        for (size_t i = 0; i < servers.size(); ++i) {
            ledger_.take(servers[i]->received(), seen_by_servers_[i]);
        }
        for (size_t i = 0; i < clients_.size(); ++i) {
            for (size_t m = seen_by_clients_[i]; m < clients_[i]->received().size(); ++m) {
                require(clients_[i]->received()[m].octets.at(0) == i);
            }
            echoes_.take(clients_[i]->received(), seen_by_clients_[i]);
        }
    }

    const bool restarts_;
    NonceWatch nonces_;
    World world_;
    std::vector<Peer*> clients_;
    std::vector<uint16_t> numbers_;
    std::vector<size_t> seen_by_clients_;
    std::vector<size_t> seen_by_servers_;
    Ledger ledger_;
    Ledger echoes_;
    std::array<std::deque<std::vector<uint8_t>>, 2> recorded_;
    std::array<unsigned, 2> lost_{};
    std::vector<uint8_t> node_packet_;
    bool honest_nodes_ = true;
    bool killed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("fuzz", std::make_shared<spdlog::sinks::null_sink_st>()));
    spdlog::set_level(spdlog::level::debug);  // what is logged is put together, and goes nowhere
    test::eal(1024);
    return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
    return fuzz::mutate_steps(data, size, max_size, seed, kOptions, kKinds);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < kOptions) {
        return 0;
    }
    Script script(data[0], data[1]);
    fuzz::Steps steps({data + kOptions, size - kOptions});
    fuzz::Step step;
    for (int i = 0; i < 100 && steps.next(step); ++i) {
        script.act(step);
    }
    script.end();
    return 0;
}
