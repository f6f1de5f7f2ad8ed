#include "control/keymgmt/dtls13/server_handshake.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

template <class T>
bool contains(const std::vector<T>& list, T value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

const KeyShareEntry* share_of(const ClientHello& hello, NamedGroup group) {
    const auto found = std::find_if(hello.key_shares.begin(), hello.key_shares.end(),
                                    [&](const KeyShareEntry& one) { return one.group == group; });
    return found == hello.key_shares.end() ? nullptr : &*found;
}

// Our first group that the client has; one with a key share before one without.
NamedGroup choose_group(const std::vector<NamedGroup>& ours, const ClientHello& hello) {
    NamedGroup out = NamedGroup::none;
    for (const NamedGroup group : ours) {
        if (share_of(hello, group) != nullptr) {
            return group;
        }
        if (out == NamedGroup::none && contains(hello.groups, group)) {
            out = group;
        }
    }
    return out;
}

Octets hello_retry_body(record::Suite suite, NamedGroup group, View cookie) {
    return server_hello_body({.random = {},
                              .suite = suite,
                              .is_hello_retry = true,
                              .key_share = {.group = group, .key_exchange = {}},
                              .cookie = cookie});
}

}  // namespace

Checked<void> ServerHandshake::on_message(const Reassembly::Message& message) {
    const auto expected = [&](HandshakeType type, uint64_t epoch, auto handler) {
        return expect(message, type, epoch).and_then(handler);
    };
    switch (state_) {
        case State::wait_client_hello:
        case State::wait_second_client_hello:
            return expected(HandshakeType::client_hello, kClearEpoch,
                            [&] { return on_client_hello(message); });
        case State::wait_certificate:
            return expected(HandshakeType::certificate, kHandshakeEpoch, [&] {
                context_.transport.flight_has_arrived();
                state_ = State::wait_certificate_verify;
                return take_certificate(context_, message.body);
            });
        case State::wait_certificate_verify:
            return expected(HandshakeType::certificate_verify, kHandshakeEpoch, [&] {
                state_ = State::wait_finished;
                return take_certificate_verify(context_, message.body);
            });
        case State::wait_finished:
            return expected(HandshakeType::finished, kHandshakeEpoch,
                            [&] { return on_finished(message.body); });
        case State::complete:
            break;
    }
    return refuse(AlertDescription::unexpected_message, "{} after the handshake",
                  describe(message.type));
}

Checked<void> ServerHandshake::choose_suite(record::Suite suite, const HelloRandom& random) {
    context_.negotiated.suite = suite;
    context_.schedule.choose(suite, random);
    context_.transport.records().set_suite(suite);
    return context_.transcript.choose(context_.schedule.hash());
}

Checked<void> ServerHandshake::on_client_hello(const Reassembly::Message& message) {
    const auto hello = parse_client_hello(message.body);
    if (!hello) {
        return tl::unexpected(hello.error());
    }
    if (message.message_seq != 0) {
        const auto group = go_on_from_cookie(*hello);
        return group ? answer(*hello, *group, message.body) : tl::unexpected(group.error());
    }
    if (hello->cookie) {
        return refuse(AlertDescription::illegal_parameter, "a cookie in a first ClientHello");
    }
    const auto& suites = context_.configuration.suites;
    const auto suite = std::find_if(suites.begin(), suites.end(), [&](record::Suite one) {
        return contains(hello->suites, one);
    });
    const NamedGroup group = choose_group(context_.configuration.groups, *hello);
    if (suite == suites.end() || group == NamedGroup::none) {
        return refuse(AlertDescription::handshake_failure, "the client has no {} in common with us",
                      suite == suites.end() ? "cipher suite" : "group");
    }
    if (auto chosen = choose_suite(*suite, hello->random); !chosen) {
        return chosen;
    }
    const bool has_share = share_of(*hello, group) != nullptr;
    if (!has_share || context_.configuration.always_hello_retry) {
        return ask_again(has_share ? NamedGroup::none : group, message.body);
    }
    return answer(*hello, group, message.body);
}

Checked<void> ServerHandshake::ask_again(NamedGroup group, View body) {
    const Hash& hash = context_.schedule.hash();
    const auto client_hello = digest(hash, tls_message(HandshakeType::client_hello, body));
    if (!client_hello) {
        return tl::unexpected(client_hello.error());
    }
    const record::Suite suite = context_.negotiated.suite;
    const auto cookie = make_cookie(cookie_key_->bytes(), peer_address_,
                                    {.suite = suite,
                                     .group = group,
                                     .client_hello = *client_hello,
                                     .made = context_.clock.now()});
    if (!cookie) {
        return tl::unexpected(cookie.error());
    }
    state_ = State::wait_second_client_hello;
    if (auto added = context_.transport.add(kClearEpoch, HandshakeType::server_hello,
                                            hello_retry_body(suite, group, *cookie));
        !added) {
        return added;
    }
    return context_.transport.flush(/*without_timer=*/true);
}

Checked<NamedGroup> ServerHandshake::go_on_from_cookie(const ClientHello& hello) {
    const auto bad = [] {
        return refuse(AlertDescription::illegal_parameter,
                      "a second ClientHello without what the HelloRetryRequest asked for");
    };
    const auto content =
        hello.cookie ? open_cookie(cookie_key_->bytes(), peer_address_, *hello.cookie,
                                   context_.clock.now(), context_.configuration.cookie_lifetime)
                     : std::nullopt;
    if (!content || !contains(hello.suites, content->suite) ||
        !contains(context_.configuration.suites, content->suite)) {
        return bad();
    }
    const NamedGroup group = content->group != NamedGroup::none
                                 ? content->group
                                 : choose_group(context_.configuration.groups, hello);
    if (share_of(hello, group) == nullptr ||
        (content->group != NamedGroup::none && hello.key_shares.size() != 1)) {
        return bad();
    }
    context_.negotiated.hello_retry = true;
    if (auto chosen = choose_suite(content->suite, hello.random); !chosen) {
        return tl::unexpected(chosen.error());
    }
    if (auto restarted = context_.transcript.restart_with(content->client_hello.bytes());
        !restarted) {
        return tl::unexpected(restarted.error());
    }
    if (auto added = context_.transcript.add(
            HandshakeType::server_hello,
            hello_retry_body(content->suite, content->group, *hello.cookie));
        !added) {
        return tl::unexpected(added.error());
    }
    context_.transport.flight_has_arrived();
    return group;
}

Checked<void> ServerHandshake::answer(const ClientHello& hello, NamedGroup group, View body) {
    const Configuration& configuration = context_.configuration;
    Negotiated& negotiated = context_.negotiated;
    negotiated.group = group;
    negotiated.extended_key_update = configuration.extended_key_update && hello.extended_key_update;
    if (choose_scheme(configuration, hello.signature_schemes) == SignatureScheme::none) {
        return refuse(AlertDescription::handshake_failure,
                      "the client takes no signature algorithm that our key can do");
    }
    if (auto added = context_.transcript.add(HandshakeType::client_hello, body); !added) {
        return added;
    }
    if (auto said = say_hello(*share_of(hello, group)); !said) {
        return said;
    }
    if (auto said =
            say(context_, kHandshakeEpoch, HandshakeType::encrypted_extensions,
                encrypted_extensions_body({.extended_key_update = negotiated.extended_key_update}));
        !said) {
        return said;
    }
    if (configuration.mutual) {
        if (auto said =
                say(context_, kHandshakeEpoch, HandshakeType::certificate_request,
                    certificate_request_body(
                        {.context = {}, .signature_schemes = configuration.signature_schemes}));
            !said) {
            return said;
        }
    }
    if (auto said = say_authentication(context_, hello.signature_schemes); !said) {
        return said;
    }
    if (auto said = say_finished(context_); !said) {
        return said;
    }
    const auto hash = context_.transcript.current();
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    if (auto entered = context_.schedule.enter_application(hash->bytes()); !entered) {
        return entered;
    }
    if (auto set = context_.transport.records().install_send(
            kFirstApplicationEpoch, context_.schedule.application().server.bytes());
        !set) {
        return set;
    }
    state_ = configuration.mutual ? State::wait_certificate : State::wait_finished;
    return context_.transport.flush();
}

Checked<void> ServerHandshake::say_hello(const KeyShareEntry& peer_share) {
    const auto share = KeyShare::generate(peer_share.group);
    if (!share) {
        return tl::unexpected(share.error());
    }
    const auto secret = share->derive(peer_share.key_exchange);
    if (!secret) {
        return tl::unexpected(secret.error());
    }
    ServerHello hello{.random = {},
                      .suite = context_.negotiated.suite,
                      .is_hello_retry = false,
                      .key_share = {share->group(), share->public_value()},
                      .cookie = {}};
    context_.random.fill(hello.random);
    if (auto said =
            say(context_, kClearEpoch, HandshakeType::server_hello, server_hello_body(hello));
        !said) {
        return said;
    }
    const auto hash = context_.transcript.current();
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    if (auto entered = context_.schedule.enter_handshake(secret->bytes(), hash->bytes());
        !entered) {
        return entered;
    }
    RecordLayer& records = context_.transport.records();
    const TrafficSecrets& secrets = context_.schedule.handshake();
    if (auto set = records.install_receive(kHandshakeEpoch, secrets.client.bytes()); !set) {
        return set;
    }
    return records.install_send(kHandshakeEpoch, secrets.server.bytes());
}

Checked<void> ServerHandshake::on_finished(View body) {
    if (auto taken = take_finished(context_, body); !taken) {
        return taken;
    }
    const auto hash = context_.transcript.current();
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    if (auto set = context_.transport.records().install_receive(
            kFirstApplicationEpoch, context_.schedule.application().client.bytes());
        !set) {
        return set;
    }
    context_.transport.flight_has_arrived();
    context_.schedule.finish(hash->bytes());
    state_ = State::complete;
    context_.transport.acknowledge_now();
    return {};
}

}  // namespace sdg::keymgmt::dtls13
