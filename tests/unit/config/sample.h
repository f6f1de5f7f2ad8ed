// A small good configuration that tests bend, and the comparison of errors as people read them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace sdg::config::test {

// Line numbers matter to the tests: every key is on a line of its own.
inline const std::string good = R"(ports:
  - name: west
    device: net_null0
    addresses:
      - 10.1.0.1/24
  - name: east
    device: net_null1
    addresses:
      - 10.2.0.1/24
protection:
  - name: policy
    preshared:
      file: trunk.psk
backends:
  - name: core
    side: protected
    local: 10.2.0.1
    address: 10.2.0.2
    port: 38412
    protection: policy
listeners:
  - name: nodes
    side: plain
    address: 10.1.0.1
    port: 38412
    backend: core
)";

// The good sample with one piece replaced; the piece must be there.
inline std::string good_with(std::string_view piece, std::string_view by) {
    std::string text = good;
    const size_t at = text.find(piece);
    EXPECT_NE(at, std::string::npos) << piece;
    return at == std::string::npos ? text : text.replace(at, piece.size(), by);
}

// Of the good sample: what is put in place of what, and the one line that is said about it.
struct Bend {
    const char* name;
    const char* piece;
    const char* by;
    const char* error;  // after "gw.yaml:"
};

inline std::string errors_of(std::string_view text) {
    const LoadResult result = load_text(text, "gw.yaml");
    return result ? "no error\n" : to_string(result.error());
}

}  // namespace sdg::config::test
