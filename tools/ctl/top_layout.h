// The lines of `top`'s screen for given figures, settings and size, and what keys change. Knows no
// terminal: lines are pieces of text with a meaning, which top.cpp gives colours. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ctl/top_model.h"

namespace sdg::ctl::top {

enum class Look : uint8_t { plain, strong, quiet, good, warning, bad, heading, sorted, bar };

struct Piece {
    std::string text;
    Look look = Look::plain;
};
using Line = std::vector<Piece>;

inline constexpr size_t kLeastRows = 8;
inline constexpr size_t kLeastColumns = 40;

enum class Column : uint8_t {
    id,
    state,
    messages,
    bits,
    age,
    peer,
    identity,
    method,
    backend,
    backend_peer,
    backend_identity,
    listener,
};
inline constexpr size_t kColumns = 12;

enum class Key : uint8_t {
    up,
    down,
    page_up,
    page_down,
    home,
    end,
    enter,
    escape,
    backspace,
};

struct Settings {
    Column sorted_by = Column::messages;
    bool descending = true;
    std::string filter;
    std::optional<std::string> typing;  // a filter that is being written
    bool paused = false;
    bool help = false;
    size_t first = 0;  // of the associations shown
    unsigned interval_ms = 1000;

    enum class Wish : uint8_t { nothing, ask_now, quit };
    // A character (printable ASCII and Latin letters of UTF-8 as they come) or a special key.
    Wish on_character(char character);
    Wish on_key(Key key, size_t page);

 private:
    void next_column(int step);
};

// What is known of the gateway besides figures.
struct Situation {
    std::string problem;  // why there is no answer; empty: there was one
    std::string socket;
};

struct Screen {
    std::vector<Line> lines;  // as many as the terminal has rows
    size_t page = 1;          // associations that fit
};

// figures: null before the first answer. settings.first is kept within what there is.
[[nodiscard]] Screen layout(const Figures* figures, Settings& settings, const Situation& situation,
                            size_t rows, size_t columns);

}  // namespace sdg::ctl::top
