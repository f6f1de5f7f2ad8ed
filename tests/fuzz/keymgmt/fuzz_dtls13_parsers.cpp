// Every parser of the DTLS 1.3 engine on octets from anybody: records, ACKs, fragments with their
// reassembly, handshake messages, cookies. The first octet chooses; what is parsed is written again
// where there is a writer, and must come out the same. Records and cookies also come from who has
// the keys: sealed, repeated, changed, with any content type.
#include <algorithm>
#include <chrono>
#include <cstdint>

#include "control/keymgmt/dtls13/cookie.h"
#include "control/keymgmt/dtls13/hello.h"
#include "control/keymgmt/dtls13/messages.h"
#include "control/keymgmt/dtls13/reassembly.h"
#include "control/keymgmt/dtls13/record_layer.h"
#include "tests/fuzz/packet/require.h"
#include "tests/fuzz/steps.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt::dtls13;
using fuzz::require;

void acks(View input) {
    constexpr size_t kMost = 64;
    if (const auto numbers = parse_ack(input, kMost)) {
        require(numbers->size() <= kMost);
        const Octets again = ack_content(*numbers);
        require(numbers->size() == kMost || std::ranges::equal(again, input));
    }
}

void records(View input) {
    RecordLayer layer;
    const Octets secret(32, 1);
    static_cast<void>(layer.install_receive(3, secret));
    while (!input.empty()) {
        const size_t before = input.size();
        OpenedRecord record;
        const auto outcome = layer.read(input, record);
        require(input.size() < before);
        if (outcome && *outcome == ReadOutcome::opened) {
            acks(record.content);
        }
    }
}

// Steps: an octet that says what (epoch, and what becomes of the record), content with the type
// before it.
void sealed_records(View input) {
    enum Fate : uint8_t { kArrives, kTwice, kChanged, kKeysGo };
    RecordLayer ours;
    RecordLayer theirs;
    for (const uint64_t epoch : {2, 3, 4}) {
        const Octets secret(32, static_cast<uint8_t>(epoch));
        require(theirs.install_send(epoch, secret).has_value());
        require(ours.install_receive(epoch, secret).has_value());
    }
    require(theirs.send_epoch() == 4);
    bool first_removed = false;
    fuzz::Steps steps(input);
    fuzz::Step step;
    while (steps.next(step)) {
        if (step.content.empty()) {
            continue;
        }
        const uint64_t epoch = 2 + step.what % 4;
        const auto type = static_cast<ContentType>(step.content[0]);
        const View content = step.content.subspan(1);
        const uint8_t fate = step.what >> 2 & 3;
        const uint64_t seals = theirs.seals_left();
        Octets datagram;
        const auto number = theirs.write(epoch, type, content, datagram);
        if (!number) {
            require((epoch == 5 || (epoch == 2 && first_removed)) && datagram.empty());
            theirs.remove_send_before(3);
            first_removed = true;
            continue;
        }
        require(epoch != 4 || theirs.seals_left() + 1 == seals);
        if (fate == kKeysGo) {
            ours.remove_receive_before(epoch + 1);
        } else if (fate == kChanged) {
            datagram.back() ^= 1;
        }
        const bool has_keys = ours.can_receive(epoch);
        for (int copy = 0; copy < (fate == kTwice ? 2 : 1); ++copy) {
            View rest = datagram;
            OpenedRecord record;
            const auto outcome = ours.read(rest, record);
            require(rest.empty());
            if (!has_keys) {
                require(*outcome == ReadOutcome::no_keys);
            } else if (copy == 1) {
                require(*outcome == ReadOutcome::replayed);
            } else if (fate == kChanged) {
                require(*outcome == ReadOutcome::not_authentic);
            } else if (outcome) {
                // Without a type the content's last octet that is not zero is taken for one.
                require(*outcome == ReadOutcome::opened && record.number == *number);
                require(type == ContentType::invalid ||
                        (record.type == type && std::ranges::equal(record.content, content)));
                acks(record.content);
            } else {
                require(type == ContentType::invalid);
            }
        }
    }
}

void fragments(View input, bool epochs) {
    Reassembly reassembly;
    for (uint64_t number = 0; !input.empty(); ++number) {
        const View before = input;
        const auto fragment = take_fragment(input);
        if (!fragment) {
            return;
        }
        Octets again;
        append_fragment(again, *fragment);
        require(std::ranges::equal(again, before.first(before.size() - input.size())));
        if (!reassembly.add(*fragment, 2 + (epochs ? number / 2 % 2 : 0))) {
            return;
        }
        require(reassembly.buffered() <= Reassembly::kMaxBuffered);
        while (reassembly.take()) {
        }
        static_cast<void>(reassembly.has_gap());
    }
}

// What we have made opens as long as it is young, for its address, and not changed.
void cookies(View input) {
    const Octets key(32, static_cast<uint8_t>(input.size()));
    const auto lifetime = std::chrono::seconds(60);
    require(!open_cookie(key, {}, input, TimePoint{}, lifetime));

    CookieContent content;
    content.group = NamedGroup::x25519;
    content.made = TimePoint(std::chrono::seconds(100));
    content.client_hello.length = input.size() % 2 == 0 ? 32 : 48;  // of another hash
    const auto cookie = make_cookie(key, input, content);
    require(cookie.has_value());
    const auto open = [&](View address, View octets, int seconds) {
        return open_cookie(key, address, octets, TimePoint(std::chrono::seconds(seconds)),
                           lifetime);
    };
    const auto opened = open(input, *cookie, 130);
    require(opened.has_value() == (content.client_hello.length == 32));
    require(!opened || (opened->group == content.group && opened->made == content.made));
    require(!open(input, *cookie, 161) && !open(input, *cookie, 99));
    require(input.empty() || !open(input.first(input.size() - 1), *cookie, 130));
    Octets changed = *cookie;
    for (size_t i = 0; i + 1 < input.size(); i += 2) {
        changed[input[i] % changed.size()] ^= input[i + 1];
    }
    require(changed == *cookie || !open(input, changed, 130));
}

void hellos(View input) {
    if (const auto client = parse_client_hello(input)) {
        const Octets again = client_hello_body(*client);
        const auto parsed = parse_client_hello(again);
        require(parsed && parsed->suites == client->suites && parsed->groups == client->groups &&
                parsed->key_shares.size() == client->key_shares.size() &&
                parsed->extended_key_update == client->extended_key_update);
    }
    if (const auto server = parse_server_hello(input)) {
        const Octets again = server_hello_body(*server);
        const auto parsed = parse_server_hello(again);
        require(parsed && parsed->suite == server->suite &&
                parsed->is_hello_retry == server->is_hello_retry &&
                parsed->key_share.group == server->key_share.group);
    }
}

void messages(View input) {
    for (const bool offered : {false, true}) {
        if (const auto extensions = parse_encrypted_extensions(input, offered)) {
            require(offered || !extensions->extended_key_update);
            const Octets again = encrypted_extensions_body(*extensions);
            require(parse_encrypted_extensions(again, offered)->extended_key_update ==
                    extensions->extended_key_update);
        }
    }
    if (const auto certificate = parse_certificate(input)) {
        std::vector<Octets> chain;
        for (const auto& one : certificate->chain) {
            chain.emplace_back(static_cast<size_t>(i2d_X509(one.get(), nullptr)));
            uint8_t* at = chain.back().data();
            i2d_X509(one.get(), &at);
        }
        require(parse_certificate(certificate_body(certificate->context, chain))->chain.size() ==
                chain.size());
    }
    if (const auto request = parse_certificate_request(input)) {
        const Octets again = certificate_request_body(*request);
        require(parse_certificate_request(again)->signature_schemes == request->signature_schemes);
    }
    if (const auto verify = parse_certificate_verify(input)) {
        const Octets again = certificate_verify_body(*verify);
        require(std::ranges::equal(again, input));
    }
    if (const auto update = parse_extended_key_update(input)) {
        const Octets again = extended_key_update_body(*update);
        require(std::ranges::equal(again, input));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    constexpr unsigned kKinds = 6;
    const View input(data + 1, size - 1);
    switch (data[0] % kKinds) {
        case 0:
            records(input);
            break;
        case 1:
            fragments(input, data[0] / kKinds % 2 != 0);
            break;
        case 2:
            hellos(input);
            break;
        case 3:
            messages(input);
            break;
        case 4:
            cookies(input);
            acks(input);
            break;
        default:
            sealed_records(input);
    }
    return 0;
}
