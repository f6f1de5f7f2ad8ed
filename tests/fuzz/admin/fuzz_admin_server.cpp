// The admin socket with clients that do anything: say parts of lines, long lines and no lines, take
// no answers, go away, all at once. Each client gets the answers to its own lines, in their order
// and once each, or is closed; nothing is kept beyond the bounds, and no file that came along stays
// open.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "control/admin/server.h"
#include "tests/fuzz/packet/require.h"
#include "tests/fuzz/steps.h"

namespace {

using namespace sdg;
using fuzz::require;

enum What : uint8_t {
    kConnect,
    kSay,    // [client, octets...]
    kHear,   // [client]
    kLeave,  // [client]
    kHalf,   // says no more, still listens: [client]
    kTime,   // [seconds]
    kLine,   // a whole line of this length: [client, length, length]
    kFiles,  // octets with open files: [client, how many, octets...]
    kDeaf,   // takes nothing any more: [client]
    kKinds
};

constexpr size_t kMostClients = 20;
constexpr std::string_view kAnswerMark = "answer to ";

class Bench {
 public:
    explicit Bench(const std::filesystem::path& socket) : path_(socket) {
        server_ = std::move(*admin::Server::open(
            {.socket = socket, .group = std::nullopt},
            [](std::string_view line, admin::Caller& caller) {
                require(caller.peer.pid == ::getpid());
                require(line.find('\n') == std::string_view::npos);
                return std::string(kAnswerMark) + std::string(line) + "\n";
            },
            clock_));
    }
    ~Bench() {
        for (const Client& client : clients_) {
            ::close(client.descriptor);
        }
    }

    void act(const fuzz::Step& step) {
        const auto content = step.content;
        const size_t which = content.empty() ? 0 : content[0];
        Client* client = clients_.empty() ? nullptr : &clients_[which % clients_.size()];
        switch (static_cast<What>(step.what % kKinds)) {
            case kConnect:
                connect();
                break;
            case kSay:
                if (client != nullptr && content.size() > 1) {
                    say(*client, {content.begin() + 1, content.end()});
                }
                break;
            case kHear:
                if (client != nullptr) {
                    hear(*client);
                }
                break;
            case kLeave:
                if (client != nullptr) {
                    ::close(client->descriptor);
                    clients_.erase(clients_.begin() +
                                   static_cast<ptrdiff_t>(which % clients_.size()));
                }
                break;
            case kHalf:
                if (client != nullptr) {
                    ::shutdown(client->descriptor, SHUT_WR);
                }
                break;
            case kTime:
                clock_.advance(std::chrono::seconds(content.empty() ? 1 : content[0]));
                break;
            case kFiles:
                if (client != nullptr && content.size() > 2) {
                    say(*client, {content.begin() + 2, content.end()}, content[1] % 11U);
                }
                break;
            case kDeaf:
                if (client != nullptr) {
                    ::shutdown(client->descriptor, SHUT_RD);
                }
                break;
            default:
                if (client != nullptr && content.size() > 2) {
                    say(*client, std::string((size_t{content[1]} << 8 | content[2]) %
                                                 (2 * admin::kMaxRequest),
                                             'x') +
                                     "\n");
                }
        }
        for (int i = 0; i < 3; ++i) {
            server_->poll();
            require(server_->clients() <= admin::Server::kMaxClients);
        }
    }

    void end() {
        // Who has been deaf takes the answers that are left, and then says nothing for an hour.
        for (int i = 0; i < 2000; ++i) {
            for (Client& client : clients_) {
                hear(client);
            }
            server_->poll();
        }
        clock_.advance(std::chrono::hours(1));
        server_->poll();
        require(server_->clients() == 0);
    }

 private:
    struct Client {
        int descriptor;
        std::string said;      // not answered yet
        std::string heard;     // not a whole line yet
        bool cut_off = false;  // told that it is not served any more
    };

    void connect() {
        if (clients_.size() == kMostClients) {
            return;
        }
        const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy(path_.native(), address.sun_path);
        if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0) {
            ::close(descriptor);
            return;
        }
        clients_.push_back({descriptor, {}, {}, false});
    }

    static void say(Client& client, std::string text, size_t files = 0) {
        iovec octets{.iov_base = text.data(), .iov_len = text.size()};
        msghdr message{};
        message.msg_iov = &octets;
        message.msg_iovlen = 1;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(16 * sizeof(int))> control{};
        if (files > 0) {
            message.msg_control = control.data();
            message.msg_controllen = CMSG_SPACE(files * sizeof(int));
            cmsghdr* part = CMSG_FIRSTHDR(&message);
            part->cmsg_level = SOL_SOCKET;
            part->cmsg_type = SCM_RIGHTS;
            part->cmsg_len = CMSG_LEN(files * sizeof(int));
            const std::vector<int> same(files, client.descriptor);
            std::memcpy(CMSG_DATA(part), same.data(), files * sizeof(int));
        }
        const ssize_t sent = ::sendmsg(client.descriptor, &message, MSG_NOSIGNAL);
        if (sent > 0) {
            client.said.append(text, 0, static_cast<size_t>(sent));
        }
    }

    static void hear(Client& client) {
        std::array<char, 16 * 1024> buffer;
        ssize_t length = 0;
        while ((length = ::recv(client.descriptor, buffer.data(), buffer.size(), 0)) > 0) {
            client.heard.append(buffer.data(), static_cast<size_t>(length));
        }
        size_t end = 0;
        while ((end = client.heard.find('\n')) != std::string::npos) {
            const std::string line = client.heard.substr(0, end);
            client.heard.erase(0, end + 1);
            require(!client.cut_off);
            if (!line.starts_with(kAnswerMark)) {
                client.cut_off = true;  // too long a line, or too many clients
                continue;
            }
            const size_t asked = client.said.find('\n');
            require(asked != std::string::npos && asked <= admin::kMaxRequest);
            require(line.substr(kAnswerMark.size()) == client.said.substr(0, asked));
            client.said.erase(0, asked + 1);
        }
    }

    const std::filesystem::path path_;
    ManualClock clock_;
    std::unique_ptr<admin::Server> server_;
    std::vector<Client> clients_;
};

size_t open_files() {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

std::filesystem::path make_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sdg-fuzz-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr);
    static std::filesystem::path folder;
    folder = pattern;
    std::atexit([] {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    });
    return folder;
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
    return fuzz::mutate_steps(data, size, max_size, seed, 0, kKinds);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const std::filesystem::path folder = make_folder();
    const size_t files = open_files();
    {
        Bench bench(folder / "socket");
        fuzz::Steps steps({data, size});
        fuzz::Step step;
        for (int i = 0; i < 300 && steps.next(step); ++i) {
            bench.act(step);
        }
        bench.end();
    }
    require(open_files() == files);
    return 0;
}
