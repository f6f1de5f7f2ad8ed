// HandshakeQueue: whose turn it is to compute.
//
// A public-key operation takes a good part of a millisecond. Sessions ask for turns, the control
// loop gives a bounded time of them per round, first come first served, and relays messages in
// between: a storm of new associations cannot stall those that are up.
//
// Handshakes begun by peers that have not authenticated yet also need one of a limited number of
// slots, so that in a storm those begun end in time and the others wait. Whoever begins one itself
// needs none: two gateways that wait for each other's slots would wait for ever. A slot is lent:
// whoever has made no progress for kSlotPatience (a peer that says nothing) keeps its handshake but
// not the slot.
//
// Control thread. Members outlive their membership: they leave() before they go.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include "foundation/clock.h"

namespace sdg::keymgmt {

class HandshakeQueue {
 public:
    static constexpr std::chrono::nanoseconds kSlotPatience = std::chrono::seconds(1);

    class Member {
     public:
        virtual ~Member() = default;
        virtual void on_turn(bool has_slot) = 0;
        // Has asked for a turn and not had it yet.
        [[nodiscard]] bool is_queued() const { return ready_ || waiting_; }

     private:
        friend class HandshakeQueue;
        bool ready_ = false;    // in the list of turns
        bool waiting_ = false;  // in the list for slots
        bool has_slot_ = false;
        TimePoint last_turn_{};
    };

    HandshakeQueue(size_t slots, const Clock& clock) : slots_(slots), clock_(clock) {}

    // Fewer than are in use: those end first.
    void set_slots(size_t slots);
    // A turn at the end of the queue, or once a slot is free. Asking twice is asking once.
    void request(Member& member, bool needs_slot);
    // Gives the slot to the next in line; nothing when the member has none.
    void release(Member& member);
    // Takes back turn, wish and slot.
    void leave(Member& member);
    // Gives turns for about that long, at least one, and none twice to the same member unless time
    // is left. Returns how many.
    size_t run(std::chrono::nanoseconds budget);
    // About once a second: takes the slots of those that make no progress.
    void on_tick();

    [[nodiscard]] size_t slots_in_use() const { return holders_.size(); }
    [[nodiscard]] size_t waiting() const { return waiting_.size(); }

 private:
    void give_slot(Member& member);
    void fill_slots();
    void push_ready(Member& member);

    size_t slots_;
    const Clock& clock_;
    std::deque<Member*> ready_;
    std::deque<Member*> waiting_;
    std::deque<Member*> holders_;
};

}  // namespace sdg::keymgmt
