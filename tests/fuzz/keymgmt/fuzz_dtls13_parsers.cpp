// Every parser of the DTLS 1.3 engine on octets from anybody: records, ACKs, fragments with their
// reassembly, handshake messages, cookies. The first octet chooses; what is parsed is written again
// where there is a writer, and must come out the same.
#include <cstdint>
#include <cstdlib>

#include "control/keymgmt/dtls13/cookie.h"
#include "control/keymgmt/dtls13/hello.h"
#include "control/keymgmt/dtls13/messages.h"
#include "control/keymgmt/dtls13/reassembly.h"
#include "control/keymgmt/dtls13/record_layer.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt::dtls13;

void require(bool holds) {
    if (!holds) {
        std::abort();
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
            static_cast<void>(parse_ack(record.content, 16));
        }
    }
}

void fragments(View input) {
    Reassembly reassembly;
    while (!input.empty()) {
        const auto fragment = take_fragment(input);
        if (!fragment || !reassembly.add(*fragment, 2)) {
            return;
        }
        require(reassembly.buffered() <= Reassembly::kMaxBuffered);
        while (reassembly.take()) {
        }
    }
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
    static_cast<void>(parse_encrypted_extensions(input, true));
    static_cast<void>(parse_certificate(input));
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
    const View input(data + 1, size - 1);
    switch (data[0] % 5) {
        case 0:
            records(input);
            break;
        case 1:
            fragments(input);
            break;
        case 2:
            hellos(input);
            break;
        case 3:
            messages(input);
            break;
        default: {
            const Octets key(32, static_cast<uint8_t>(size));
            static_cast<void>(open_cookie(key, {}, input, TimePoint{}, std::chrono::seconds(60)));
            static_cast<void>(parse_ack(input, 64));
        }
    }
    return 0;
}
