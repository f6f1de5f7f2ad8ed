// Files that may be taken, and those that are full, stuck or without a reader.
#include "control/capture/file_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "control/capture/pcapng.h"

namespace sdg::capture {
namespace {

const std::function<bool()> kNever = [] { return false; };

class CaptureFile : public testing::Test {
 protected:
    CaptureFile() {
        std::string name = (std::filesystem::temp_directory_path() / "sdg-capture-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        // As the recorder's thread has it.
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGXFSZ);
        sigaddset(&signals, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        ::getrlimit(RLIMIT_FSIZE, &limit_);
    }
    ~CaptureFile() override {
        ::setrlimit(RLIMIT_FSIZE, &limit_);
        std::filesystem::remove_all(folder_);
    }
    [[nodiscard]] std::filesystem::path path() const { return folder_ / "f"; }
    [[nodiscard]] Descriptor open(int flags = O_WRONLY | O_CREAT) const {
        return Descriptor(::open(path().c_str(), flags | O_CLOEXEC, 0600));
    }
    // As if the disk had room for so much.
    void set_room(rlim_t octets) const {
        const rlimit room{octets, limit_.rlim_max};
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &room), 0);
    }
    static std::vector<uint8_t> block(size_t text) {
        std::vector<uint8_t> out;
        append(out, Section{.application = std::string(text, 'a'), .comments = {}});
        return out;
    }
    static std::string refusal(Descriptor file) {
        auto sink = FileSink::adopt(std::move(file));
        return sink ? "" : sink.error().message;
    }

    std::filesystem::path folder_;
    rlimit limit_{};
};

TEST_F(CaptureFile, what_is_written_is_there) {
    auto sink = FileSink::adopt(open());
    ASSERT_TRUE(sink) << sink.error().message;
    const auto octets = block(100);
    EXPECT_EQ(sink->write(octets, kNever), FileSink::Outcome::written);
    EXPECT_EQ(sink->write(octets, kNever), FileSink::Outcome::written);
    EXPECT_EQ(sink->written(), 2 * octets.size());
    EXPECT_EQ(std::filesystem::file_size(path()), 2 * octets.size());
}

TEST_F(CaptureFile, only_an_empty_regular_file_or_a_pipe_that_can_be_written_is_taken) {
    EXPECT_NE(refusal(Descriptor(-1)), "");
    EXPECT_NE(refusal(Descriptor(::open("/dev/null", O_WRONLY | O_CLOEXEC))), "");
    EXPECT_NE(refusal(Descriptor(::open(folder_.c_str(), O_RDONLY | O_CLOEXEC))), "");
    EXPECT_NE(refusal(Descriptor(::open("/proc/self/comm", O_RDWR | O_CLOEXEC))), "");
    (void)open();
    EXPECT_NE(refusal(open(O_RDONLY)), "");
    EXPECT_NE(refusal(open(O_PATH)), "");
    std::ofstream(path()) << "mine";
    EXPECT_NE(refusal(open(O_WRONLY)).find("not empty"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(path()), 4U);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Descriptor reader(ends[0]);
    EXPECT_EQ(refusal(Descriptor(ends[1])), "");
}

TEST_F(CaptureFile, a_full_disk_leaves_whole_blocks_and_says_why) {
    const auto octets = block(1000);
    std::vector<uint8_t> three;
    for (int i = 0; i < 3; ++i) {
        three.insert(three.end(), octets.begin(), octets.end());
    }
    auto sink = FileSink::adopt(open());
    ASSERT_TRUE(sink);
    ASSERT_EQ(sink->write(octets, kNever), FileSink::Outcome::written);
    set_room(3 * octets.size() + 100);
    EXPECT_EQ(sink->write(three, kNever), FileSink::Outcome::failed);
    EXPECT_NE(sink->error(), "");
    EXPECT_EQ(sink->written(), 3 * octets.size());
    EXPECT_EQ(std::filesystem::file_size(path()), 3 * octets.size());
    const auto last = block(20);
    sink->append_last(last);
    EXPECT_EQ(std::filesystem::file_size(path()), 3 * octets.size() + last.size());
    sink->append_last(octets);
    EXPECT_EQ(std::filesystem::file_size(path()), 3 * octets.size() + last.size());
}

TEST_F(CaptureFile, a_pipe_without_a_reader_ends_it) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    auto sink = FileSink::adopt(Descriptor(ends[1]));
    ASSERT_TRUE(sink);
    ::close(ends[0]);
    EXPECT_EQ(sink->write(block(10), kNever), FileSink::Outcome::reader_gone);
}

TEST_F(CaptureFile, a_pipe_that_nobody_reads_is_given_up_when_it_is_said) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Descriptor reader(ends[0]);
    auto sink = FileSink::adopt(Descriptor(ends[1]));
    ASSERT_TRUE(sink);
    const auto octets = block(50'000);
    unsigned asked = 0;
    auto outcome = FileSink::Outcome::written;
    for (int i = 0; i < 100 && outcome == FileSink::Outcome::written; ++i) {
        outcome = sink->write(octets, [&] { return ++asked == 2; });
    }
    EXPECT_EQ(outcome, FileSink::Outcome::given_up);
    EXPECT_EQ(asked, 2U);
}

}  // namespace
}  // namespace sdg::capture
