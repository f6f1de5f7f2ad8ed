// Log lines to a descriptor that somebody else reads: a terminal, a file, a container's log driver,
// the journal's stream. Never waits for the reader, as the control loop would wait with it: a line
// for which there is no room is lost and counted, and one that was begun is ended before the next.
//
// One writer at a time.
#pragma once

#include <cstdint>
#include <string_view>

namespace sdg::gateway {

class LineOutput {
 public:
    // Of others, and open as long as the object lives.
    explicit LineOutput(int descriptor) : descriptor_(descriptor) {}

    // line: with its end.
    void write(std::string_view line);
    // Lines that were not written, or not wholly.
    [[nodiscard]] uint64_t lost() const { return lost_; }

 private:
    [[nodiscard]] bool write_now(std::string_view piece);

    int descriptor_;
    bool is_broken_ = false;  // a line has been begun and not ended
    uint64_t lost_ = 0;
};

}  // namespace sdg::gateway
