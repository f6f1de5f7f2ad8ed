// Two hosts and a script: every packet between them, from INIT to SHUTDOWN COMPLETE, may be lost,
// repeated, cut, changed or replaced by what the input says. Also what never was a packet, packets
// of before, COOKIE ECHOs with any cookie that was seen, INITs of a peer that has restarted, time,
// what the application does, and a data plane that has no room.
#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "control/sctp/host.h"
#include "dataplane/packet/init_chunk.h"
#include "dataplane/packet/reader.h"
#include "dataplane/packet/sctp.h"
#include "foundation/clock.h"
#include "foundation/random.h"
#include "tests/fuzz/packet/require.h"
#include "tests/support/usrsctp_clock.h"
#include "tests/unit/sctp/fake_protection.h"

namespace {

using namespace sdg;
using namespace std::chrono_literals;
using fuzz::require;

enum Mode : uint8_t {
    kProtected = 1,
    kLoose = 2,  // with kRestart: a restart waits until it is allowed, too
    // Two bits of the server's, shifted: as the client, other methods, no protection, refuses.
    kServerShift = 2,
    kCrossing = 16,  // the server connects, too
    kFull = 32,      // the server takes one association, and somebody else has it
    kRestart = 64,
    kSurvives = 128,  // a restart of a plain association
};

// What happens beside the packets between the two.
enum Aside : uint8_t {
    kNothing,
    kRaw,        // any octets: [to, length, octets]
    kAgain,      // a packet of before: [back, opened]
    kPause,      // [seconds]
    kEcho,       // COOKIE ECHO with the cookie of an INIT ACK of before: [back, opened]
    kClose,      // the listener goes
    kAbort,      // [whose]
    kAnew,       // the client's INIT again, of another association: [tag]
    kAllow,      // a restart of the server's that waits
    kElsewhere,  // the server connects to as many others as it may
    kNoRoom,     // of the data plane: [calls before one fails; above 127: the client's]
    kGoes,       // the listener, with the next association that it takes
    kComeBack,   // the client has lost everything but its restart keys: [more of the leg]
    kAsides
};

// Takes no more at a call that the script chooses.
class FullProtection final : public test::FakeProtection {
 public:
    void fail_after(unsigned calls) { left_ = calls; }

    Result<keys::AssociationId> add(const keys::AssociationKey& key, unsigned worker) override {
        if (fails()) {
            return fail(ErrorCode::resource_exhausted, "no room");
        }
        return FakeProtection::add(key, worker);
    }
    Result<void> set_agreement(keys::AssociationId id, const keys::Agreement& agreement,
                               const packet::KeyManagementParameter& local,
                               const packet::KeyManagementParameter& peer) override {
        if (fails()) {
            return fail(ErrorCode::resource_exhausted, "no room");
        }
        return FakeProtection::set_agreement(id, agreement, local, peer);
    }
    Result<void> set_restart_path(keys::AssociationId id, const IpAddress& local,
                                  const IpAddress& peer) override {
        if (fails()) {
            return fail(ErrorCode::resource_exhausted, "no room");
        }
        return FakeProtection::set_restart_path(id, local, peer);
    }

 private:
    bool fails() {
        if (!left_ || (*left_)-- > 0) {
            return false;
        }
        left_.reset();
        return true;
    }
    std::optional<unsigned> left_;
};

class Observer final : public sctp::AssociationObserver {
 public:
    explicit Observer(test::FakeProtection& protection) : protection_(protection) {}

    void on_established(sctp::Association& association) override {
        live = &association;
        if (const auto& agreement = association.negotiated().agreement) {
            require(association.negotiated().peer_parameter.has_value());
            if (agreement->restart) {
                static_cast<void>(protection_.establish_send_key(
                    association.id(), keys::KeyRole::restart, kEpoch, {}));
            }
        }
        const std::vector<uint8_t> message(3000, 7);
        (void)association.send({0, 1, false, true}, message);
    }
    void on_readable(sctp::Association& association) override {
        uint8_t buffer[700];
        while (true) {
            const auto piece = association.receive(buffer);
            require(piece.has_value());
            if (!piece->has_value()) {
                return;
            }
            require((*piece)->length <= sizeof buffer);
        }
    }
    void on_writable(sctp::Association&) override {}
    void on_peer_shutdown(sctp::Association&) override {}
    void on_restarted(sctp::Association& fresh) override { live = &fresh; }
    void on_closed(sctp::Association&, sctp::CloseReason, const std::string&) override {
        live = nullptr;
        ++closed;
    }
    bool on_restart_requested(sctp::Association& association, uint16_t epoch) override {
        require(live == &association && epoch == kEpoch);
        return at_once;
    }
    static constexpr uint16_t kEpoch = 3;
    sctp::Association* live = nullptr;
    int closed = 0;
    bool at_once = true;

 private:
    test::FakeProtection& protection_;
};

class Path {
    static constexpr uint16_t kClientPort = 40'000;
    static constexpr size_t kInitiateTag = packet::kCommonHeader + packet::kChunkHeader;

 public:
    explicit Path(std::span<const uint8_t> script) : script_(script) {
        const uint8_t mode = script_.u8();
        sctp::LegSettings& leg = leg_;
        if ((mode & 1) != 0) {
            leg.key_management = keys::LocalKeyManagement{};
            leg.key_management->methods = {0, 192};
            leg.key_management->required = (mode & kLoose) == 0;
            leg.key_management->restart = (mode & kRestart) != 0;
        }
        leg.survives_restart = (mode & kSurvives) != 0;
        sctp::LegSettings server_leg = leg;
        const unsigned server = mode >> kServerShift & 3;
        if (server == 1 && server_leg.key_management) {
            server_leg.key_management->methods = {7};
        } else if (server == 2) {
            server_leg.key_management.reset();
        }
        refuses_ = server == 3;
        waits_ = (mode & kRestart) != 0 && (mode & kLoose) != 0;
        const sctp::Host::Settings settings{.max_associations = (mode & kFull) != 0 ? 1U : 10U,
                                            .unauthenticated = {}};
        create(0, {});
        create(1, settings);
        listener_ = *hosts_[1]->listen(address(1), 5000, 0, server_leg, 10,
                                       [this](sctp::Association&) { return accept(); });
        auto association =
            hosts_[0]->connect({address(0), address(1), kClientPort, 5000, 0}, leg, 5s, client_);
        require(association.has_value());
        if ((mode & kFull) != 0) {
            require(hosts_[1]
                        ->connect({address(1), address(0), 0, 6000, 0}, leg, 1000s,
                                  others_.emplace_back(protection_[1]))
                        .has_value());
        }
        if ((mode & kCrossing) != 0) {
            static_cast<void>(hosts_[1]->connect({address(1), address(0), 5000, kClientPort, 0},
                                                 leg, 5s, others_.emplace_back(protection_[1])));
        }
    }

    void run() {
        for (int round = 0; round < 200 && script_.left() > 0; ++round) {
            deliver(true);
            if (round == 20 && client_.live != nullptr) {
                client_.live->shutdown();
            }
            aside();
            step();
        }
        // Whatever has happened, everything can be ended and is then gone.
        for (int round = 0; round < 20; ++round) {
            deliver(false);
            step();
        }
        for (int round = 0; round < 20; ++round) {
            if (client_.live != nullptr) {
                client_.live->abort("end of the run");
            }
            for (auto* observers : {&servers_, &others_}) {
                for (Observer& one : *observers) {
                    if (one.live != nullptr) {
                        one.live->abort("end of the run");
                    }
                }
            }
            queue_.clear();
            clock_.advance(1s);
            step();
        }
        require(hosts_[0]->association_count() == 0);
        require(client_.closed == 1 + closed_before_);
        listener_.reset();
    }

 private:
    struct Packet {
        int to;
        std::vector<uint8_t> octets;
    };

    static IpAddress address(int side) {
        const uint8_t octets[] = {10, 0, 0, static_cast<uint8_t>(side + 1)};
        return IpAddress::v4(octets);
    }

    void create(int side, const sctp::Host::Settings& settings) {
        hosts_[side] = *sctp::Host::create(
            settings, {}, protection_[side],
            [this, side](const sctp::OutgoingPacket& packet) {
                queue_.push_back({side == 0 ? 1 : 0, {packet.sctp.begin(), packet.sctp.end()}});
                return true;
            },
            clock_, random_);
    }

    // Protected restart: from now on all but INIT and INIT ACK is sealed with the restart keys.
    void come_back(uint8_t more) {
        if (came_back_ || !leg_.key_management || !leg_.key_management->restart) {
            return;
        }
        const size_t sent = queue_.size();
        hosts_[0].reset();
        queue_.resize(sent);  // it had no time for last words
        client_.live = nullptr;
        closed_before_ = client_.closed;
        create(0, {});
        sctp::LegSettings leg = leg_;
        if ((more & 1) != 0) {
            leg.key_management->methods = {192};
        }
        leg.key_management->restart = (more & 2) == 0;
        const record::KeyMaterial nothing;
        const sctp::RestartStart start{.epoch = Observer::kEpoch,
                                       .send = nothing,
                                       .receive = nothing,
                                       .method = static_cast<uint8_t>((more & 4) != 0 ? 192 : 0)};
        const auto association = hosts_[0]->connect({address(0), address(1), kClientPort, 5000, 0},
                                                    leg, 5s, client_, &start);
        require(association.has_value());
        came_back_ = (*association)->id();
    }

    sctp::AssociationObserver* accept() {
        if (servers_.size() == 8 || refuses_) {
            return nullptr;
        }
        if (std::exchange(goes_, false)) {
            listener_.reset();
        }
        auto& server = servers_.emplace_back(protection_[1]);
        server.at_once = !waits_;
        return &server;
    }

    // Of somebody that the script has invented, for whom nobody answers.
    static bool is_of_stranger(std::span<const uint8_t> octets) {
        return octets.size() >= packet::kCommonHeader &&
               packet::read_common_header(octets.data()).destination_port > kClientPort;
    }
    void remember(Packet packet) {
        seen_.push_front(std::move(packet));
        if (seen_.size() > 16) {
            seen_.pop_back();
        }
    }

    // opened: came in a DTLS chunk, of the restart keys by the second bit.
    void hand_over(int to, std::vector<uint8_t> octets, uint8_t opened = 0) {
        if (init_.empty() && octets.size() > kInitiateTag + 4 &&
            octets[packet::kCommonHeader] == packet::kChunkInit) {
            init_ = octets;
        }
        remember({to, octets});
        sctp::ReceivedPacket packet;
        const uint8_t first =
            octets.size() > packet::kCommonHeader ? octets[packet::kCommonHeader] : uint8_t{0};
        if (came_back_ && first != packet::kChunkInit && first != packet::kChunkInitAck) {
            opened = 3;
        }
        const Observer& observer = to == 0 || servers_.empty() ? client_ : servers_.back();
        if (opened != 0 && (observer.live != nullptr || (to == 0 && came_back_))) {
            packet.opened = true;
            packet.restart = (opened & 2) != 0;
            packet.association = to == 0 && came_back_ ? *came_back_ : observer.live->id();
            packet.epoch = Observer::kEpoch;
        }
        packet.local = address(to);
        packet.peer = address(1 - to);
        packet.sctp = octets;
        hosts_[to]->on_packet(packet);
    }

    // One octet of script per packet, more when it says to change something.
    void deliver(bool scripted) {
        for (size_t count = queue_.size(); count > 0; --count) {
            Packet packet = std::move(queue_.front());
            queue_.pop_front();
            if (packet.to == 0 && is_of_stranger(packet.octets)) {
                remember(packet);
                continue;
            }
            const uint8_t what = scripted ? script_.u8() : uint8_t{0};
            switch (what % 8) {
                case 1:
                    continue;
                case 2:
                    hand_over(packet.to, packet.octets);
                    break;
                case 3:
                    packet.octets.resize(script_.be16() % (packet.octets.size() + 1));
                    break;
                case 4:
                    packet.octets[script_.be16() % packet.octets.size()] = script_.u8();
                    break;
                case 5: {
                    const size_t at = script_.be16() % packet.octets.size() & ~size_t{3};
                    if (at + 4 <= packet.octets.size()) {
                        packet::store_be16(packet.octets.data() + at, script_.be16());
                        packet::store_be16(packet.octets.data() + at + 2, script_.be16());
                    }
                    break;
                }
                case 6: {
                    const auto tail = script_.bytes(script_.u8() % (script_.left() + 1));
                    packet.octets.insert(packet.octets.end(), tail.begin(), tail.end());
                    break;
                }
                case 7:
                    hand_over(1 - packet.to, packet.octets);  // reflected
                    break;
                default:
                    break;
            }
            hand_over(packet.to, std::move(packet.octets));
        }
    }

    void aside() {
        switch (static_cast<Aside>(script_.u8() % kAsides)) {
            case kRaw: {
                const uint8_t to = script_.u8() % 2;
                const auto octets = script_.bytes(script_.u8() % (script_.left() + 1));
                hand_over(to, {octets.begin(), octets.end()});
                break;
            }
            case kAgain: {
                const size_t back = script_.u8();
                const uint8_t opened = script_.u8();
                if (back < seen_.size()) {
                    const Packet packet = seen_[back];
                    hand_over(packet.to, packet.octets, opened);
                }
                break;
            }
            case kPause:
                clock_.advance(std::chrono::seconds(script_.u8()));
                break;
            case kEcho:
                echo();
                break;
            case kClose:
                listener_.reset();
                break;
            case kAbort:
                if (auto* live = (script_.u8() & 1) == 0 || servers_.empty() ? client_.live
                                                                             : servers_.back().live;
                    live != nullptr) {
                    live->abort("the script says so");
                }
                break;
            case kAnew:
                if (auto anew = init_; !anew.empty()) {
                    anew[kInitiateTag] ^= script_.u8();
                    hand_over(1, std::move(anew));
                }
                break;
            case kAllow:
                if (!servers_.empty() && servers_.back().live != nullptr) {
                    servers_.back().live->allow_restart();
                }
                break;
            case kElsewhere:
                for (uint16_t port = 6001; port < 6012; ++port) {
                    if (!hosts_[1]->connect({address(1), address(0), 0, port, 0}, {}, 1000s,
                                            others_.emplace_back(protection_[1]))) {
                        others_.pop_back();
                        break;
                    }
                }
                break;
            case kNoRoom: {
                const uint8_t calls = script_.u8();
                protection_[calls > 127 ? 0 : 1].fail_after(calls & 127U);
                break;
            }
            case kGoes:
                goes_ = true;
                break;
            case kComeBack:
                come_back(script_.u8());
                break;
            default:
                break;
        }
    }

    // To who has made the cookie, with the tags that are right for it.
    void echo() {
        size_t back = script_.u8();
        const uint8_t opened = script_.u8();
        for (const Packet& packet : seen_) {
            const auto view = packet::InitView::parse(packet.octets);
            const auto cookie = view ? view->state_cookie() : std::nullopt;
            if (!cookie || back-- != 0) {
                continue;
            }
            std::vector<uint8_t> out(packet::kCommonHeader + packet::kChunkHeader + cookie->size());
            const auto header = view->header();
            packet::write_common_header(
                out.data(), {header.destination_port, header.source_port, view->initiate_tag()});
            out[packet::kCommonHeader] = packet::kChunkCookieEcho;
            packet::store_be16(out.data() + packet::kCommonHeader + 2,
                               static_cast<uint16_t>(packet::kChunkHeader + cookie->size()));
            std::copy(cookie->begin(), cookie->end(),
                      out.begin() + packet::kCommonHeader + packet::kChunkHeader);
            out.resize(packet::padded_to_4(out.size()));
            hand_over(1 - packet.to, std::move(out), opened);
            return;
        }
    }

    void step() {
        clock_.advance(20ms);
        hosts_[0]->run();
        hosts_[1]->run();
    }

    packet::Reader script_;
    ManualClock clock_;
    test::UsrsctpClock usrsctp_clock_{clock_};
    SeededRandom random_{1};
    FullProtection protection_[2];
    std::deque<Packet> queue_;
    std::deque<Packet> seen_;    // the newest first
    std::vector<uint8_t> init_;  // the client's
    Observer client_{protection_[0]};
    std::deque<Observer> servers_;
    std::deque<Observer> others_;  // of what the server connects itself
    sctp::LegSettings leg_;
    std::optional<keys::AssociationId> came_back_;  // the client's, anew
    int closed_before_ = 0;
    bool refuses_ = false;
    bool goes_ = false;
    bool waits_ = false;  // with a restart, until it is allowed
    std::unique_ptr<sctp::Host> hosts_[2];
    std::unique_ptr<sctp::Listener> listener_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Path path({data, size});
    path.run();
    return 0;
}
