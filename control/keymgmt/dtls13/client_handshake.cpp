#include "control/keymgmt/dtls13/client_handshake.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {

Checked<void> ClientHandshake::start() {
    context_.random.fill(random_);
    const auto& groups = context_.configuration.groups;
    for (size_t i = 0; i < std::min(groups.size(), context_.configuration.key_shares); ++i) {
        auto share = KeyShare::generate(groups[i]);
        if (!share) {
            return tl::unexpected(share.error());
        }
        shares_.push_back(std::move(*share));
    }
    return send_client_hello({});
}

Checked<void> ClientHandshake::send_client_hello(std::optional<View> cookie) {
    ClientHello hello{.random = random_,
                      .suites = context_.configuration.suites,
                      .groups = context_.configuration.groups,
                      .signature_schemes = context_.configuration.signature_schemes,
                      .key_shares = {},
                      .cookie = cookie,
                      .extended_key_update = context_.configuration.extended_key_update};
    for (const KeyShare& share : shares_) {
        hello.key_shares.push_back({share.group(), share.public_value()});
    }
    if (auto said =
            say(context_, kClearEpoch, HandshakeType::client_hello, client_hello_body(hello));
        !said) {
        return said;
    }
    return context_.transport.flush();
}

Checked<void> ClientHandshake::on_message(const Reassembly::Message& message) {
    const auto expected = [&](HandshakeType type, uint64_t epoch, auto handler) {
        return expect(message, type, epoch).and_then(handler);
    };
    switch (state_) {
        case State::wait_server_hello:
            return expected(HandshakeType::server_hello, kClearEpoch,
                            [&] { return on_server_hello(message.body); });
        case State::wait_encrypted_extensions:
            return expected(HandshakeType::encrypted_extensions, kHandshakeEpoch,
                            [&] { return on_encrypted_extensions(message.body); });
        case State::wait_certificate_request:
            if (message.type == HandshakeType::certificate) {
                if (context_.configuration.mutual) {
                    return refuse(AlertDescription::handshake_failure,
                                  "the server does not ask for our certificate");
                }
                state_ = State::wait_certificate;
                return on_message(message);
            }
            return expected(HandshakeType::certificate_request, kHandshakeEpoch,
                            [&] { return on_certificate_request(message.body); });
        case State::wait_certificate:
            return expected(HandshakeType::certificate, kHandshakeEpoch, [&] {
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

Checked<void> ClientHandshake::on_server_hello(View body) {
    const auto hello = parse_server_hello(body);
    if (!hello) {
        return tl::unexpected(hello.error());
    }
    const auto& suites = context_.configuration.suites;
    Negotiated& negotiated = context_.negotiated;
    if (std::find(suites.begin(), suites.end(), hello->suite) == suites.end() ||
        (negotiated.hello_retry && hello->suite != negotiated.suite)) {
        return refuse(AlertDescription::illegal_parameter,
                      "the server chose a cipher suite that it may not choose");
    }
    const bool is_first = !negotiated.hello_retry;
    if (is_first) {
        negotiated.suite = hello->suite;
        context_.schedule.choose(hello->suite, random_);
        context_.transport.records().set_suite(hello->suite);
        if (auto chosen = context_.transcript.choose(context_.schedule.hash()); !chosen) {
            return chosen;
        }
    }
    if (hello->is_hello_retry) {
        return on_hello_retry(*hello, body);
    }
    const auto share = std::find_if(shares_.begin(), shares_.end(), [&](const KeyShare& one) {
        return one.group() == hello->key_share.group;
    });
    if (share == shares_.end()) {
        return refuse(AlertDescription::illegal_parameter,
                      "the server chose a group that we sent no key share of");
    }
    const auto secret = share->derive(hello->key_share.key_exchange);
    if (!secret) {
        return tl::unexpected(secret.error());
    }
    negotiated.group = share->group();
    shares_.clear();
    if (auto added = context_.transcript.add(HandshakeType::server_hello, body); !added) {
        return added;
    }
    const auto hash = context_.transcript.current();
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    if (auto entered = context_.schedule.enter_handshake(secret->bytes(), hash->bytes());
        !entered) {
        return entered;
    }
    context_.transport.flight_has_arrived();
    RecordLayer& records = context_.transport.records();
    const TrafficSecrets& secrets = context_.schedule.handshake();
    if (auto set = records.install_receive(kHandshakeEpoch, secrets.server.bytes()); !set) {
        return set;
    }
    state_ = State::wait_encrypted_extensions;
    return records.install_send(kHandshakeEpoch, secrets.client.bytes());
}

Checked<void> ClientHandshake::on_hello_retry(const ServerHello& hello, View body) {
    Negotiated& negotiated = context_.negotiated;
    if (negotiated.hello_retry) {
        return refuse(AlertDescription::unexpected_message, "a second HelloRetryRequest");
    }
    negotiated.hello_retry = true;
    const NamedGroup group = hello.key_share.group;
    const auto& groups = context_.configuration.groups;
    if (group == NamedGroup::none
            ? !hello.cookie
            : std::find(groups.begin(), groups.end(), group) == groups.end() ||
                  std::any_of(shares_.begin(), shares_.end(),
                              [&](const KeyShare& share) { return share.group() == group; })) {
        return refuse(AlertDescription::illegal_parameter,
                      "a HelloRetryRequest that asks for nothing we could change");
    }
    if (group != NamedGroup::none) {
        auto share = KeyShare::generate(group);
        if (!share) {
            return tl::unexpected(share.error());
        }
        shares_.clear();
        shares_.push_back(std::move(*share));
    }
    const auto first_hello = context_.transcript.current();
    if (!first_hello) {
        return tl::unexpected(first_hello.error());
    }
    if (auto restarted = context_.transcript.restart_with(first_hello->bytes()); !restarted) {
        return restarted;
    }
    if (auto added = context_.transcript.add(HandshakeType::server_hello, body); !added) {
        return added;
    }
    context_.transport.flight_has_arrived();
    return send_client_hello(hello.cookie);
}

Checked<void> ClientHandshake::on_encrypted_extensions(View body) {
    const auto message =
        parse_encrypted_extensions(body, context_.configuration.extended_key_update);
    if (!message) {
        return tl::unexpected(message.error());
    }
    context_.negotiated.extended_key_update = message->extended_key_update;
    state_ = State::wait_certificate_request;
    return context_.transcript.add(HandshakeType::encrypted_extensions, body);
}

Checked<void> ClientHandshake::on_certificate_request(View body) {
    auto request = parse_certificate_request(body);
    if (!request) {
        return tl::unexpected(request.error());
    }
    if (!request->context.empty()) {
        return refuse(AlertDescription::illegal_parameter,
                      "a CertificateRequest with a certificate_request_context");
    }
    server_schemes_ = std::move(request->signature_schemes);
    is_asked_ = true;
    state_ = State::wait_certificate;
    return context_.transcript.add(HandshakeType::certificate_request, body);
}

Checked<void> ClientHandshake::on_finished(View body) {
    if (auto taken = take_finished(context_, body); !taken) {
        return taken;
    }
    const auto server_hash = context_.transcript.current();
    if (!server_hash) {
        return tl::unexpected(server_hash.error());
    }
    if (auto entered = context_.schedule.enter_application(server_hash->bytes()); !entered) {
        return entered;
    }
    if (is_asked_) {
        if (auto said = say_authentication(context_, server_schemes_); !said) {
            return said;
        }
    }
    if (auto said = say_finished(context_); !said) {
        return said;
    }
    const auto client_hash = context_.transcript.current();
    if (!client_hash) {
        return tl::unexpected(client_hash.error());
    }
    RecordLayer& records = context_.transport.records();
    const TrafficSecrets& secrets = context_.schedule.application();
    if (auto set = records.install_receive(kFirstApplicationEpoch, secrets.server.bytes()); !set) {
        return set;
    }
    if (auto set = records.install_send(kFirstApplicationEpoch, secrets.client.bytes()); !set) {
        return set;
    }
    context_.schedule.finish(client_hash->bytes());
    state_ = State::complete;
    return context_.transport.flush();
}

}  // namespace sdg::keymgmt::dtls13
