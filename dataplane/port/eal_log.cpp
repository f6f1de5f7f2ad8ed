#include "dataplane/port/eal_log.h"

#include <rte_log.h>

#include <cstdio>
#include <mutex>
#include <string_view>

namespace sdg::port {
namespace {

struct Capture {
    std::mutex mutex;
    std::string last;
    bool verbose = false;
    FILE* stream = nullptr;
};

Capture& capture() {
    static Capture instance;
    return instance;
}

ssize_t remember(void*, const char* text, size_t length) {
    Capture& state = capture();
    const std::scoped_lock lock(state.mutex);
    if (state.verbose) {
        std::fwrite(text, 1, length, stderr);
    }
    // EAL marks what matters with RTE_LOG_WARNING or worse; 0 is what it logs before its set-up.
    const int level = rte_log_cur_msg_loglevel();
    if (level > static_cast<int>(RTE_LOG_WARNING)) {
        return static_cast<ssize_t>(length);
    }
    std::string_view line(text, length);
    while (!line.empty() && (line.back() == '\n' || line.back() == ' ' || line.back() == '.')) {
        line.remove_suffix(1);
    }
    // "EAL: text", "rpmd_log(): text"
    if (const size_t colon = line.find(": ");
        colon != std::string_view::npos && line.substr(0, colon).find(' ') == line.npos) {
        line.remove_prefix(colon + 2);
    }
    if (!line.empty()) {
        state.last = std::string(line);
    }
    return static_cast<ssize_t>(length);
}

}  // namespace

void capture_eal_log(bool verbose) {
    Capture& state = capture();
    {
        const std::scoped_lock lock(state.mutex);
        state.verbose = verbose;
    }
    if (state.stream == nullptr) {
        state.stream = fopencookie(nullptr, "w", {nullptr, remember, nullptr, nullptr});
        if (state.stream != nullptr) {
            setvbuf(state.stream, nullptr, _IOLBF, 1024);
        }
    }
    if (state.stream != nullptr) {
        rte_openlog_stream(state.stream);
    }
}

void clear_eal_log() {
    const std::scoped_lock lock(capture().mutex);
    capture().last.clear();
}

std::string last_eal_log() {
    const std::scoped_lock lock(capture().mutex);
    return capture().last;
}

}  // namespace sdg::port
