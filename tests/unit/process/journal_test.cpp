#include "control/process/journal.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace sdg::process {
namespace {

TEST(Journal, entries_are_datagrams_and_a_full_or_absent_journal_is_not_waited_for) {
    const std::string path = "/tmp/sdg-journal-" + std::to_string(::getpid());
    const Journal journal(path);
    EXPECT_FALSE(journal.send("MESSAGE=x\n")) << "nobody is there";

    const int end = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path, address.sun_path);
    ASSERT_EQ(::bind(end, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_TRUE(journal.send("MESSAGE=x\nPRIORITY=6\n"));
    char buffer[128];
    const ssize_t n = ::recv(end, buffer, sizeof buffer, 0);
    EXPECT_EQ(std::string(buffer, n > 0 ? static_cast<size_t>(n) : 0), "MESSAGE=x\nPRIORITY=6\n");
    int taken = 0;
    while (taken < 100'000 && journal.send("MESSAGE=y\n")) {
        ++taken;
    }
    EXPECT_LT(taken, 100'000) << "it came back, refused";
    ::close(end);
    ::unlink(path.c_str());
}

TEST(Journal, is_used_only_when_standard_error_leads_there) {
    struct stat status {};
    ASSERT_EQ(::fstat(STDERR_FILENO, &status), 0);
    const std::string ours = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    ::setenv("JOURNAL_STREAM", ours.c_str(), 1);
    EXPECT_TRUE(Journal::of_standard_error());
    ::setenv("JOURNAL_STREAM", (ours + "1").c_str(), 1);
    EXPECT_FALSE(Journal::of_standard_error()) << "inherited, but redirected since";
    ::unsetenv("JOURNAL_STREAM");
    EXPECT_FALSE(Journal::of_standard_error());
}

}  // namespace
}  // namespace sdg::process
