// The record layer of a connection: keys of the epochs in use, record numbers, replay windows,
// limits (RFC 9147, sections 4 and 6).
//
// Control thread. Few epochs at a time: clear, and at most kReceiveEpochs for receiving.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "control/keymgmt/dtls13/record_protection.h"
#include "dataplane/record/replay_window.h"

namespace sdg::keymgmt::dtls13 {

struct OpenedRecord {
    RecordNumber number;
    ContentType type = ContentType::invalid;
    Octets content;
};

// What became of a record. Everything but opened is dropped without a trace on a datagram
// transport, and has changed nothing.
enum class ReadOutcome {
    opened,
    malformed,  // the rest of the datagram is gone with it
    no_keys,    // of its epoch
    replayed,
    not_authentic,
};

class RecordLayer {
 public:
    static constexpr size_t kReceiveEpochs = 3;
    static constexpr uint32_t kReplayWindow = 256;

    // Before the first install_*().
    void set_suite(record::Suite suite) { suite_ = suite; }
    [[nodiscard]] Checked<void> install_receive(uint64_t epoch, View traffic_secret);
    [[nodiscard]] Checked<void> install_send(uint64_t epoch, View traffic_secret);
    void remove_receive_before(uint64_t epoch);
    void remove_send_before(uint64_t epoch);

    // Takes the next record off a non-empty datagram. record is set when it is opened. The errors
    // end the connection: record_overflow, unexpected_message (a record of zeros only),
    // bad_record_mac (the limit of records that did not open).
    [[nodiscard]] Checked<ReadOutcome> read(View& datagram, OpenedRecord& record);
    // Appends a record of the epoch. internal_error: no such epoch, or its records are used up.
    [[nodiscard]] Checked<RecordNumber> write(uint64_t epoch, ContentType type, View content,
                                              Octets& datagram);

    [[nodiscard]] bool can_receive(uint64_t epoch) const { return receive_.contains(epoch); }
    [[nodiscard]] bool has_receive_keys() const { return !receive_.empty(); }
    // The highest epoch that can be sent; 0 before the first keys.
    [[nodiscard]] uint64_t send_epoch() const { return send_.empty() ? 0 : send_.rbegin()->first; }
    // Records that may still be sealed under the highest epoch before its key is used up.
    [[nodiscard]] uint64_t seals_left() const;
    // The clear records' next number; a server that goes on from a cookie starts where its
    // HelloRetryRequest may have ended.
    void set_clear_sequence(uint64_t next) { clear_sequence_ = next; }

 private:
    struct ReceiveEpoch {
        explicit ReceiveEpoch(RecordProtection with) : protection(std::move(with)) {}
        RecordProtection protection;
        record::ReplayWindow window{kReplayWindow};
        uint64_t failures = 0;
    };
    struct SendEpoch {
        RecordProtection protection;
        uint64_t next = 0;
    };
    [[nodiscard]] Checked<ReadOutcome> read_protected(const WireRecord& wire, OpenedRecord& record);

    record::Suite suite_ = record::Suite::aes_128_gcm_sha256;
    uint64_t clear_sequence_ = 0;
    std::map<uint64_t, ReceiveEpoch> receive_;
    std::map<uint64_t, SendEpoch> send_;
};

}  // namespace sdg::keymgmt::dtls13
