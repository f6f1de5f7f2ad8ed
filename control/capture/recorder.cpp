#include "control/capture/recorder.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>

#include "control/capture/user_data.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/port/frame_writer.h"

namespace sdg::capture {
namespace {

using namespace std::chrono_literals;

constexpr auto kIdle = 2ms;                   // between looks at empty rings
constexpr auto kPatience = 2s;                // for a pipe, and for the thread, at the end
constexpr size_t kFlush = size_t{256} << 10;  // octets that are written together
constexpr size_t kMaxSecretsWaiting = 256;

// From the time stamp counter to the time of day; read anew now and then, as the two drift.
class CycleClock {
 public:
    [[nodiscard]] WallTimeNs time_of(uint64_t cycles) {
        const auto now = rte_rdtsc();
        if (now - cycles_ > rte_get_tsc_hz() || cycles_ == 0) {
            cycles_ = now;
            time_ = std::chrono::system_clock::now().time_since_epoch();
        }
        const auto behind = static_cast<double>(static_cast<int64_t>(cycles - cycles_));
        return time_ + std::chrono::nanoseconds(static_cast<int64_t>(
                           behind * 1e9 / static_cast<double>(rte_get_tsc_hz())));
    }

 private:
    uint64_t cycles_ = 0;
    std::chrono::nanoseconds time_{};
};

std::string comment_of(const TapRecord& record, size_t removed) {
    if (removed > 0) {
        return fmt::format("{} octets of user data are replaced by zeros", removed);
    }
    if ((record.flags & kTapPlain) == 0) {
        return {};
    }
    const bool out = (record.flags & kTapOut) != 0;
    if ((record.flags & kTapProtected) == 0) {
        return out ? "plain: leaves in clear" : "plain: came in clear";
    }
    return out ? "plain: leaves in a DTLS chunk"
               : fmt::format("plain: came in a DTLS chunk, epoch {}, {}", record.epoch,
                             (record.flags & kTapRestart) != 0 ? "restart" : "primary");
}

// What the port has taken out of a frame or leaves for itself to fill in.
void complete_frame(const TapRecord& record, std::vector<uint8_t>& frame) {
    constexpr size_t kAddresses = 12;
    if ((record.flags & kTapTag) != 0 && frame.size() >= kAddresses) {
        std::array<uint8_t, packet::kVlanTag> tag{};
        packet::store_be16(tag.data(), packet::kEtherTypeVlan);
        packet::store_be16(tag.data() + 2, record.tag_control);
        frame.insert(frame.begin() + kAddresses, tag.begin(), tag.end());
    }
    if ((record.flags & (kTapFillIpv4 | kTapFillSctp)) == 0 || record.captured < record.length) {
        return;
    }
    const packet::EthernetHeader ethernet = packet::parse_ethernet(frame);
    const std::span<uint8_t> ip =
        std::span(frame).subspan(std::min<size_t>(ethernet.length, frame.size()));
    size_t header = packet::kIpv6Header;  // our own packets have no extensions and no options
    if (ethernet.ether_type == packet::kEtherTypeIpv4) {
        header = packet::kIpv4Header;
    }
    if (ethernet.reason != packet::DropReason::none || ip.size() < header + packet::kCommonHeader) {
        return;
    }
    if ((record.flags & kTapFillIpv4) != 0 && header == packet::kIpv4Header) {
        packet::store_be16(ip.data() + 10, 0);
        packet::store_be16(ip.data() + 10, packet::internet_checksum(ip.first(header)));
    }
    if ((record.flags & kTapFillSctp) != 0) {
        packet::set_checksum(ip.subspan(header));
    }
}

// An IP packet around a plain SCTP packet, whose checksum nobody has needed so far.
void complete_plain(const TapRecord& record, std::vector<uint8_t>& packet) {
    const bool v4 = record.family == IpAddress::Family::v4;
    const size_t header = v4 ? packet::kIpv4Header : packet::kIpv6Header;
    if (record.captured == record.length && packet.size() >= packet::kCommonHeader) {
        packet::set_checksum(packet);
    }
    packet.insert(packet.begin(), header, uint8_t{0});
    if (v4) {
        port::write_ipv4(packet.data(), static_cast<uint32_t>(record.length + header),
                         record.source.data(), record.destination.data(), packet::kIpProtocolSctp);
    } else {
        port::write_ipv6(packet.data(), static_cast<uint16_t>(record.length), record.source.data(),
                         record.destination.data(), packet::kIpProtocolSctp, port::kHopLimit);
    }
}

}  // namespace

std::string_view name(EndReason reason) {
    switch (reason) {
        case EndReason::none:
            return "none";
        case EndReason::asked:
            return "asked";
        case EndReason::packets:
            return "packets";
        case EndReason::octets:
            return "octets";
        case EndReason::reader_gone:
            return "reader_gone";
        case EndReason::stalled:
            return "stalled";
        case EndReason::failed:
            return "failed";
    }
    return "none";
}

struct Recorder::Shared {
    mutable std::mutex mutex;
    std::condition_variable wake;
    std::condition_variable ended;
    std::optional<Recording> next;  // handed to the thread
    std::deque<SecretBytes> secrets;
    Progress progress;
    bool finishing = false;
    std::chrono::steady_clock::time_point finishing_since;
    bool quit = false;
    bool thread_ended = false;

    void record(Recording recording);
    void stop_taking(EndReason reason, std::string error);
    [[nodiscard]] bool must_give_up() const {
        const std::lock_guard lock(mutex);
        return finishing && std::chrono::steady_clock::now() - finishing_since > kPatience;
    }
    [[nodiscard]] bool is_finishing() const {
        const std::lock_guard lock(mutex);
        return finishing;
    }
};

namespace {

// One capture, on the recorder's thread.
class Writing {
 public:
    explicit Writing(Recording& recording) : recording_(recording) {
        written_.resize(recording.interfaces.size());
        begun_ = now();
        append(front_, recording_.section);
        for (const Interface& interface : recording_.interfaces) {
            append(front_, interface);
        }
    }

    // In front of the packets that have been taken and not been written: a key is told before a
    // packet under it is.
    void add_secrets(const SecretBytes& lines) {
        if (!lines.empty()) {
            append_secrets(front_, kSecretsTlsKeyLog, lines.bytes());
        }
    }

    // A bounded number of packets into the buffer. Returns how many.
    size_t take(size_t budget) {
        size_t taken = 0;
        while (taken < budget && out_.size() < kFlush && !limit()) {
            Tap* oldest = nullptr;
            uint64_t least = UINT64_MAX;
            for (const auto& tap : recording_.taps) {
                const std::span<const uint8_t> front = tap->ring().front();
                if (!front.empty() && cycles_of(front) < least) {
                    least = cycles_of(front);
                    oldest = tap.get();
                }
            }
            if (oldest == nullptr) {
                break;
            }
            add(oldest->ring().front());
            oldest->ring().pop();
            ++taken;
        }
        return taken;
    }

    [[nodiscard]] std::optional<EndReason> limit() const {
        if (packets_ >= recording_.limits.packets) {
            return EndReason::packets;
        }
        if (octets() >= recording_.limits.octets) {
            return EndReason::octets;
        }
        return std::nullopt;
    }

    FileSink::Outcome flush(const std::function<bool()>& give_up) {
        auto outcome = recording_.file.write(front_, give_up);
        wipe(front_.data(), front_.size());
        front_.clear();
        if (outcome == FileSink::Outcome::written) {
            outcome = recording_.file.write(out_, give_up);
        }
        out_.clear();
        return outcome;
    }

    void add_statistics(const std::string& comment) {
        for (size_t i = 0; i < written_.size(); ++i) {
            // A worker does not count by interface what it has no room for.
            append(out_, Statistics{.interface = static_cast<uint32_t>(i),
                                    .begun = begun_,
                                    .ended = now(),
                                    .written = written_[i],
                                    .not_kept = i == 0 ? not_kept() : 0,
                                    .comment = comment});
        }
    }
    void append_last() {
        recording_.file.append_last(out_);
        out_.clear();
    }

    [[nodiscard]] uint64_t packets() const { return packets_; }
    [[nodiscard]] uint64_t octets() const {
        return recording_.file.written() + front_.size() + out_.size();
    }
    [[nodiscard]] uint64_t not_kept() const {
        uint64_t sum = 0;
        for (const auto& tap : recording_.taps) {
            sum += tap->not_kept();
        }
        return sum;
    }

 private:
    static WallTimeNs now() { return std::chrono::system_clock::now().time_since_epoch(); }
    static uint64_t cycles_of(std::span<const uint8_t> entry) {
        TapRecord record;
        std::memcpy(&record, entry.data(), sizeof record);
        return record.cycles;
    }

    void add(std::span<const uint8_t> entry) {
        TapRecord record;
        std::memcpy(&record, entry.data(), sizeof record);
        octets_.assign(entry.begin() + sizeof record, entry.end());
        size_t length = record.length;
        size_t removed = 0;
        const size_t before = octets_.size();
        if ((record.flags & kTapPlain) != 0) {
            complete_plain(record, octets_);
        } else {
            complete_frame(record, octets_);
        }
        length += octets_.size() - before;
        if ((record.flags & kTapPlain) == 0 && recording_.remove_user_data) {
            const Redaction redaction = remove_user_data(octets_);
            removed = redaction.removed;
            octets_.resize(redaction.kept);
        }
        append(out_, Packet{.interface = record.target,
                            .time = clock_.time_of(record.cycles),
                            .outbound = (record.flags & kTapOut) != 0,
                            .length = static_cast<uint32_t>(length),
                            .octets = octets_,
                            .comment = comment_of(record, removed)});
        ++packets_;
        ++written_[record.target];
    }

    Recording& recording_;
    // Blocks that wait to be written; those of front_ first.
    std::vector<uint8_t> front_;
    std::vector<uint8_t> out_;
    std::vector<uint8_t> octets_;  // of the packet in hand
    std::vector<uint64_t> written_;
    CycleClock clock_;
    WallTimeNs begun_{};
    uint64_t packets_ = 0;
};

EndReason reason_of(FileSink::Outcome outcome) {
    switch (outcome) {
        case FileSink::Outcome::reader_gone:
            return EndReason::reader_gone;
        case FileSink::Outcome::given_up:
            return EndReason::stalled;
        default:
            return EndReason::failed;
    }
}

}  // namespace

void Recorder::Shared::stop_taking(EndReason reason, std::string error) {
    const std::lock_guard lock(mutex);
    progress.wants_end = true;
    progress.reason = reason;
    progress.error = std::move(error);
}

void Recorder::Shared::record(Recording recording) {
    constexpr size_t kBudget = 1024;
    const auto give_up = [this] { return must_give_up(); };
    Writing writing(recording);
    writing.add_secrets(recording.secrets);
    bool open = true;  // packets are taken
    bool sound = true;
    const auto write = [&] {
        const auto outcome = writing.flush(give_up);
        if (outcome != FileSink::Outcome::written) {
            stop_taking(reason_of(outcome), recording.file.error());
            open = sound = false;
        }
    };
    write();
    while (true) {
        const bool last_round = is_finishing();
        size_t taken = 0;
        if (open) {
            taken = writing.take(kBudget);
            std::deque<SecretBytes> lines;
            {
                const std::lock_guard lock(mutex);
                lines.swap(secrets);
            }
            for (const SecretBytes& one : lines) {
                writing.add_secrets(one);
            }
            if (taken > 0 || !lines.empty()) {
                write();
            }
        }
        if (const auto limit = writing.limit(); limit && open) {
            stop_taking(*limit, {});
            open = false;
        }
        std::unique_lock lock(mutex);
        progress.packets = writing.packets();
        progress.octets = recording.file.written();
        progress.not_kept = writing.not_kept();
        if (last_round && (taken == 0 || !open)) {
            break;
        }
        if (taken == 0) {
            wake.wait_for(lock, kIdle, [&] { return finishing != last_round; });
        }
    }
    const uint64_t not_kept = writing.not_kept();
    writing.add_statistics(
        not_kept == 0 ? std::string()
                      : fmt::format("{} packets of the capture were not kept: the file was slower "
                                    "than they came",
                                    not_kept));
    if (sound) {
        write();
    } else {
        writing.append_last();
    }
    const std::lock_guard lock(mutex);
    if (progress.reason == EndReason::none) {
        progress.reason = EndReason::asked;
    }
    progress.octets = recording.file.written();
}

void* Recorder::run(void* argument) {
    const std::unique_ptr<std::shared_ptr<Shared>> own(
        static_cast<std::shared_ptr<Shared>*>(argument));
    const std::shared_ptr<Shared>& shared = *own;
    // What a file that is full or has no reader raises in this thread; write() says so, too.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGXFSZ);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::unique_lock lock(shared->mutex);
    while (true) {
        shared->wake.wait(lock, [&] { return shared->quit || shared->next.has_value(); });
        if (!shared->next) {
            break;
        }
        std::optional<Recording> recording = std::move(shared->next);
        shared->next.reset();
        lock.unlock();
        shared->record(std::move(*recording));
        recording.reset();
        lock.lock();
        shared->progress.wants_end = true;
        shared->progress.busy = false;
        shared->progress.finished = true;
        shared->ended.notify_all();
    }
    shared->thread_ended = true;
    shared->ended.notify_all();
    return nullptr;
}

Recorder::Recorder() : shared_(std::make_shared<Shared>()) {
    auto own = std::make_unique<std::shared_ptr<Shared>>(shared_);
    pthread_t thread{};
    if (rte_ctrl_thread_create(&thread, "capture", nullptr, &run, own.get()) == 0) {
        (void)own.release();  // the thread's
        ::pthread_detach(thread);
    } else {
        shared_->thread_ended = true;
    }
}

Recorder::~Recorder() {
    std::unique_lock lock(shared_->mutex);
    shared_->quit = true;
    if (!shared_->finishing) {
        shared_->finishing = true;
        shared_->finishing_since = std::chrono::steady_clock::now();
    }
    shared_->wake.notify_all();
    shared_->ended.wait_for(lock, 2 * kPatience, [&] { return shared_->thread_ended; });
}

Result<void> Recorder::begin(Recording recording) {
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->thread_ended) {
            return fail(ErrorCode::resource_exhausted, "there was no thread for captures at start");
        }
        if (shared_->progress.busy) {
            return fail(ErrorCode::unavailable,
                        "the capture before still waits for its file to take its octets");
        }
        shared_->progress = {};
        shared_->progress.busy = true;
        shared_->finishing = false;
        shared_->secrets.clear();
        shared_->next.emplace(std::move(recording));
    }
    shared_->wake.notify_all();
    return {};
}

void Recorder::add_secrets(SecretBytes lines) {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->progress.busy && shared_->secrets.size() < kMaxSecretsWaiting) {
        shared_->secrets.push_back(std::move(lines));
    }
}

void Recorder::finish() {
    {
        const std::lock_guard lock(shared_->mutex);
        if (!shared_->progress.busy || shared_->finishing) {
            return;
        }
        shared_->finishing = true;
        shared_->finishing_since = std::chrono::steady_clock::now();
    }
    shared_->wake.notify_all();
}

void Recorder::wait_finished() {
    std::unique_lock lock(shared_->mutex);
    shared_->ended.wait_for(lock, 2 * kPatience, [&] { return !shared_->progress.busy; });
}

Progress Recorder::progress() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->progress;
}

}  // namespace sdg::capture
