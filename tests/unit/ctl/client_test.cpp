// What an operator is told when the gateway's end of the socket does not do what it should.
#include "tools/ctl/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>
#include <vector>

namespace sdg::ctl {
namespace {

class CtlClient : public testing::Test {
 protected:
    CtlClient() {
        std::string name = (std::filesystem::temp_directory_path() / "sdg-ctl-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        path = folder_ / "s";
    }
    ~CtlClient() override { std::filesystem::remove_all(folder_); }
    void listen(int backlog) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy(path.native(), address.sun_path);
        ASSERT_EQ(
            ::bind(gateway.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(gateway.get(), backlog), 0);
    }

    std::filesystem::path folder_;
    std::filesystem::path path;
    Descriptor gateway{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

TEST_F(CtlClient, a_gateway_that_does_not_answer_is_said_to_hang) {
    listen(4);  // and never accepted: what a stopped control loop looks like
    auto client = Client::connect(path, std::chrono::seconds(1));
    ASSERT_TRUE(client) << client.error().message;
    const auto answer = (*client)->ask("status", nlohmann::json::object());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::timed_out);
    EXPECT_EQ(answer.error().message,
              "the gateway has not answered within 1 s; its control loop may hang");
}

TEST_F(CtlClient, one_whose_queue_is_full_is_said_to_hang) {
    listen(0);
    std::vector<std::unique_ptr<Client>> waiting;
    while (true) {
        auto client = Client::connect(path, std::chrono::seconds(1));
        if (!client) {
            EXPECT_EQ(client.error().code, ErrorCode::timed_out);
            EXPECT_NE(client.error().message.find("may hang"), std::string::npos)
                << client.error().message;
            break;
        }
        waiting.push_back(std::move(*client));
        ASSERT_LT(waiting.size(), 10U);
    }
}

TEST_F(CtlClient, one_that_goes_while_it_is_asked_is_said_to_be_gone) {
    listen(4);
    auto client = Client::connect(path, std::chrono::seconds(1));
    ASSERT_TRUE(client) << client.error().message;
    gateway = Descriptor();
    const auto answer = (*client)->ask("status", nlohmann::json::object());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::unavailable) << answer.error().message;
}

}  // namespace
}  // namespace sdg::ctl
