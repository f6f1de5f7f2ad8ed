#include "control/keymgmt/restart_keys.h"

#include <gtest/gtest.h>

#include "tests/unit/keymgmt/told.h"

namespace sdg::keymgmt {
namespace {

record::KeyMaterial material(uint8_t fill) {
    record::KeyMaterial out;
    out.key = SecretBytes::copy_of(std::vector<uint8_t>(16, fill));
    out.iv = SecretBytes::copy_of(std::vector<uint8_t>(12, fill));
    out.sn_key = SecretBytes::copy_of(std::vector<uint8_t>(16, fill));
    return out;
}

SessionContext context(bool restart, std::optional<uint16_t> restarted = {}) {
    SessionContext out;
    out.restart = restart;
    out.restarted = restarted;
    return out;
}

class Keys {
 public:
    explicit Keys(const SessionContext& context) : keys_(context) {}
    std::string install(uint16_t epoch) {
        return tell([&](Actions& a) { keys_.install(a, epoch, material(1), material(2)); });
    }
    std::string commit(uint16_t epoch) {
        return tell([&](Actions& a) { keys_.commit(a, epoch, "me", "you", true); });
    }
    std::string withdraw(uint16_t epoch) {
        return tell([&](Actions& a) { keys_.withdraw(a, epoch); });
    }
    std::string on_primary() {
        return tell([&](Actions& a) { keys_.on_primary(a); });
    }
    std::string on_drained() {
        return tell([&](Actions& a) { keys_.on_drained(a); });
    }
    void on_kept(uint16_t epoch, bool kept) { keys_.on_kept(epoch, kept); }
    const RestartKeys& keys() const { return keys_; }

 private:
    template <class Call>
    static std::string tell(Call call) {
        Actions actions;
        call(actions);
        return told(actions);
    }
    RestartKeys keys_;
};

TEST(RestartKeys, WithoutAgreementNothingIsDone) {
    Keys keys(context(false));
    EXPECT_EQ(keys.install(3) + keys.commit(3) + keys.on_drained(), "");
}

TEST(RestartKeys, PreviousKeysGoOnceTheNewestAreKeptAndTheOldEpochIsDrained) {
    Keys keys(context(true));
    EXPECT_EQ(keys.install(3), "receive R3, send R3");
    EXPECT_EQ(keys.commit(3), "keep-and-wait 3");
    keys.on_kept(3, true);
    EXPECT_EQ(keys.on_drained(), "");
    EXPECT_EQ(keys.install(4), "receive R4, send R4");
    EXPECT_EQ(keys.commit(4), "keep-and-wait 4");
    EXPECT_EQ(keys.on_drained(), "");  // not known yet whether they are kept
    keys.on_kept(3, true);             // late news of others
    EXPECT_EQ(keys.on_drained(), "");
    keys.on_kept(4, true);
    EXPECT_EQ(keys.on_drained(), "drop-send R3, drop-receive R3, drop-previous");
    EXPECT_EQ(keys.on_drained(), "");
}

TEST(RestartKeys, WhatTheStoreRefusedDoesNotReplaceWhatItHas) {
    Keys keys(context(true));
    keys.install(3);
    keys.commit(3);
    keys.on_kept(3, true);
    keys.install(4);
    keys.commit(4);
    keys.on_kept(4, false);
    EXPECT_EQ(keys.on_drained(), "");
    // A third epoch needs the place.
    EXPECT_EQ(keys.install(5), "drop-send R3, drop-receive R3, receive R5, send R5");
}

TEST(RestartKeys, AFailedHandshakeTakesItsKeysBack) {
    Keys keys(context(true));
    keys.install(3);
    keys.commit(3);
    keys.install(4);
    EXPECT_EQ(keys.withdraw(7), "");
    EXPECT_EQ(keys.withdraw(4), "drop-send R4, drop-receive R4");
    EXPECT_EQ(keys.commit(4), "");
    EXPECT_EQ(keys.install(4), "receive R4, send R4");
    EXPECT_EQ(keys.commit(4), "keep-and-wait 4");
}

TEST(RestartKeys, ARetriedHandshakeReplacesTheKeysOfTheFirst) {
    Keys keys(context(true));
    keys.install(3);
    EXPECT_EQ(keys.install(3), "drop-send R3, drop-receive R3, receive R3, send R3");
}

TEST(RestartKeys, AfterARestartKeysWhosePlaceIsTakenWait) {
    Keys keys(context(true, 7));  // 7 and 3 have the same low bits
    EXPECT_EQ(keys.keys().in_use(), 7);
    EXPECT_EQ(keys.install(3), "");
    EXPECT_EQ(keys.commit(3), "");
    EXPECT_EQ(keys.on_drained(), "");  // still sending under them
    EXPECT_EQ(keys.on_primary(), "drop-send R7");
    EXPECT_EQ(keys.on_primary(), "");
    EXPECT_EQ(keys.on_drained(), "drop-receive R7, receive R3, send R3, keep 3");
    EXPECT_EQ(keys.keys().in_use(), std::nullopt);
}

TEST(RestartKeys, AfterARestartKeysWhosePlaceIsFreeGoInAtOnce) {
    Keys keys(context(true, 4));
    EXPECT_EQ(keys.install(3), "receive R3, send R3");
    EXPECT_EQ(keys.commit(3), "keep-and-wait 3");
    EXPECT_EQ(keys.on_primary(), "drop-send R4");
    EXPECT_EQ(keys.on_drained(), "drop-receive R4");
}

TEST(RestartKeys, KeysThatWaitedForTheirPlaceCanStillBeWithdrawn) {
    Keys keys(context(true, 3));
    keys.install(3);
    EXPECT_EQ(keys.withdraw(3), "");
    keys.on_primary();
    EXPECT_EQ(keys.on_drained(), "drop-receive R3");
}

}  // namespace
}  // namespace sdg::keymgmt
