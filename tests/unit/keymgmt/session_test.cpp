// Which key goes in when: the events of method 0's session and the actions they bring.
#include "control/keymgmt/preshared/session.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/keymgmt/told.h"

namespace sdg::keymgmt {
namespace {

using keys::EpochStatistics;
using keys::KeyRole;
using std::chrono::seconds;

SessionContext context(bool initiator) {
    SessionContext out;
    out.initiator = initiator;
    return out;
}

KeySession session(const SessionContext& of, KeySessionOptions options = {}) {
    return {of,
            [](KeySession::Direction, KeyRole, uint16_t) -> Result<record::KeyMaterial> {
                return record::KeyMaterial{};
            },
            options};
}

KeySession session(bool initiator, const KeySessionOptions& options = {}) {
    return session(context(initiator), options);
}

EpochStatistics receive(uint16_t epoch, uint64_t opened, uint64_t failed = 0) {
    EpochStatistics out;
    out.epoch = epoch;
    out.has_receive_key = true;
    out.opened = opened;
    out.open_failed = failed;
    out.open_limit = 1000;
    return out;
}

EpochStatistics send(uint16_t epoch, uint64_t sealed, uint64_t limit = 1000) {
    EpochStatistics out;
    out.epoch = epoch;
    out.has_send_key = true;
    out.selected = true;
    out.sealed = sealed;
    out.seal_limit = limit;
    return out;
}

TEST(KeySession, initiator_in_order) {
    auto s = session(true);
    EXPECT_EQ(told(s.on_parameters_agreed()), "receive 3, receive 4, handshake-only");
    EXPECT_EQ(told(s.on_established()), "send 3, select 3, require, heartbeat, up");
    EXPECT_EQ(told(s.on_first_opened()), "");
}

TEST(KeySession, responder_requires_protection_only_when_the_peer_has_shown_it) {
    auto s = session(false);
    EXPECT_EQ(told(s.on_parameters_agreed()), "receive 3, receive 4, handshake-only");
    EXPECT_EQ(told(s.on_established()), "send 3, select 3, up");
    EXPECT_EQ(told(s.on_first_opened()), "require");
    EXPECT_EQ(told(s.on_first_opened()), "");
}

TEST(KeySession, a_packet_opened_while_keying_counts_at_the_next_tick) {
    auto s = session(false);
    (void)s.on_parameters_agreed();
    EXPECT_EQ(told(s.on_first_opened()), "");
    (void)s.on_established();
    const EpochStatistics epochs[] = {receive(3, 1)};
    EXPECT_EQ(told(s.on_tick(seconds(1), epochs)), "require");
}

TEST(KeySession, events_out_of_order_fail) {
    auto early = session(true);
    EXPECT_TRUE(told(early.on_established()).starts_with("fail"));
    auto twice = session(true);
    (void)twice.on_parameters_agreed();
    EXPECT_TRUE(told(twice.on_parameters_agreed()).starts_with("fail"));
    EXPECT_EQ(told(twice.on_tick(seconds(1), {})), "") << "nothing after the end";
}

TEST(KeySession, a_silent_peer_and_one_with_other_keys_end_in_time_with_a_suspicion) {
    for (const uint64_t forged : {0, 7}) {
        auto s = session(false);
        (void)s.on_parameters_agreed();
        (void)s.on_established();
        const EpochStatistics epochs[] = {receive(3, 0, forged)};
        EXPECT_EQ(told(s.on_tick(seconds(100), epochs)), "heartbeat");
        EXPECT_EQ(told(s.on_tick(seconds(109), epochs)), "heartbeat");
        const auto end = told(s.on_tick(seconds(110), epochs));
        EXPECT_NE(end.find(forged > 0 ? "different pre-shared keys" : "no protected packet"),
                  std::string::npos)
            << end;
    }
}

KeySession confirmed(KeySessionOptions options = {}) {
    auto s = session(true, options);
    (void)s.on_parameters_agreed();
    (void)s.on_established();
    (void)s.on_first_opened();
    return s;
}

TEST(KeySession, the_sender_moves_on_at_its_fraction_of_q) {
    auto s = confirmed();
    const EpochStatistics below[] = {send(3, 499)};
    EXPECT_EQ(told(s.on_tick(seconds(10), below)), "");
    const EpochStatistics at[] = {send(3, 500)};
    EXPECT_EQ(told(s.on_tick(seconds(11), at)), "send 4, select 4, drop-send 3");
    const EpochStatistics again[] = {send(4, 900)};
    EXPECT_EQ(told(s.on_tick(seconds(12), again)), "") << "the peer gets time to follow";
    EXPECT_EQ(told(s.on_tick(seconds(13), again)), "send 5, select 5, drop-send 4");
    const EpochStatistics endless[] = {send(5, UINT64_MAX - 1, record::kNoLimit)};
    EXPECT_EQ(told(s.on_tick(seconds(20), endless)), "");
}

TEST(KeySession, the_receiver_follows_with_one_epoch_behind_and_one_ahead) {
    auto s = confirmed();
    const EpochStatistics three[] = {receive(3, 9), receive(4, 0)};
    EXPECT_EQ(told(s.on_tick(seconds(1), three)), "");
    const EpochStatistics four[] = {receive(3, 9), receive(4, 1)};
    EXPECT_EQ(told(s.on_tick(seconds(2), four)), "receive 5");
    const EpochStatistics five[] = {receive(3, 9), receive(4, 5), receive(5, 1)};
    EXPECT_EQ(told(s.on_tick(seconds(3), five)), "drop-receive 3, receive 6");
}

TEST(KeySession, a_receive_key_full_of_forgeries_ends_the_association) {
    auto s = confirmed();
    const EpochStatistics epochs[] = {receive(3, 9, 1000)};
    EXPECT_TRUE(told(s.on_tick(seconds(1), epochs)).starts_with("fail"));
}

TEST(KeySession, raw_keys_stay_on_their_epoch_until_used_up) {
    auto s = session(true, {.may_advance = false});
    EXPECT_EQ(told(s.on_parameters_agreed()), "receive 3, handshake-only");
    (void)s.on_established();
    (void)s.on_first_opened();
    const EpochStatistics high[] = {send(3, 999)};
    EXPECT_EQ(told(s.on_tick(seconds(1), high)), "");
    const EpochStatistics used_up[] = {send(3, 1000)};
    EXPECT_TRUE(told(s.on_tick(seconds(2), used_up)).starts_with("fail"));
}

TEST(KeySession, messages_of_a_peer_are_ignored) {
    auto s = confirmed();
    const uint8_t noise[] = {1, 2, 3};
    EXPECT_EQ(told(s.on_message(noise)), "");
}

TEST(KeySession, the_sender_stays_until_the_peer_has_shown_its_key) {
    auto s = session(true);
    (void)s.on_parameters_agreed();
    (void)s.on_established();
    const EpochStatistics used_up[] = {send(3, 999), receive(4, 0)};
    EXPECT_EQ(told(s.on_tick(seconds(1), used_up)), "heartbeat");
}

TEST(KeySession, ends_when_the_epochs_are_used_up) {
    const KeySessionOptions late{.first_epoch = UINT16_MAX - 1};
    auto receiver = confirmed(late);
    const EpochStatistics last[] = {receive(UINT16_MAX - 1, 9), receive(UINT16_MAX, 1)};
    EXPECT_NE(told(receiver.on_tick(seconds(1), last)).find("fail: "), std::string::npos);

    auto sender = confirmed(late);
    const EpochStatistics half[] = {send(UINT16_MAX - 1, 500)};
    EXPECT_EQ(told(sender.on_tick(seconds(1), half)), "send 65535, select 65535, drop-send 65534");
    const EpochStatistics nearly[] = {send(UINT16_MAX, 999)};
    EXPECT_EQ(told(sender.on_tick(seconds(9), nearly)), "") << "the last key serves to its limit";
    const EpochStatistics over[] = {send(UINT16_MAX, 1000)};
    EXPECT_TRUE(told(sender.on_tick(seconds(10), over)).starts_with("fail"));
}

TEST(KeySession, low_bits_of_the_epoch_never_meet_among_receive_keys) {
    auto s = confirmed();
    std::vector<uint16_t> live = {3, 4};
    for (uint16_t epoch = 4; epoch < 40; ++epoch) {
        std::vector<EpochStatistics> seen;
        for (const uint16_t one : live) {
            seen.push_back(receive(one, one <= epoch ? 1 : 0));
        }
        for (const Action& action : s.on_tick(seconds(epoch), seen)) {
            if (const auto* dropped = std::get_if<DestroyReceiveKey>(&action)) {
                std::erase(live, dropped->epoch);
            } else if (const auto* made = std::get_if<InstallReceiveKey>(&action)) {
                for (const uint16_t one : live) {
                    ASSERT_NE(one & 3, made->epoch & 3);
                }
                live.push_back(made->epoch);
            }
        }
        const std::vector<uint16_t> expected = {static_cast<uint16_t>(epoch - 1), epoch,
                                                static_cast<uint16_t>(epoch + 1)};
        ASSERT_EQ(live, expected);
    }
}

TEST(KeySession, a_source_without_the_key_ends_the_session) {
    KeySession s(context(true),
                 [](KeySession::Direction, KeyRole, uint16_t epoch) -> Result<record::KeyMaterial> {
                     if (epoch > 3) {
                         return fail(ErrorCode::not_found, "no key of epoch {}", epoch);
                     }
                     return record::KeyMaterial{};
                 },
                 {});
    EXPECT_EQ(told(s.on_parameters_agreed()), "fail: no key of epoch 4");
}

SessionContext restarting(bool initiator, std::optional<uint16_t> restarted = {}) {
    SessionContext out = context(initiator);
    out.restart = true;
    out.restarted = restarted;
    return out;
}

EpochStatistics of_restart(EpochStatistics statistics) {
    statistics.role = KeyRole::restart;
    return statistics;
}

TEST(KeySession, restart_keys_go_in_with_the_first_send_key_and_stay) {
    auto s = session(restarting(false));
    EXPECT_EQ(told(s.on_parameters_agreed()), "receive 3, receive 4, handshake-only");
    EXPECT_EQ(told(s.on_established()), "send 3, select 3, receive R3, send R3, keep 3, up");
    s.on_restart_keys_kept(3, true);
    s.on_first_opened();
    EXPECT_EQ(told(s.on_tick(TimePoint{}, std::array{receive(3, 1), receive(4, 1)})), "receive 5");
}

TEST(KeySession, restarted_initiator_sends_under_the_new_primary_key_at_once) {
    auto s = session(restarting(true, 3));
    EXPECT_EQ(told(s.on_parameters_agreed()), "receive 3, receive 4");
    EXPECT_EQ(told(s.on_established()),
              "send 3, select 3, drop-send R3, heartbeat, "
              "info: restarted under the restart keys of epoch 3, up");
    EXPECT_EQ(told(s.on_first_opened()), "");
    TimePoint now{};
    EXPECT_EQ(told(s.on_tick(now, std::array{of_restart(receive(3, 5))})), "heartbeat");
    EXPECT_EQ(told(s.on_tick(now, std::array{receive(3, 1)})), "");
    EXPECT_EQ(told(s.on_tick(now, std::array{receive(3, 1)})), "");
    now += seconds(4);
    EXPECT_EQ(told(s.on_tick(now, std::array{receive(3, 1)})), "");
    now += seconds(1);
    EXPECT_EQ(told(s.on_tick(now, std::array{receive(3, 1)})),
              "drop-receive R3, receive R3, send R3, keep 3");
    EXPECT_EQ(told(s.on_tick(now, std::array{receive(3, 1)})), "");
}

TEST(KeySession, restarted_responder_waits_for_a_packet_under_the_new_primary_key) {
    auto s = session(restarting(false, 3));
    s.on_parameters_agreed();
    EXPECT_EQ(told(s.on_established()), "info: restarted under the restart keys of epoch 3, up");
    EXPECT_EQ(told(s.on_first_opened()), "");
    EXPECT_EQ(told(s.on_tick(TimePoint{}, std::array{of_restart(receive(3, 5))})), "heartbeat");
    EXPECT_EQ(told(s.on_tick(TimePoint{}, std::array{receive(3, 1)})),
              "send 3, select 3, drop-send R3");
}

TEST(KeySession, restarted_peer_that_never_sends_under_its_new_key_is_given_up) {
    auto s = session(restarting(false, 3));
    s.on_parameters_agreed();
    s.on_established();
    s.on_tick(TimePoint{}, {});
    const Actions late =
        s.on_tick(TimePoint{} + seconds(10), std::array{of_restart(receive(3, 9))});
    EXPECT_NE(told(late).find("fail: the peer sent no protected packet"), std::string::npos);
}

}  // namespace
}  // namespace sdg::keymgmt
