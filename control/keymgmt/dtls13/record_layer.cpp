#include "control/keymgmt/dtls13/record_layer.h"

#include <algorithm>
#include <utility>

namespace sdg::keymgmt::dtls13 {

Checked<void> RecordLayer::install_receive(uint64_t epoch, View traffic_secret) {
    auto protection =
        RecordProtection::create(suite_, RecordProtection::Direction::open, traffic_secret);
    if (!protection) {
        return tl::unexpected(protection.error());
    }
    receive_.erase(epoch);
    receive_.try_emplace(epoch, std::move(*protection));
    // Two epochs with the same low bits could not be told apart.
    while (receive_.size() > kReceiveEpochs) {
        receive_.erase(receive_.begin());
    }
    return {};
}

Checked<void> RecordLayer::install_send(uint64_t epoch, View traffic_secret) {
    auto protection =
        RecordProtection::create(suite_, RecordProtection::Direction::seal, traffic_secret);
    if (!protection) {
        return tl::unexpected(protection.error());
    }
    send_.insert_or_assign(epoch, SendEpoch{.protection = std::move(*protection)});
    return {};
}

void RecordLayer::remove_receive_before(uint64_t epoch) {
    receive_.erase(receive_.begin(), receive_.lower_bound(epoch));
}

void RecordLayer::remove_send_before(uint64_t epoch) {
    send_.erase(send_.begin(), send_.lower_bound(epoch));
}

uint64_t RecordLayer::seals_left() const {
    if (send_.empty()) {
        return 0;
    }
    const uint64_t limit = std::min(record::traits(suite_)->seal_limit, record::kMaxSequence);
    const uint64_t used = send_.rbegin()->second.next;
    return used < limit ? limit - used : 0;
}

Checked<ReadOutcome> RecordLayer::read(View& datagram, OpenedRecord& record) {
    const auto wire = take_record(datagram);
    if (!wire) {
        datagram = {};
        return ReadOutcome::malformed;
    }
    if (wire->is_protected) {
        return read_protected(*wire, record);
    }
    if (wire->number.epoch != kClearEpoch || wire->payload.size() > kMaxPlaintext) {
        return ReadOutcome::malformed;
    }
    record.number = wire->number;
    record.type = wire->type;
    record.content.assign(wire->payload.begin(), wire->payload.end());
    return ReadOutcome::opened;
}

Checked<ReadOutcome> RecordLayer::read_protected(const WireRecord& wire, OpenedRecord& record) {
    const auto found = std::find_if(receive_.rbegin(), receive_.rend(), [&](const auto& epoch) {
        return (epoch.first & 3) == wire.epoch_bits;
    });
    if (found == receive_.rend()) {
        return ReadOutcome::no_keys;
    }
    auto& [epoch, keys] = *found;
    const auto sequence = keys.protection.sequence_of(wire, keys.window.next_expected());
    if (!sequence || *sequence > record::kMaxSequence) {
        return ReadOutcome::malformed;
    }
    if (!keys.window.check(*sequence)) {
        return ReadOutcome::replayed;
    }
    auto inner = keys.protection.open(wire, *sequence);
    if (!inner) {
        if (++keys.failures >= record::traits(suite_)->open_failure_limit) {
            return refuse(AlertDescription::bad_record_mac,
                          "too many records did not open under the keys of epoch {}", epoch);
        }
        return ReadOutcome::not_authentic;
    }
    keys.window.commit(*sequence);
    const auto last =
        std::find_if(inner->rbegin(), inner->rend(), [](uint8_t o) { return o != 0; });
    if (last == inner->rend()) {
        return refuse(AlertDescription::unexpected_message, "a record without a content type");
    }
    record.type = static_cast<ContentType>(*last);
    inner->resize(static_cast<size_t>(inner->rend() - last) - 1);
    if (inner->size() > kMaxPlaintext) {
        return refuse(AlertDescription::record_overflow, "a record of {} octets", inner->size());
    }
    record.number = {epoch, *sequence};
    record.content = std::move(*inner);
    return ReadOutcome::opened;
}

Checked<RecordNumber> RecordLayer::write(uint64_t epoch, ContentType type, View content,
                                         Octets& datagram) {
    if (epoch == kClearEpoch) {
        const RecordNumber number{kClearEpoch, clear_sequence_++};
        append_clear_record(datagram, type, number.sequence, content);
        return number;
    }
    const auto found = send_.find(epoch);
    if (found == send_.end()) {
        return refuse(AlertDescription::internal_error, "no keys to send in epoch {}", epoch);
    }
    SendEpoch& keys = found->second;
    const uint64_t limit = std::min(record::traits(suite_)->seal_limit, record::kMaxSequence);
    if (keys.next >= limit) {
        return refuse(AlertDescription::internal_error, "the keys of epoch {} are used up", epoch);
    }
    const RecordNumber number{epoch, keys.next++};
    if (auto sealed = keys.protection.seal(number, type, content, datagram); !sealed) {
        return tl::unexpected(sealed.error());
    }
    return number;
}

}  // namespace sdg::keymgmt::dtls13
