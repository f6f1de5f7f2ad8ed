#include "control/keymgmt/handshake_queue.h"

#include <algorithm>
#include <vector>

namespace sdg::keymgmt {

void HandshakeQueue::push_ready(Member& member) {
    if (!member.ready_) {
        member.ready_ = true;
        ready_.push_back(&member);
    }
}

void HandshakeQueue::give_slot(Member& member) {
    member.has_slot_ = true;
    member.last_turn_ = clock_.now();
    holders_.push_back(&member);
    push_ready(member);
}

void HandshakeQueue::release(Member& member) {
    if (!member.has_slot_) {
        return;
    }
    member.has_slot_ = false;
    std::erase(holders_, &member);
    fill_slots();
}

void HandshakeQueue::fill_slots() {
    while (!waiting_.empty() && holders_.size() < slots_) {
        Member& next = *waiting_.front();
        waiting_.pop_front();
        next.waiting_ = false;
        give_slot(next);
    }
}

void HandshakeQueue::set_slots(size_t slots) {
    slots_ = slots;
    fill_slots();
}

void HandshakeQueue::request(Member& member, bool needs_slot) {
    if (!needs_slot || member.has_slot_) {
        push_ready(member);
    } else if (holders_.size() < slots_) {
        give_slot(member);
    } else if (!member.waiting_) {
        member.waiting_ = true;
        waiting_.push_back(&member);
    }
}

void HandshakeQueue::leave(Member& member) {
    if (member.ready_) {
        member.ready_ = false;
        std::erase(ready_, &member);
    }
    if (member.waiting_) {
        member.waiting_ = false;
        std::erase(waiting_, &member);
    }
    release(member);
}

size_t HandshakeQueue::run(std::chrono::nanoseconds budget) {
    if (ready_.empty()) {
        return 0;
    }
    const TimePoint end = clock_.now() + budget;
    // New wishes of this round wait for the next one: a simulated clock stands still meanwhile.
    size_t turns = 0;
    for (size_t left = ready_.size(); left > 0 && !ready_.empty(); --left) {
        Member& member = *ready_.front();
        ready_.pop_front();
        member.ready_ = false;
        member.last_turn_ = clock_.now();
        member.on_turn(member.has_slot_);
        ++turns;
        if (clock_.now() >= end) {
            break;
        }
    }
    return turns;
}

void HandshakeQueue::on_tick() {
    const TimePoint now = clock_.now();
    std::vector<Member*> idle;
    for (Member* holder : holders_) {
        if (!holder->ready_ && now - holder->last_turn_ >= kSlotPatience) {
            idle.push_back(holder);
        }
    }
    for (Member* holder : idle) {
        release(*holder);
    }
}

}  // namespace sdg::keymgmt
