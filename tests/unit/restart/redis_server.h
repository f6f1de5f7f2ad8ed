// A real redis-server in a folder of its own, on a Unix socket, ended by its process id.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "control/restart/redis_store.h"
#include "tests/unit/restart/temp_folder.h"

namespace sdg::restart::test {

class RedisServer {
 public:
    // further: words of its command line, after those that make it durable.
    explicit RedisServer(std::vector<std::string> further = {});
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    // Started and ready to answer; the same data as before.
    void start();
    void signal(int number) const;
    // SIGKILL, and waits for its end.
    void kill();
    [[nodiscard]] bool runs() const { return pid_ > 0; }
    [[nodiscard]] std::string socket() const { return (folder_ / "socket").string(); }
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
    [[nodiscard]] RedisSettings settings() const;
    // For preparing and looking: the reply as text, its elements one a line.
    [[nodiscard]] std::string command(const std::vector<std::string>& words) const;

 private:
    TempFolder folder_;
    std::vector<std::string> further_;
    pid_t pid_ = -1;
};

}  // namespace sdg::restart::test
