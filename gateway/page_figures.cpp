#include "gateway/page_figures.h"

namespace sdg::gateway {

std::string page_figures(const Gateway& gateway, AdminOperations& operations) {
    using nlohmann::json;
    const std::chrono::duration<double> time = gateway.clock().now() - gateway.started();
    const json out = {{"version", 1},
                      {"time_s", time.count()},
                      {"status", operations.status()},
                      {"workers", operations.workers()["workers"]},
                      {"ports", operations.ports()["ports"]},
                      {"backends", operations.backends()["backends"]},
                      {"certificates", operations.certificates()["certificates"]},
                      {"busiest", operations.busiest()}};
    // Text may hold what a peer sent: what is no UTF-8 is replaced, never an exception.
    return out.dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace sdg::gateway
