// The admin socket's file: a listening unix socket with the rights it should have from the moment
// it exists, and gone when it is closed.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "foundation/descriptor.h"
#include "foundation/result.h"

namespace sdg::admin {

class SocketFile {
 public:
    // Listening, non-blocking, mode 0600; with a group 0660 and owned by it. A socket that nobody
    // listens on any more is replaced. already_exists: somebody does, or the file is no socket;
    // not_found: no such group or folder.
    [[nodiscard]] static Result<std::unique_ptr<SocketFile>> listen(
        const std::filesystem::path& path, const std::optional<std::string>& group);
    // Removes the file if it is still ours.
    ~SocketFile();
    SocketFile(const SocketFile&) = delete;
    SocketFile& operator=(const SocketFile&) = delete;

    [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
    SocketFile(int socket, std::filesystem::path path) : socket_(socket), path_(std::move(path)) {}

    Descriptor socket_;
    std::filesystem::path path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;  // 0: not made yet
};

}  // namespace sdg::admin
