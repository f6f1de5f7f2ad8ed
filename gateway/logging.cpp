#include "gateway/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace sdg::gateway {
namespace {

// The message as a JSON string: pattern flag %* below. Log text can hold what a peer sent.
class JsonText final : public spdlog::custom_flag_formatter {
 public:
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        const std::string text =
            nlohmann::json(std::string(message.payload.data(), message.payload.size()))
                .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
        out.append(text.data(), text.data() + text.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<JsonText>();
    }
};

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

}  // namespace

void set_up_logging(const config::Log& settings) {
    spdlog::drop_all();
    auto logger = std::make_shared<spdlog::logger>(
        "gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    if (settings.format == config::LogFormat::json) {
        auto formatter = std::make_unique<spdlog::pattern_formatter>();
        formatter->add_flag<JsonText>('*').set_pattern(
            R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","module":"%n","text":%*})");
        logger->set_formatter(std::move(formatter));
    } else {
        logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %n: %v");
    }
    logger->set_level(level_of(settings.level));
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace sdg::gateway
