// Every message that a handshake protects, changed inside the AEAD by somebody who has the keys:
// each octet flipped, cut at each length, one octet more, twice, left out, in the place of the next
// one, and each under every other type. Nobody is established afterwards, nobody waits, and who
// refuses says why by the alert that fits.
#include <algorithm>

#include "tests/unit/keymgmt/dtls13/middle.h"

namespace sdg::keymgmt::dtls13::test {
namespace {

using Messages = std::vector<Handled>;
using Alerts = std::vector<AlertDescription>;

// A peer's fault, whatever it is: never internal_error, which would be ours.
const Alerts kAny = {
    AlertDescription::decode_error,
    AlertDescription::decrypt_error,
    AlertDescription::illegal_parameter,
    AlertDescription::unexpected_message,
    AlertDescription::missing_extension,
    AlertDescription::unsupported_extension,
    AlertDescription::handshake_failure,
    AlertDescription::bad_certificate,
    AlertDescription::certificate_unknown,
    AlertDescription::certificate_expired,
    AlertDescription::unsupported_certificate,
    AlertDescription::unknown_ca,
    AlertDescription::certificate_required,
};

// A server need not ask for a certificate; ours must.
const Alerts kOutOfTurn = {AlertDescription::unexpected_message,
                           AlertDescription::handshake_failure};
const Alerts kOutOfTurnOrType = {AlertDescription::unexpected_message,
                                 AlertDescription::handshake_failure,
                                 AlertDescription::decode_error};

class InnerMutation : public testing::TestWithParam<Role> {
 protected:
    struct Sent {
        Role from;
        Handled message;
    };
    static bool is_protected(HandshakeType type) {
        return type != HandshakeType::client_hello && type != HandshakeType::server_hello;
    }

    // A handshake in which the protected message of this number is replaced.
    void play(size_t number, const std::function<Messages(Handled)>& change) {
        middle_.reset();
        world_ = {};
        for (Side* side : {&world_.client, &world_.server}) {
            side->configuration->transport = Transport::reliable;
        }
        middle_.emplace(world_);
        sent_.clear();
        middle_->change = [&](Role from, Handled message) {
            if (!is_protected(message.type) || from != GetParam()) {
                return Messages{std::move(message)};
            }
            sent_.push_back({from, message});
            return sent_.size() == number + 1 ? change(std::move(message))
                                              : Messages{std::move(message)};
        };
        world_.handshake();
    }
    void expect_refusal(size_t number, const std::function<Messages(Handled)>& change,
                        const Alerts& alerts = kAny) {
        play(number, change);
        const Side& refuser = world_.side(other(GetParam()));
        const Side& sender = world_.side(GetParam());
        ASSERT_EQ(refuser->state(), Connection::State::failed);
        ASSERT_EQ(refuser->failure().cause, Failure::Cause::ours) << World::reason(refuser);
        EXPECT_NE(std::ranges::find(alerts, refuser->failure().alert), alerts.end())
            << World::reason(refuser);
        EXPECT_EQ(sender->state(), Connection::State::failed) << "was not told";
        EXPECT_LT(world_.clock.now(), std::chrono::seconds(1)) << "it was not noticed at once";
    }
    std::vector<Sent> recorded() {
        play(SIZE_MAX, nullptr);
        world_.expect_established();
        return sent_;
    }
    template <class F>
    void for_each_message(F f) {
        const auto all = recorded();
        ASSERT_GE(all.size(), 3U);
        for (size_t number = 0; number < all.size(); ++number) {
            SCOPED_TRACE("type " + std::to_string(static_cast<int>(all[number].message.type)));
            f(number, all[number].message, number + 1 == all.size());
            if (HasFatalFailure()) {
                return;
            }
        }
    }

    World world_;
    std::optional<Middle> middle_;
    std::vector<Sent> sent_;
};

// Long messages are certificates: not each of their octets. A signature may be shorter than the one
// that was recorded.
size_t step_at(size_t at) {
    return at < 96 ? 1 : 7;
}

TEST_P(InnerMutation, each_octet_flipped) {
    for_each_message([&](size_t number, const Handled& message, bool) {
        for (size_t at = 0; at < message.body.size(); at += step_at(at)) {
            SCOPED_TRACE("octet " + std::to_string(at));
            expect_refusal(number, [at](Handled one) {
                one.body[std::min(at, one.body.size() - 1)] ^= static_cast<uint8_t>(1U << (at % 8));
                return Messages{std::move(one)};
            });
        }
    });
}

TEST_P(InnerMutation, cut_and_lengthened) {
    for_each_message([&](size_t number, const Handled& message, bool) {
        for (size_t length = 0; length < message.body.size(); length += step_at(length)) {
            SCOPED_TRACE("length " + std::to_string(length));
            expect_refusal(number,
                           [length](Handled one) {
                               one.body.resize(std::min(length, one.body.size() - 1));
                               return Messages{std::move(one)};
                           },
                           {AlertDescription::decode_error});
        }
        expect_refusal(number,
                       [](Handled one) {
                           one.body.push_back(0);
                           return Messages{std::move(one)};
                       },
                       {AlertDescription::decode_error});
    });
}

TEST_P(InnerMutation, twice_left_out_and_in_another_order) {
    for_each_message([&](size_t number, const Handled&, bool is_last) {
        // After the last one nothing is missing yet, and what follows it is behind the handshake.
        if (!is_last) {
            expect_refusal(
                number,
                [](const Handled& one) {
                    return Messages{one, one};
                },
                kOutOfTurn);
            expect_refusal(
                number, [](const Handled&) { return Messages{}; }, kOutOfTurn);
        }
    });
    const auto all = recorded();
    for (size_t number = 0; number + 1 < all.size(); ++number) {
        SCOPED_TRACE(number);
        expect_refusal(
            number,
            [&](Handled one) {
                return Messages{all[number + 1].message, std::move(one)};
            },
            kOutOfTurn);
    }
}

TEST_P(InnerMutation, under_every_other_type) {
    for_each_message([&](size_t number, const Handled& message, bool) {
        for (unsigned type = 0; type < 256; type += type < 40 ? 1 : 43) {
            if (type == static_cast<unsigned>(message.type)) {
                continue;
            }
            SCOPED_TRACE("as type " + std::to_string(type));
            expect_refusal(
                number,
                [type](Handled one) {
                    one.type = static_cast<HandshakeType>(type);
                    return Messages{std::move(one)};
                },
                kOutOfTurnOrType);
        }
    });
}

INSTANTIATE_TEST_SUITE_P(Of, InnerMutation, testing::Values(Role::server, Role::client),
                         [](const auto& role) {
                             return role.param == Role::server ? "the_server" : "the_client";
                         });

}  // namespace
}  // namespace sdg::keymgmt::dtls13::test
