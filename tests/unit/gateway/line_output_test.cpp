// A reader of the log who does not read.
#include "gateway/line_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

#include "foundation/descriptor.h"

namespace sdg::gateway {
namespace {

class LogLineOutput : public testing::Test {
 protected:
    LogLineOutput() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        read_ = Descriptor(ends[0]);
        write_ = Descriptor(ends[1]);
        EXPECT_EQ(::fcntl(read_.get(), F_SETFL, O_NONBLOCK), 0);  // the reader's end only
    }
    std::string read_all() {
        std::string out;
        std::array<char, 4096> piece{};
        for (ssize_t n = 0; (n = ::read(read_.get(), piece.data(), piece.size())) > 0;) {
            out.append(piece.data(), static_cast<size_t>(n));
        }
        return out;
    }
    Descriptor read_;
    Descriptor write_;
};

TEST_F(LogLineOutput, writes_lines_of_any_length) {
    LineOutput output(write_.get());
    const std::string line = std::string(9000, 'x') + '\n';
    output.write("short\n");
    output.write(line);
    EXPECT_EQ(read_all(), "short\n" + line);
    EXPECT_EQ(output.lost(), 0U);
}

// Without looking first, the second round would wait for ever: the test would not end.
TEST_F(LogLineOutput, never_waits_and_counts_what_is_lost) {
    LineOutput output(write_.get());
    const std::string line = std::string(999, 'x') + '\n';
    uint64_t written = 0;
    for (int i = 0; i < 200; ++i) {
        output.write(line);
    }
    const std::string first = read_all();
    written = first.size() / line.size();
    EXPECT_GT(written, 50U);
    EXPECT_EQ(output.lost(), 200 - written);
    output.write("after\n");
    EXPECT_EQ(read_all(), "after\n");
}

TEST_F(LogLineOutput, a_line_that_was_begun_is_ended_before_the_next) {
    LineOutput output(write_.get());
    output.write(std::string(200'000, 'x') + '\n');  // more than a pipe takes
    EXPECT_EQ(output.lost(), 1U);
    const std::string begun = read_all();
    EXPECT_EQ(begun.find('\n'), std::string::npos);
    output.write("next\n");
    EXPECT_EQ(read_all(), "\nnext\n");
}

TEST_F(LogLineOutput, survives_a_reader_who_has_gone) {
    read_ = Descriptor();
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    LineOutput output(write_.get());
    output.write("nobody reads\n");
    EXPECT_EQ(output.lost(), 1U);
    ::signal(SIGPIPE, before);
    LineOutput none(-1);
    none.write("no descriptor\n");
    EXPECT_EQ(none.lost(), 1U);
}

}  // namespace
}  // namespace sdg::gateway
