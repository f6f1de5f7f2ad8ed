#include "gateway/kernel_forwarding.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string_view>

namespace sdg::gateway {
namespace {

// Of "net_af_packet0,iface=eth1,..."; empty: the device shares no interface with the kernel.
std::string_view shared_interface(std::string_view device) {
    constexpr std::string_view key = ",iface=";
    const size_t at = device.find(key);
    if (!device.starts_with("net_af_packet") || at == std::string_view::npos) {
        return {};
    }
    const std::string_view name = device.substr(at + key.size());
    return name.substr(0, name.find(','));
}

}  // namespace

std::vector<std::string> kernel_forwarding(const config::Configuration& configuration,
                                           const std::filesystem::path& proc) {
    std::vector<std::string> out;
    for (const auto& port : configuration.ports) {
        const std::string interface(shared_interface(port.device));
        if (interface.empty()) {
            continue;
        }
        for (const auto& [family, name] :
             {std::pair(IpAddress::Family::v4, "ipv4"), std::pair(IpAddress::Family::v6, "ipv6")}) {
            const bool is_used = std::ranges::any_of(
                port.addresses,
                [wanted = family](const auto& one) { return one.address.family == wanted; });
            std::ifstream file(proc / name / "conf" / interface / "forwarding");
            int value = 0;
            if (is_used && file >> value && value != 0) {
                // sysctl takes a dot of an interface's name as a slash.
                std::string as_key = interface;
                std::ranges::replace(as_key, '.', '/');
                out.push_back(fmt::format("net.{}.conf.{}.forwarding", name, as_key));
            }
        }
    }
    return out;
}

}  // namespace sdg::gateway
