#include "perf/pktgen/options.h"

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <fstream>

namespace sdg::traffic {
namespace {

std::atomic<bool> stopping{false};
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace

void CommonOptions::add_to(CLI::App& app) {
    app.add_option("--associations", associations.count, "associations the packets belong to")
        ->check(CLI::Range(1U, kMaxAssociations))
        ->capture_default_str();
    app.add_option("--seed", associations.seed,
                   "tags and keys follow from it; the same for forwarder and generator")
        ->capture_default_str();
    app.add_option("--suite", suite, "cipher suite of the protected leg")->capture_default_str();
    app.add_option("--plain-gateway", plain_gateway, "forwarder's address on the plain leg")
        ->capture_default_str();
    app.add_option("--plain-node", plain_node, "generator's address on the plain leg")
        ->capture_default_str();
    app.add_option("--protected-gateway", protected_gateway,
                   "forwarder's address on the protected leg")
        ->capture_default_str();
    app.add_option("--protected-node", protected_node, "generator's address on the protected leg")
        ->capture_default_str();
    app.add_option("--memory", memory_mib, "MiB of packet memory")
        ->check(CLI::Range(64U, 65'536U))
        ->capture_default_str();
    app.add_flag("--no-huge", no_huge, "ordinary pages even where hugepages are free");
    app.add_flag("--verbose", verbose, "EAL's own messages to standard error");
    app.add_option("--json", json, "write the results to this file, - for standard output");
}

Result<void> CommonOptions::resolve() {
    const auto found = record::suite_from_name(suite);
    if (!found) {
        std::string known;
        for (const record::Suite one : record::supported_suites()) {
            known += ' ';
            known += record::traits(one)->name;
        }
        return fail(ErrorCode::invalid_argument, "--suite {}: not one of{}", suite, known);
    }
    associations.suite = *found;
    for (const std::string* text :
         {&plain_gateway, &plain_node, &protected_gateway, &protected_node}) {
        const auto address = IpAddress::parse(*text);
        if (!address || address->family != IpAddress::Family::v4) {
            return fail(ErrorCode::invalid_argument, "{} is not an IPv4 address", *text);
        }
    }
    return {};
}

LegAddresses CommonOptions::addresses(Leg leg) const {
    const auto parsed = [](const std::string& text) {
        return IpAddress::parse(text).value_or(IpAddress{});
    };
    return leg == Leg::plain ? LegAddresses{parsed(plain_gateway), parsed(plain_node)}
                             : LegAddresses{parsed(protected_gateway), parsed(protected_node)};
}

bool is_pci(const std::string& device) {
    const std::string address = device.substr(0, device.find(','));
    return address.find(':') != std::string::npos && address.find('.') != std::string::npos;
}

Result<port::MacAddress> parse_mac(const std::string& text) {
    port::MacAddress mac{};
    int end = 0;
    if (std::sscanf(text.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1],
                    &mac[2], &mac[3], &mac[4], &mac[5], &end) != 6 ||
        static_cast<size_t>(end) != text.size()) {
        return fail(ErrorCode::invalid_argument, "{} is not a link address (02:00:00:00:00:01)",
                    text);
    }
    if ((mac[0] & 1) != 0 || mac == port::MacAddress{}) {
        return fail(ErrorCode::invalid_argument, "{} is not a unicast link address", text);
    }
    return mac;
}

Result<void> write_json(const nlohmann::json& report, const std::string& file) {
    if (file.empty()) {
        return {};
    }
    if (file == "-") {
        std::puts(report.dump(2).c_str());
        return {};
    }
    std::ofstream out(file, std::ios::trunc);
    out << report.dump(2) << '\n';
    out.flush();
    if (!out) {
        return fail(ErrorCode::io, "{}: results cannot be written", file);
    }
    return {};
}

void stop_on_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { stopping.store(true); };
    for (const int signal : {SIGINT, SIGTERM}) {
        sigaction(signal, &action, nullptr);
    }
}

bool stop_requested() {
    return stopping.load(std::memory_order_relaxed);
}

}  // namespace sdg::traffic
