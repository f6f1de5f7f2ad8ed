// A capture from taps to a file: its blocks, its limits, and files that do not take it.
#include "control/capture/recorder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

using capture::EndReason;
using capture::FileSink;
using capture::Progress;
using capture::Recorder;
using capture::Recording;
using capture::Tap;

struct Block {
    uint32_t type = 0;
    Octets body;

    [[nodiscard]] uint32_t number(size_t at) const {
        uint32_t out = 0;
        std::memcpy(&out, body.data() + at, sizeof out);
        return out;
    }
    [[nodiscard]] bool has(const std::string& text) const {
        return std::string(body.begin(), body.end()).find(text) != std::string::npos;
    }
};

// Of a sound file: every block is whole.
std::vector<Block> blocks_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const Octets octets{std::istreambuf_iterator<char>(file), {}};
    std::vector<Block> out;
    for (size_t at = 0; at < octets.size();) {
        uint32_t length = 0;
        Block one;
        std::memcpy(&one.type, octets.data() + at, 4);
        std::memcpy(&length, octets.data() + at + 4, 4);
        if (length < 12 || length % 4 != 0 || at + length > octets.size()) {
            ADD_FAILURE() << "a block of " << length << " octets at " << at;
            break;
        }
        const auto begin = octets.begin() + static_cast<ptrdiff_t>(at);
        one.body.assign(begin + 8, begin + length - 4);
        out.push_back(std::move(one));
        at += length;
    }
    return out;
}

std::vector<Block> of_type(const std::vector<Block>& blocks, uint32_t type) {
    std::vector<Block> out;
    std::ranges::copy_if(blocks, std::back_inserter(out),
                         [&](const Block& one) { return one.type == type; });
    return out;
}

constexpr uint32_t kSection = 0x0a0d0d0a;
constexpr uint32_t kInterface = 1;
constexpr uint32_t kStatistics = 5;
constexpr uint32_t kPacket = 6;
constexpr uint32_t kSecrets = 10;

// A message of a user whose octets are all w.
Octets user_message(size_t length) {
    Octets value(12);
    value.insert(value.end(), length, 'w');
    return chunk(packet::kChunkData, value, 3);
}

class CaptureRecorder : public testing::Test {
 protected:
    CaptureRecorder() {
        std::string name = (std::filesystem::temp_directory_path() / "sdg-capture-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        ::getrlimit(RLIMIT_FSIZE, &limit_);
    }
    ~CaptureRecorder() override {
        rig.workers[0]->set_tap(nullptr);
        ::setrlimit(RLIMIT_FSIZE, &limit_);
        std::filesystem::remove_all(folder_);
    }

    [[nodiscard]] std::filesystem::path path() const { return folder_ / "f"; }
    [[nodiscard]] Descriptor file() const {
        return Descriptor(::open(path().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    Result<void> begin(Descriptor where, Tap::Settings settings = {},
                       capture::Limits limits = {1'000'000, 1 << 30}) {
        if (settings.targets.empty()) {
            settings.targets = {{.port = 0, .whole_port = true}};
        }
        tap = std::make_shared<Tap>(settings);
        rig.workers[0]->set_tap(tap.get());
        return recorder.begin(
            {.file = expect(FileSink::adopt(std::move(where))),
             .taps = {tap},
             .section = {.application = "test", .comments = {"what it is"}},
             .interfaces = {{.link = settings.plain ? capture::kLinkRawIp : capture::kLinkEthernet,
                             .snap = 0,
                             .name = "port0",
                             .description = {},
                             .filter = {},
                             .comments = {}}},
             .secrets = SecretBytes::copy_of(
                 std::span(reinterpret_cast<const uint8_t*>(secrets.data()), secrets.size())),
             .remove_user_data = remove_user_data,
             .limits = limits});
    }
    // Takes the tap away and waits for the end.
    Progress finish() {
        rig.workers[0]->set_tap(nullptr);
        recorder.finish();
        recorder.wait_finished();
        EXPECT_TRUE(recorder.progress().finished);
        return recorder.progress();
    }
    void receive(int packets, size_t length = 40) {
        for (int i = 0; i < packets; ++i) {
            rig.wires[0]->send(frame(flow.reversed(), sctp(flow.reversed(), user_message(length))));
            if (i % 16 == 15) {
                rig.poll();
                (void)rig.received();
            }
        }
        rig.poll();
        (void)rig.received();
    }
    // Until the recorder says so; the test's time-out is the bound.
    void await(const std::function<bool(const Progress&)>& is_so) const {
        while (!is_so(recorder.progress())) {
            std::this_thread::yield();
        }
    }

    std::filesystem::path folder_;
    rlimit limit_{};
    Flow flow;
    Rig rig;
    std::string secrets;
    bool remove_user_data = true;
    std::shared_ptr<Tap> tap;
    Recorder recorder;
};

TEST_F(CaptureRecorder, a_file_has_section_interface_packets_and_statistics) {
    ASSERT_TRUE(begin(file()));
    receive(5);
    rig.send(flow, data_chunk(8));
    rig.poll();
    const Progress progress = finish();
    EXPECT_EQ(progress.packets, 6U);
    EXPECT_EQ(progress.reason, EndReason::asked);
    EXPECT_EQ(progress.octets, std::filesystem::file_size(path()));
    const auto blocks = blocks_of(path());
    ASSERT_EQ(blocks.size(), 9U);
    EXPECT_EQ(blocks[0].type, kSection);
    EXPECT_TRUE(blocks[0].has("what it is"));
    EXPECT_EQ(blocks[1].type, kInterface);
    const auto packets = of_type(blocks, kPacket);
    ASSERT_EQ(packets.size(), 6U);
    uint64_t before = 0;
    for (const Block& one : packets) {
        const uint64_t time = uint64_t{one.number(4)} << 32 | one.number(8);
        EXPECT_GE(time, before);
        before = time;
        EXPECT_FALSE(one.has("wwww")) << "user data";
        EXPECT_TRUE(one.has("replaced by zeros"));
    }
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto age = now - std::chrono::nanoseconds(static_cast<int64_t>(before));
    EXPECT_LT(age, std::chrono::seconds(60));
    EXPECT_GT(age, std::chrono::seconds(-1));
    EXPECT_EQ(blocks.back().type, kStatistics);
}

TEST_F(CaptureRecorder, with_keys_the_frames_are_untouched_and_the_keys_are_in_front) {
    secrets = "DTLS_CHUNK 1\n";
    remove_user_data = false;
    ASSERT_TRUE(begin(file()));
    const std::string more = "DTLS_CHUNK 2\n";
    recorder.add_secrets(SecretBytes::copy_of(
        std::span(reinterpret_cast<const uint8_t*>(more.data()), more.size())));
    receive(1);
    finish();
    const auto blocks = blocks_of(path());
    ASSERT_GE(blocks.size(), 3U);
    EXPECT_EQ(blocks[2].type, kSecrets);
    EXPECT_EQ(blocks[2].number(0), capture::kSecretsTlsKeyLog);
    EXPECT_TRUE(blocks[2].has("DTLS_CHUNK 1\n"));
    EXPECT_EQ(of_type(blocks, kSecrets).size(), 2U);
    ASSERT_EQ(of_type(blocks, kPacket).size(), 1U);
    EXPECT_TRUE(of_type(blocks, kPacket)[0].has("wwww"));
}

TEST_F(CaptureRecorder, plain_packets_get_ip_headers_and_checksums) {
    ASSERT_TRUE(begin(file(), {.targets = {{.port = 0, .whole_port = true}}, .plain = true}));
    receive(1);
    Flow six = flow;
    six.local = ip("fd00::1");
    six.peer = ip("fd00::2");
    rig.send(six, data_chunk(8));
    rig.poll();
    finish();
    const auto packets = of_type(blocks_of(path()), kPacket);
    ASSERT_EQ(packets.size(), 2U);
    const Octets first(packets[0].body.begin() + 20,
                       packets[0].body.begin() + 20 + packets[0].number(12));
    const packet::IpHeader v4 = packet::parse_ipv4(first);
    EXPECT_EQ(v4.reason, DropReason::none);
    EXPECT_EQ(IpAddress::v4(first.data() + 12), flow.peer);
    EXPECT_EQ(v4.payload_length, first.size() - 20);
    EXPECT_TRUE(packet::checksum_ok(std::span(first).subspan(20)));
    EXPECT_TRUE(packets[0].has("plain: came in clear"));
    EXPECT_TRUE(packets[0].has("wwww")) << "plaintext is what was asked for";
    const Octets second(packets[1].body.begin() + 20,
                        packets[1].body.begin() + 20 + packets[1].number(12));
    EXPECT_EQ(packet::parse_ipv6(second).reason, DropReason::none);
    EXPECT_EQ(IpAddress::v6(second.data() + 8), six.local);
    EXPECT_TRUE(packet::checksum_ok(std::span(second).subspan(40)));
}

TEST_F(CaptureRecorder, ends_at_its_number_of_packets) {
    ASSERT_TRUE(begin(file(), {}, {.packets = 7, .octets = 1 << 30}));
    receive(20);
    await([](const Progress& now) { return now.wants_end; });
    const Progress progress = finish();
    EXPECT_EQ(progress.reason, EndReason::packets);
    EXPECT_EQ(progress.packets, 7U);
    EXPECT_EQ(of_type(blocks_of(path()), kPacket).size(), 7U);
}

TEST_F(CaptureRecorder, ends_at_its_size) {
    ASSERT_TRUE(begin(file(), {}, {.packets = 1'000'000, .octets = 4096}));
    receive(100);
    await([](const Progress& now) { return now.wants_end; });
    const Progress progress = finish();
    EXPECT_EQ(progress.reason, EndReason::octets);
    EXPECT_GE(progress.octets, 4096U);
    EXPECT_LT(progress.octets, 4096U + 1024);
    blocks_of(path());
}

TEST_F(CaptureRecorder, a_full_disk_ends_it_and_the_file_can_be_read) {
    const rlimit room{3000, limit_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &room), 0);
    ASSERT_TRUE(begin(file()));
    receive(100);
    await([](const Progress& now) { return now.wants_end; });
    const Progress progress = finish();
    EXPECT_EQ(progress.reason, EndReason::failed);
    EXPECT_NE(progress.error, "");
    const auto blocks = blocks_of(path());
    EXPECT_GT(of_type(blocks, kPacket).size(), 5U);
    EXPECT_LE(std::filesystem::file_size(path()), 3000U);
}

TEST_F(CaptureRecorder, a_pipe_that_nobody_reads_ends_it_and_only_it_waits) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Descriptor reader(ends[0]);
    ASSERT_TRUE(begin(Descriptor(ends[1]), {.targets = {}, .ring_octets = 1 << 16}));
    while (tap->not_kept() == 0) {
        receive(64, 1000);  // never waits
    }
    Progress progress = recorder.progress();
    EXPECT_FALSE(progress.wants_end);
    EXPECT_EQ(begin(file()).error().code, ErrorCode::unavailable) << "one at a time";
    progress = finish();
    EXPECT_EQ(progress.reason, EndReason::stalled);
    EXPECT_TRUE(begin(file())) << "and the next one can begin";
    finish();
}

TEST_F(CaptureRecorder, a_reader_that_goes_away_ends_it) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    ASSERT_TRUE(begin(Descriptor(ends[1])));
    ::close(ends[0]);
    receive(10);
    await([](const Progress& now) { return now.wants_end; });
    EXPECT_EQ(finish().reason, EndReason::reader_gone);
}

TEST_F(CaptureRecorder, what_was_not_kept_is_told_at_the_end) {
    ASSERT_TRUE(begin(file(), {.targets = {}, .ring_octets = 4096}));
    while (tap->not_kept() == 0) {
        receive(64, 1000);
    }
    const Progress progress = finish();
    EXPECT_GT(progress.not_kept, 0U);
    const auto statistics = of_type(blocks_of(path()), kStatistics);
    ASSERT_EQ(statistics.size(), 1U);
    EXPECT_TRUE(statistics[0].has(fmt::format("{} packets", progress.not_kept)));
}

TEST_F(CaptureRecorder, left_alone_in_the_middle_the_file_is_whole) {
    {
        Recorder other;
        auto one =
            std::make_shared<Tap>(Tap::Settings{.targets = {{.port = 0, .whole_port = true}}});
        rig.workers[0]->set_tap(one.get());
        ASSERT_TRUE(other.begin({.file = expect(FileSink::adopt(file())),
                                 .taps = {one},
                                 .section = {},
                                 .interfaces = {{}},
                                 .secrets = {},
                                 .limits = {.packets = 100, .octets = 1 << 20}}));
        receive(3);
        rig.workers[0]->set_tap(nullptr);
    }
    EXPECT_EQ(of_type(blocks_of(path()), kPacket).size(), 3U);
}

}  // namespace
}  // namespace sdg::test
