#include "tests/sim/mortal_store.h"

#include <array>
#include <stdexcept>
#include <utility>

namespace sdg::sim {
namespace {

using namespace restart;  // NOLINT(google-build-using-namespace): this file is about its types

KeyRing any_ring() {
    std::array<uint8_t, 32> octets{};
    octets.fill(1);
    auto ring = KeyRing::make(SecretBytes::copy_of(octets), {});
    if (!ring) {
        throw std::runtime_error(ring.error().message);
    }
    return std::move(*ring);
}

class MortalStore final : public RestartStore {
 public:
    MortalStore(std::unique_ptr<RestartStore> store, std::shared_ptr<Gate> gate, Random& random,
                const WallClock& wall_clock)
        : RestartStore(any_ring(), random, wall_clock),
          store_(std::move(store)),
          gate_(std::move(gate)),
          wall_clock_(wall_clock) {}

 private:
    template <class Call>
    auto write(Call call) -> decltype(call()) {
        const auto passage = gate_->pass();
        if (passage.happens) {
            auto result = call();
            if (passage.told) {
                return result;
            }
        }
        return fail(ErrorCode::unavailable, "the process is dead");
    }

    Result<Lease> do_acquire(std::string_view group, std::string_view owner, WallTime now,
                             WallTime expires, AcquireMode mode) override {
        return store_->acquire(group, owner, expires - now, mode);
    }
    Result<void> do_renew(const Lease& lease, WallTime expires) override {
        const WallTime now = wall_clock_.now();
        if (gate_->dead()) {
            return fail(ErrorCode::unavailable, "the process is dead");
        }
        if (expires <= now) {
            return store_->release(lease);
        }
        auto renewed = store_->renew(lease, expires - now);
        return renewed ? Result<void>{} : tl::unexpected(renewed.error());
    }
    Result<void> do_put(const Lease& lease, std::span<const StoredAssociation> what) override {
        return write([&] { return store_->put(lease, what); });
    }
    Result<void> do_drop_previous(const Lease& lease,
                                  std::span<const sctp::FourTuple> tuples) override {
        return write([&] { return store_->drop_previous(lease, tuples); });
    }
    Result<void> do_remove(const Lease& lease, std::span<const sctp::FourTuple> tuples) override {
        if (gate_->refused().removals) {
            return fail(ErrorCode::timed_out, "removes nothing now");
        }
        return write([&] { return store_->remove(lease, tuples); });
    }
    Result<std::vector<Result<TakenAssociation>>> do_take(
        const Lease& lease, std::span<const sctp::FourTuple> tuples) override {
        if (gate_->refused().takes) {
            return fail(ErrorCode::timed_out, "gives nothing now");
        }
        return write([&] { return store_->take(lease, tuples); });
    }
    Result<Listing> do_list(std::string_view group) override { return store_->list(group); }
    Result<size_t> do_rotate(const KeyRing&) override {
        return fail(ErrorCode::invalid_argument, "the simulation rotates no keys");
    }

    std::unique_ptr<RestartStore> store_;
    std::shared_ptr<Gate> gate_;
    const WallClock& wall_clock_;
};

}  // namespace

std::unique_ptr<RestartStore> make_mortal(std::unique_ptr<RestartStore> store,
                                          std::shared_ptr<Gate> gate, Random& random,
                                          const WallClock& wall_clock) {
    return std::make_unique<MortalStore>(std::move(store), std::move(gate), random, wall_clock);
}

}  // namespace sdg::sim
