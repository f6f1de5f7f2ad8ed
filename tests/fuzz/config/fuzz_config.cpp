// Any octets as a configuration file: load_text() answers with a sound configuration or with errors
// of one line each, and no exception leaves it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/load.h"

namespace {

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void require_sound(const sdg::config::Configuration& c) {
    for (const auto& backend : c.backends) {
        require(backend.port_index < c.ports.size());
        require(!backend.protection || *backend.protection < c.protection.size());
        require(backend.protection.has_value() ==
                (backend.side == sdg::config::Side::protected_side));
    }
    for (const auto& listener : c.listeners) {
        require(listener.port_index < c.ports.size());
        require(listener.backend < c.backends.size());
        require(!listener.protection || *listener.protection < c.protection.size());
        require(listener.protection.has_value() ==
                (listener.side == sdg::config::Side::protected_side));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto result =
        sdg::config::load_text({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
    if (result) {
        require_sound(*result);
        return 0;
    }
    require(!result.error().empty());
    require(result.error().size() <= sdg::config::max_reported_errors + 1);
    for (const auto& error : result.error()) {
        require(!error.expected.empty() && !error.got.empty());
        require(sdg::config::to_string(error).find('\n') == std::string::npos);
    }
    return 0;
}
