// The socket: rights, framing, and clients that are slow, many, silent or gone.
#include "control/admin/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace sdg::admin {
namespace {

class AdminServer : public testing::Test {
 protected:
    AdminServer() {
        std::string name = (std::filesystem::temp_directory_path() / "sdg-admin-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~AdminServer() override {
        server.reset();
        std::filesystem::remove_all(folder_);
    }

    [[nodiscard]] std::filesystem::path path() const { return folder_ / "s"; }
    Result<std::unique_ptr<Server>> make(std::optional<std::string> group = std::nullopt) {
        return Server::open(
            {.socket = path(), .group = std::move(group)},
            [this](std::string_view line, Caller& caller) {
                last_peer = caller.peer;
                last_client = caller.client;
                had_file = caller.file.get() >= 0;
                if (takes_file) {
                    taken = std::move(caller.file);
                }
                lines.emplace_back(line);
                return answer.empty() ? std::string(line) + "!\n" : answer;
            },
            clock, [this](uint64_t client) { gone.push_back(client); });
    }
    void open() {
        auto made = make();
        ASSERT_TRUE(made) << made.error().message;
        server = std::move(*made);
    }
    // The descriptor is closed by the test; -1: not let in.
    [[nodiscard]] int connect() const {
        const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy(path().native(), address.sun_path);
        if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0) {
            ::close(descriptor);
            return -1;
        }
        return descriptor;
    }
    static void say(int descriptor, const std::string& text) {
        ASSERT_EQ(::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    // With open files; returns their reading ends, which are at their end when all others are
    // closed.
    static std::vector<Descriptor> say_with_files(int descriptor, std::string text, size_t count) {
        std::vector<Descriptor> readers;
        std::vector<int> files;
        for (size_t i = 0; i < count; ++i) {
            std::array<int, 2> ends{};
            EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
            readers.emplace_back(ends[0]);
            files.push_back(ends[1]);
        }
        std::vector<char> control(CMSG_SPACE(count * sizeof(int)));
        iovec octets{.iov_base = text.data(), .iov_len = text.size()};
        msghdr message{};
        message.msg_iov = &octets;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(count * sizeof(int));
        std::memcpy(CMSG_DATA(part), files.data(), count * sizeof(int));
        EXPECT_EQ(::sendmsg(descriptor, &message, MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
        for (const int file : files) {
            ::close(file);
        }
        return readers;
    }
    static bool is_closed(const Descriptor& reader) {
        char octet = 0;
        return ::read(reader.get(), &octet, 1) == 0;
    }
    // What is there; nullopt: the server has closed.
    static std::optional<std::string> hear(int descriptor) {
        std::array<char, 65536> buffer;
        const ssize_t length = ::recv(descriptor, buffer.data(), buffer.size(), 0);
        if (length == 0) {
            return std::nullopt;
        }
        return length < 0 ? std::string() : std::string(buffer.data(), static_cast<size_t>(length));
    }
    void rounds(int count = 4) {
        for (int i = 0; i < count; ++i) {
            server->poll();
        }
    }

    std::filesystem::path folder_;
    ManualClock clock;
    std::unique_ptr<Server> server;
    std::string answer;
    std::vector<std::string> lines;
    Peer last_peer;
    uint64_t last_client = 0;
    bool had_file = false;
    bool takes_file = false;
    Descriptor taken;
    std::vector<uint64_t> gone;
};

TEST_F(AdminServer, the_socket_is_its_owners_only_and_goes_with_the_server) {
    open();
    struct stat status {};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_TRUE(S_ISSOCK(status.st_mode));
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    server.reset();
    EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(AdminServer, with_a_group_its_members_may_use_it_and_nobody_else) {
    auto made = make("root");
    ASSERT_TRUE(made) << made.error().message;
    struct stat status {};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0660U);
    EXPECT_EQ(status.st_gid, 0U);
}

TEST_F(AdminServer, an_unknown_group_is_an_error_that_names_it) {
    const auto made = make("no-such-group");
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message.find("no-such-group"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(AdminServer, a_socket_in_use_is_left_alone_and_a_stale_one_is_replaced) {
    open();
    EXPECT_FALSE(make());
    EXPECT_TRUE(std::filesystem::exists(path()));
    server.reset();
    const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);  // bound, and nobody listens
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path().native(), address.sun_path);
    ASSERT_EQ(::bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(stale);
    EXPECT_TRUE(make());
}

TEST_F(AdminServer, a_file_that_is_no_socket_is_not_removed) {
    std::ofstream(path()) << "mine";
    const auto made = make();
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::already_exists);
    EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(AdminServer, requests_are_answered_in_order_one_a_round) {
    open();
    const int client = connect();
    say(client, "one\ntwo\nthr");
    rounds();
    EXPECT_EQ(hear(client), "one!\ntwo!\n");
    say(client, "ee\n");
    EXPECT_EQ(server->poll(), 1U);
    EXPECT_EQ(hear(client), "three!\n");
    EXPECT_EQ(last_peer.uid, ::geteuid());
    EXPECT_EQ(last_peer.pid, ::getpid());
    ::close(client);
}

TEST_F(AdminServer, a_line_without_end_is_refused_and_the_client_closed) {
    open();
    const int client = connect();
    say(client, std::string(kMaxRequest + 1, 'x'));
    rounds();
    const auto said = hear(client);
    ASSERT_TRUE(said);
    EXPECT_NE(said->find("longer than"), std::string::npos);
    EXPECT_EQ(hear(client), std::nullopt);
    EXPECT_TRUE(lines.empty());
    EXPECT_EQ(server->clients(), 0U);
    ::close(client);
}

TEST_F(AdminServer, one_client_too_many_is_told_so_and_those_inside_are_served) {
    open();
    std::vector<int> inside;
    for (size_t i = 0; i < Server::kMaxClients; ++i) {
        inside.push_back(connect());
        rounds(1);
    }
    const int outside = connect();
    rounds(1);
    const auto told = hear(outside);
    ASSERT_TRUE(told);
    EXPECT_NE(told->find("too many clients"), std::string::npos);
    EXPECT_EQ(hear(outside), std::nullopt);
    say(inside.back(), "x\n");
    rounds();
    EXPECT_EQ(hear(inside.back()), "x!\n");
    EXPECT_EQ(server->clients(), Server::kMaxClients);
    ::close(outside);
    for (const int client : inside) {
        ::close(client);
    }
    rounds();
    EXPECT_EQ(server->clients(), 0U);
}

TEST_F(AdminServer, when_all_places_are_taken_one_that_has_been_silent_for_long_is_given_away) {
    open();
    std::vector<Descriptor> inside;
    for (size_t i = 0; i < Server::kMaxClients; ++i) {
        inside.emplace_back(connect());
        rounds(1);
        clock.advance(std::chrono::seconds(1));
    }
    say(inside[0].get(), "x\n");  // the longest here, but not silent
    rounds();
    const uint64_t first = last_client;
    EXPECT_EQ(hear(inside[0].get()), "x!\n");
    clock.advance(Server::kIdleWhenFull - std::chrono::seconds(Server::kMaxClients));
    const Descriptor early(connect());
    rounds(1);
    EXPECT_NE(hear(early.get()).value_or("").find("too many clients"), std::string::npos)
        << "nobody has been silent for long";
    clock.advance(std::chrono::seconds(1));
    const Descriptor health(connect());
    const Descriptor another(connect());
    rounds(1);
    say(health.get(), "status\n");
    rounds();
    EXPECT_EQ(hear(health.get()), "status!\n");
    EXPECT_EQ(gone, std::vector<uint64_t>{first + 1}) << "its place, and it is told";
    EXPECT_EQ(hear(inside[1].get()), std::nullopt);
    EXPECT_EQ(hear(inside[0].get()), "");
    EXPECT_EQ(hear(inside[2].get()), "");
    EXPECT_NE(hear(another.get()).value_or("").find("too many clients"), std::string::npos)
        << "only one has been silent for long";
    EXPECT_EQ(server->clients(), Server::kMaxClients);
}

TEST_F(AdminServer, a_client_that_does_not_take_its_answer_is_not_read_and_then_closed) {
    open();
    answer = std::string(4 << 20, 'a') + "\n";  // more than a socket buffer holds
    const int client = connect();
    say(client, "one\ntwo\n");
    rounds(20);
    EXPECT_EQ(lines.size(), 1U);
    clock.advance(std::chrono::seconds(61));
    rounds(2);
    EXPECT_EQ(server->clients(), 0U);
    ::close(client);
}

TEST_F(AdminServer, a_slow_reader_gets_all_of_its_answer) {
    open();
    answer = std::string(1 << 20, 'a') + "\n";
    const int client = connect();
    say(client, "one\n");
    size_t got = 0;
    for (int i = 0; i < 10'000 && got < answer.size(); ++i) {
        rounds(1);
        got += hear(client).value_or("").size();
    }
    EXPECT_EQ(got, answer.size());
    ::close(client);
}

TEST_F(AdminServer, a_silent_client_is_closed_and_one_that_speaks_is_not) {
    open();
    const int silent = connect();
    const int busy = connect();
    rounds(1);
    clock.advance(std::chrono::seconds(40));
    say(busy, "x\n");
    rounds();
    clock.advance(std::chrono::seconds(40));
    rounds();
    EXPECT_EQ(hear(silent), std::nullopt);
    EXPECT_EQ(server->clients(), 1U);
    ::close(silent);
    ::close(busy);
}

TEST_F(AdminServer, what_was_asked_before_the_client_shut_its_side_is_answered) {
    open();
    const int client = connect();
    say(client, "one\n");
    ::shutdown(client, SHUT_WR);
    rounds();
    EXPECT_EQ(hear(client), "one!\n");
    EXPECT_EQ(hear(client), std::nullopt);
    ::close(client);
}

TEST_F(AdminServer, a_file_comes_with_its_request_and_is_closed_unless_it_is_taken) {
    open();
    const int client = connect();
    auto readers = say_with_files(client, "one\n", 1);
    rounds();
    EXPECT_TRUE(had_file);
    EXPECT_TRUE(is_closed(readers[0]));
    say(client, "two\n");
    rounds();
    EXPECT_FALSE(had_file);
    takes_file = true;
    readers = say_with_files(client, "three\n", 1);
    rounds();
    EXPECT_TRUE(had_file);
    EXPECT_FALSE(is_closed(readers[0]));
    taken = Descriptor();
    EXPECT_TRUE(is_closed(readers[0]));
    ::close(client);
}

TEST_F(AdminServer, of_many_files_the_first_counts_and_none_stays_open) {
    open();
    takes_file = true;
    const int client = connect();
    const auto readers = say_with_files(client, "on", 20);
    rounds();
    EXPECT_TRUE(lines.empty());
    const auto more = say_with_files(client, "e\n", 2);
    rounds();
    ASSERT_EQ(lines, std::vector<std::string>{"one"});
    EXPECT_FALSE(is_closed(readers[0]));
    for (size_t i = 1; i < readers.size(); ++i) {
        EXPECT_TRUE(is_closed(readers[i])) << i;
    }
    EXPECT_TRUE(is_closed(more[0]) && is_closed(more[1]));
    ::close(client);
}

TEST_F(AdminServer, a_file_goes_with_a_client_that_says_no_more) {
    open();
    const int client = connect();
    const auto readers = say_with_files(client, "one", 1);
    rounds();
    EXPECT_FALSE(is_closed(readers[0]));
    ::close(client);
    rounds();
    EXPECT_TRUE(is_closed(readers[0]));
}

TEST_F(AdminServer, each_client_has_a_number_of_its_own_and_its_end_is_told) {
    open();
    const int first = connect();
    const int second = connect();
    rounds(1);
    say(first, "x\n");
    rounds();
    const uint64_t number = last_client;
    say(second, "x\n");
    rounds();
    EXPECT_NE(last_client, number);
    EXPECT_TRUE(gone.empty());
    ::close(first);
    rounds();
    EXPECT_EQ(gone, std::vector<uint64_t>{number});
    ::close(second);
    rounds();
    EXPECT_EQ(gone.size(), 2U);
}

}  // namespace
}  // namespace sdg::admin
