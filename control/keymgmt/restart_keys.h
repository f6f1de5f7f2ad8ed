// RestartKeys: which restart keys of an association are in place, for every key-management method.
//
//   install()      with the primary keys of an epoch, after them; or later, when the keys that the
//                  association runs under since its restart hold the place (two bits of the epoch)
//   commit()       the epoch is agreed: the keys are kept, those before become the previous ones
//   withdraw()     its handshake has failed
//   on_primary()   a restarted association sends under primary keys from now on
//   on_drained()   nothing of the epoch before is under way: what is not needed any more goes
//
// The previous keys stay until the newest are kept here (on_kept) and, as on_drained() is taken to
// tell, by the peer: whichever of the two a side comes back with, the other side has them.
//
// Without an agreement on restart every call does nothing. Sans I/O; control thread.
//
// Source: draft-ietf-tsvwg-sctp-dtls-chunk, "SCTP Restart Considerations".
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "control/keymgmt/method.h"

namespace sdg::keymgmt {

// How long packets under the restart keys that an association runs under may be under way after
// the last was sent. Until they have made room for the next ones a second crash costs the
// association, so this is much shorter than for other keys; what comes later still is lost, and
// sent again under the primary keys.
inline constexpr std::chrono::seconds kRestartDrain{5};

class RestartKeys {
 public:
    explicit RestartKeys(const SessionContext& context)
        : agreed_(context.restart), in_use_(context.restarted) {}

    [[nodiscard]] bool agreed() const { return agreed_; }
    // The epoch of the restart keys that the association runs under.
    [[nodiscard]] std::optional<uint16_t> in_use() const { return in_use_; }
    // Of the keys that the association leaves now; usual: where these are primary keys.
    [[nodiscard]] std::chrono::nanoseconds drain(std::chrono::nanoseconds usual) const {
        return in_use_ ? std::min<std::chrono::nanoseconds>(usual, kRestartDrain) : usual;
    }

    void install(Actions& actions, uint16_t epoch, record::KeyMaterial send,
                 record::KeyMaterial receive);
    void withdraw(Actions& actions, uint16_t epoch);
    void commit(Actions& actions, uint16_t epoch, std::string local_identity,
                std::string peer_identity, bool wait);
    void on_primary(Actions& actions);
    void on_drained(Actions& actions);
    void on_kept(uint16_t epoch, bool kept);

 private:
    // Made, and not kept yet.
    struct Fresh {
        uint16_t epoch = 0;
        record::KeyMaterial send;
        record::KeyMaterial receive;
        bool installed = false;
        bool committed = false;
        std::string local_identity;
        std::string peer_identity;
    };

    void put_in_place(Actions& actions);
    void keep(Actions& actions, bool wait);
    static void destroy(Actions& actions, uint16_t epoch);

    bool agreed_;
    std::optional<uint16_t> in_use_;
    bool sending_primary_ = false;  // its send key has gone
    std::optional<Fresh> fresh_;
    std::optional<uint16_t> newest_;
    std::optional<uint16_t> previous_;
    bool newest_kept_ = false;
};

}  // namespace sdg::keymgmt
