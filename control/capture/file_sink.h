// FileSink: the file that a capture's client has opened and handed over. Whole blocks go in or
// nothing: when the disk is full, the file ends behind the last whole block.
//
// One thread. write() may wait as long as the file does (a disk, NFS); a pipe is written to only as
// far as it takes octets at once, and looked at again until give_up says so.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "foundation/descriptor.h"
#include "foundation/result.h"

namespace sdg::capture {

class FileSink {
 public:
    // invalid_argument: neither a regular file that is empty nor a pipe, or not open for writing.
    // What it is on procfs or sysfs is no file.
    [[nodiscard]] static Result<FileSink> adopt(Descriptor file);

    enum class Outcome : uint8_t {
        written,
        reader_gone,  // of the pipe
        given_up,
        failed,  // error() says why
    };
    // blocks: whole ones. After anything but written nothing more is taken, but see append_last().
    Outcome write(std::span<const uint8_t> blocks, const std::function<bool()>& give_up);
    // Tries to write one more block behind the whole ones of a file that is full: as the last ones
    // may have been shorter than it is, there may be room.
    void append_last(std::span<const uint8_t> block);
    [[nodiscard]] const std::string& error() const { return error_; }
    [[nodiscard]] uint64_t written() const { return written_; }

 private:
    FileSink(Descriptor file, bool pipe) : file_(std::move(file)), pipe_(pipe) {}
    Outcome write_file(std::span<const uint8_t> blocks);
    Outcome write_pipe(std::span<const uint8_t> blocks, const std::function<bool()>& give_up);

    Descriptor file_;
    bool pipe_;
    uint64_t written_ = 0;  // octets, of whole blocks
    std::string error_;
};

}  // namespace sdg::capture
