#include "dataplane/packet/drop_reason.h"

namespace sdg::packet {
namespace {

constexpr std::array<std::string_view, kDropReasonCount> kNames = {"none",
#define SDG_X(name, text) #name,
                                                                   SDG_DROP_REASONS(SDG_X)
#undef SDG_X
};

constexpr std::array<std::string_view, kDropReasonCount> kDescriptions = {"not dropped",
#define SDG_X(name, text) text,
                                                                          SDG_DROP_REASONS(SDG_X)
#undef SDG_X
};

}  // namespace

std::string_view name(DropReason reason) {
    const auto index = static_cast<size_t>(reason);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view description(DropReason reason) {
    const auto index = static_cast<size_t>(reason);
    return index < kDescriptions.size() ? kDescriptions[index] : "unknown";
}

}  // namespace sdg::packet
