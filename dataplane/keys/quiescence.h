// Things that workers may still be looking at, kept until every worker has passed a quiescent state
// (rte_rcu_qsbr).
//
// The control thread defers and reclaims; workers register and report on state(). A worker that is
// not registered, or offline, is not waited for.
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdlib>
#include <deque>
#include <memory>
#include <utility>

#include "foundation/result.h"

namespace sdg::keys {

class QuiescentState {
 public:
    [[nodiscard]] static Result<QuiescentState> create(unsigned readers) {
        if (readers == 0) {
            return fail(ErrorCode::invalid_argument, "no worker to wait for");
        }
        const size_t size = rte_rcu_qsbr_get_memsize(readers);
        QuiescentState state;
        state.memory_.reset(static_cast<rte_rcu_qsbr*>(
            std::aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(size, RTE_CACHE_LINE_SIZE))));
        if (state.memory_ == nullptr || rte_rcu_qsbr_init(state.memory_.get(), readers) != 0) {
            return fail(ErrorCode::resource_exhausted, "no memory for the quiescent state");
        }
        return state;
    }
    [[nodiscard]] rte_rcu_qsbr* get() const { return memory_.get(); }

 private:
    struct Free {
        void operator()(rte_rcu_qsbr* state) const noexcept { std::free(state); }
    };
    QuiescentState() = default;
    std::unique_ptr<rte_rcu_qsbr, Free> memory_;
};

// First in, first out. Item is moved in and handed to a function when nobody sees it any more.
// DPDK's own rte_rcu_qsbr_dq copies raw octets and has a fixed size; this one owns its items.
template <class Item>
class DeferQueue {
 public:
    // After the item has been made unreachable.
    void push(rte_rcu_qsbr* state, Item item) {
        items_.emplace_back(rte_rcu_qsbr_start(state), std::move(item));
    }
    template <class Free>
    void reclaim(rte_rcu_qsbr* state, Free&& free) {
        while (!items_.empty() && rte_rcu_qsbr_check(state, items_.front().first, false) == 1) {
            Item item = std::move(items_.front().second);
            items_.pop_front();
            free(std::move(item));
        }
    }
    [[nodiscard]] size_t size() const { return items_.size(); }

 private:
    std::deque<std::pair<uint64_t, Item>> items_;
};

}  // namespace sdg::keys
