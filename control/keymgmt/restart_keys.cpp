#include "control/keymgmt/restart_keys.h"

#include <utility>

namespace sdg::keymgmt {

using keys::KeyRole;

void RestartKeys::install(Actions& actions, uint16_t epoch, record::KeyMaterial send,
                          record::KeyMaterial receive) {
    if (!agreed_) {
        return;
    }
    if (fresh_) {
        withdraw(actions, fresh_->epoch);
    }
    if (previous_) {
        // Two epochs at a time: the peer has left this one before it took part in two more
        // handshakes.
        destroy(actions, *std::exchange(previous_, std::nullopt));
    }
    Fresh fresh;
    fresh.epoch = epoch;
    fresh.send = std::move(send);
    fresh.receive = std::move(receive);
    fresh_ = std::move(fresh);
    const bool place_taken = in_use_ && (*in_use_ & 3) == (epoch & 3);
    if (!place_taken) {
        put_in_place(actions);
    }
}

void RestartKeys::put_in_place(Actions& actions) {
    actions.emplace_back(
        InstallReceiveKey{KeyRole::restart, fresh_->epoch, fresh_->receive.clone()});
    actions.emplace_back(InstallSendKey{KeyRole::restart, fresh_->epoch, fresh_->send.clone()});
    fresh_->installed = true;
}

void RestartKeys::withdraw(Actions& actions, uint16_t epoch) {
    if (!fresh_ || fresh_->epoch != epoch) {
        return;
    }
    if (fresh_->installed) {
        destroy(actions, epoch);
    }
    fresh_.reset();
}

void RestartKeys::commit(Actions& actions, uint16_t epoch, std::string local_identity,
                         std::string peer_identity, bool wait) {
    if (!fresh_ || fresh_->epoch != epoch) {
        return;
    }
    fresh_->committed = true;
    fresh_->local_identity = std::move(local_identity);
    fresh_->peer_identity = std::move(peer_identity);
    if (fresh_->installed) {
        keep(actions, wait);
    }
}

void RestartKeys::keep(Actions& actions, bool wait) {
    previous_ = std::exchange(newest_, fresh_->epoch);
    newest_kept_ = false;
    actions.emplace_back(KeepRestartKeys{.epoch = fresh_->epoch,
                                         .send = std::move(fresh_->send),
                                         .receive = std::move(fresh_->receive),
                                         .local_identity = std::move(fresh_->local_identity),
                                         .peer_identity = std::move(fresh_->peer_identity),
                                         .wait = wait});
    fresh_.reset();
}

void RestartKeys::on_primary(Actions& actions) {
    if (in_use_ && !std::exchange(sending_primary_, true)) {
        actions.emplace_back(DestroySendKey{KeyRole::restart, *in_use_});
    }
}

void RestartKeys::on_drained(Actions& actions) {
    if (in_use_ && sending_primary_) {
        actions.emplace_back(DestroyReceiveKey{KeyRole::restart, *in_use_});
        in_use_.reset();
        if (fresh_ && !fresh_->installed) {
            put_in_place(actions);
            if (fresh_->committed) {
                keep(actions, false);
            }
        }
    }
    // While the newest are not kept the previous ones are what we would come back with.
    if (previous_ && newest_kept_) {
        destroy(actions, *std::exchange(previous_, std::nullopt));
        actions.emplace_back(DropPreviousRestartKeys{});
    }
}

void RestartKeys::on_kept(uint16_t epoch, bool kept) {
    if (newest_ == epoch) {
        newest_kept_ = kept;
    }
}

void RestartKeys::destroy(Actions& actions, uint16_t epoch) {
    actions.emplace_back(DestroySendKey{KeyRole::restart, epoch});
    actions.emplace_back(DestroyReceiveKey{KeyRole::restart, epoch});
}

}  // namespace sdg::keymgmt
