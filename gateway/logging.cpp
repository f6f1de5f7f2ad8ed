#include "gateway/logging.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "control/log.h"
#include "control/process/journal.h"
#include "gateway/line_output.h"
#include "gateway/log_budget.h"
#include "gateway/log_line.h"

namespace sdg::gateway {
namespace {

std::atomic<uint64_t> g_suppressed{0};
std::atomic<uint64_t> g_lost{0};

spdlog::level::level_enum level_of(config::LogLevel level) {
    switch (level) {
        case config::LogLevel::error:
            return spdlog::level::err;
        case config::LogLevel::warn:
            return spdlog::level::warn;
        case config::LogLevel::debug:
            return spdlog::level::debug;
        case config::LogLevel::info:
            break;
    }
    return spdlog::level::info;
}

config::LogLevel level_of(spdlog::level::level_enum level) {
    return level >= spdlog::level::err     ? config::LogLevel::error
           : level == spdlog::level::warn  ? config::LogLevel::warn
           : level <= spdlog::level::debug ? config::LogLevel::debug
                                           : config::LogLevel::info;
}

class Sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
    explicit Sink(const config::Log& settings)
        : budget_(settings.lines_per_second), format_(settings.format) {
        if (format_ == config::LogFormat::automatic) {
            if (auto journal = process::Journal::of_standard_error()) {
                journal_.emplace(std::move(*journal));
            }
        }
    }

    void tell_suppressed(bool all) {
        const std::lock_guard lock(mutex_);
        const auto now = std::chrono::system_clock::now();
        for (const LogLine& line : all ? budget_.last_notices(now) : budget_.notices(now)) {
            write(line);
        }
    }

 protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const LogLine line = log_line(message.time, level_of(message.level),
                                      {message.logger_name.data(), message.logger_name.size()},
                                      {message.payload.data(), message.payload.size()});
        if (budget_.allows(line)) {
            write(line);
        } else {
            g_suppressed.store(budget_.suppressed(), std::memory_order_relaxed);
        }
    }
    void flush_() override {}  // nothing is held back

 private:
    void write(const LogLine& line) {
        if (journal_ && journal_->send(as_journal_entry(line))) {
            return;
        }
        const std::string out = format_ == config::LogFormat::json ? as_json(line)
                                : journal_                         ? with_priority(line)
                                                                   : as_text(line);
        output_.write(out);
        g_lost.store(output_.lost(), std::memory_order_relaxed);
    }

    LogBudget budget_;
    config::LogFormat format_;
    std::optional<process::Journal> journal_;  // standard error goes there
    LineOutput output_{STDERR_FILENO};
};

std::shared_ptr<Sink>& current() {
    static std::shared_ptr<Sink> sink;
    return sink;
}

}  // namespace

void set_up_logging(const config::Log& settings) {
    spdlog::drop_all();
    current() = std::make_shared<Sink>(settings);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("gateway", current()));
    set_log_levels(settings);
}

void set_log_levels(const config::Log& settings) {
    spdlog::set_level(level_of(settings.level));
    for (const auto& [module, level] : settings.modules) {
        log::of(module).set_level(level_of(level));
    }
}

void tell_suppressed_lines() {
    if (current() && g_suppressed.load(std::memory_order_relaxed) > 0) {
        current()->tell_suppressed(false);
    }
}

void tell_last_suppressed_lines() {
    if (current()) {
        current()->tell_suppressed(true);
    }
}

uint64_t suppressed_log_lines() {
    return g_suppressed.load(std::memory_order_relaxed);
}

uint64_t lost_log_lines() {
    return g_lost.load(std::memory_order_relaxed);
}

}  // namespace sdg::gateway
