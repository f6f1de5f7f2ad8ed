// The socket: rights, framing, and clients that are slow, many, silent or gone.
#include "control/admin/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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
            [this](std::string_view line, const Peer& who) {
                last_peer = who;
                lines.emplace_back(line);
                return answer.empty() ? std::string(line) + "!\n" : answer;
            },
            clock);
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

}  // namespace
}  // namespace sdg::admin
