// One connection to a gateway's admin socket: a request, its answer.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "foundation/descriptor.h"
#include "foundation/result.h"

namespace sdg::ctl {

class Client {
 public:
    // patience: for the connection, and for each answer. not_found, permission_denied, unavailable,
    // timed_out: says what to look at.
    [[nodiscard]] static Result<std::unique_ptr<Client>> connect(
        const std::filesystem::path& socket,
        std::chrono::seconds patience = std::chrono::seconds(10));

    // The answer's result. refused: the gateway's error, its code and message in the text;
    // timed_out, protocol: no answer, or none that this program understands. file: an open
    // descriptor that goes along, and stays the caller's; -1: none.
    [[nodiscard]] Result<nlohmann::json> ask(const std::string& command,
                                             const nlohmann::json& arguments, int file = -1);
    // What the last error had to tell beside its message; null: nothing.
    [[nodiscard]] const nlohmann::json& details() const { return details_; }

 private:
    Client(int descriptor, std::chrono::seconds patience)
        : socket_(descriptor), patience_(patience) {}
    Result<std::string> read_line();

    Descriptor socket_;
    std::chrono::seconds patience_;
    std::string input_;
    uint64_t last_id_ = 0;
    nlohmann::json details_;
};

}  // namespace sdg::ctl
