#include "control/keymgmt/key_limits.h"

#include <fmt/format.h>

#include "dataplane/record/suite.h"

namespace sdg::keymgmt {

std::string reason_to_renew(std::span<const keys::EpochStatistics> epochs, KeysInUse current,
                            double fraction, uint64_t octets) {
    const auto reaches = [&](uint64_t value, uint64_t limit) {
        return limit != 0 && limit != record::kNoLimit &&
               static_cast<double>(value) >= fraction * static_cast<double>(limit);
    };
    uint64_t used = 0;
    for (const auto& epoch : epochs) {
        if (!current.are(epoch)) {
            continue;
        }
        used += epoch.sealed_octets + epoch.opened_octets;
        if (reaches(epoch.sealed, epoch.seal_limit)) {
            return fmt::format("{} records sealed of {}", epoch.sealed, epoch.seal_limit);
        }
        if (reaches(epoch.open_failed, epoch.open_limit)) {
            return fmt::format("{} forged records of {}", epoch.open_failed, epoch.open_limit);
        }
    }
    return used >= octets ? fmt::format("{} octets", used) : std::string{};
}

std::string limit_reached(std::span<const keys::EpochStatistics> epochs, KeysInUse current) {
    for (const auto& epoch : epochs) {
        if (epoch.selected && epoch.seal_limit != record::kNoLimit &&
            epoch.sealed >= epoch.seal_limit) {
            return fmt::format("send key of epoch {} is used up and has no successor", epoch.epoch);
        }
        if (epoch.has_receive_key && current.are(epoch) && epoch.open_limit != 0 &&
            epoch.open_failed >= epoch.open_limit) {
            return fmt::format(
                "receive key of epoch {} has reached its limit of {} records that do not "
                "authenticate: somebody injects forged packets",
                epoch.epoch, epoch.open_limit);
        }
    }
    return {};
}

}  // namespace sdg::keymgmt
