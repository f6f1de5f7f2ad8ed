// The systemd journal's native protocol: a datagram of NAME=value lines, with fields that
// journalctl can search for (journalctl SDG_ASSOCIATION=7).
//
// Never blocks: what the journal does not take at once is refused, and the caller writes it
// elsewhere. Control thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sdg::process {

class Journal {
 public:
    // When standard error of this process is a stream to the journal (JOURNAL_STREAM).
    [[nodiscard]] static std::optional<Journal> of_standard_error();
    // socket: another path for tests.
    explicit Journal(std::string_view socket = "/run/systemd/journal/socket");
    ~Journal();
    Journal(Journal&& other) noexcept;
    Journal& operator=(Journal&&) = delete;

    // entry: NAME=value lines, values without ends of line. False: not taken.
    [[nodiscard]] bool send(std::string_view entry) const;

 private:
    std::string socket_;
    int descriptor_ = -1;
};

}  // namespace sdg::process
