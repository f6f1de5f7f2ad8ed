// What the control plane logs while an object of this class lives.
#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include "control/log.h"

namespace sdg::sim {

class LogCapture {
 public:
    LogCapture() : sink_(std::make_shared<spdlog::sinks::ostream_sink_st>(stream_)) {
        for (const char* module : {"sctp", "relay", "restart", "keymgmt", "gateway"}) {
            log::of(module).sinks().push_back(sink_);
        }
    }
    ~LogCapture() {
        for (const char* module : {"sctp", "relay", "restart", "keymgmt", "gateway"}) {
            std::erase(log::of(module).sinks(), sink_);
        }
    }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    [[nodiscard]] std::string text() const { return stream_.str(); }
    [[nodiscard]] bool has(std::string_view what) const {
        return text().find(what) != std::string::npos;
    }
    [[nodiscard]] size_t count(std::string_view what) const {
        size_t out = 0;
        const std::string all = text();
        for (size_t at = all.find(what); at != std::string::npos; at = all.find(what, at + 1)) {
            ++out;
        }
        return out;
    }

 private:
    std::ostringstream stream_;
    std::shared_ptr<spdlog::sinks::sink> sink_;
};

}  // namespace sdg::sim
