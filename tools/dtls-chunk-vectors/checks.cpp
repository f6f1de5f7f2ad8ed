#include "tools/dtls-chunk-vectors/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "dataplane/keys/negotiation.h"
#include "dataplane/record/dtls_chunk.h"

namespace sdg::vectors {
namespace {

using namespace record;

Failure check_seal(const RecordVector& vector, RecordEngine& engine, Architecture architecture) {
    auto context = SealContext::create(
        vector.material, vector.epoch, vector.restart,
        {.architecture = architecture, .first_sequence = vector.sequence, .seal_limit = 0});
    if (!context) {
        return context.error().message;
    }
    const auto content_length = static_cast<uint32_t>(vector.content.size());
    Octets chunk(dtls_chunk_length(content_length, vector.dtls_padding), 0xa5);
    std::copy(vector.content.begin(), vector.content.end(), chunk.begin() + kContentOffset);
    std::array<SealRequest, 1> request;
    request[0].context = context->get();
    request[0].record = chunk.data() + kRecordOffset;
    request[0].content_length = content_length;
    request[0].dtls_padding = vector.dtls_padding;
    request[0].room = static_cast<uint32_t>(chunk.size()) - kRecordOffset;
    engine.seal_burst(request);
    if (request[0].outcome != SealOutcome::sealed) {
        return fmt::format("sealing: {}", name(request[0].outcome));
    }
    chunk.resize(write_dtls_chunk(chunk.data(), (*context)->restart(), request[0].record_length));
    if (chunk != vector.chunk) {
        const auto where =
            std::mismatch(chunk.begin(), chunk.end(), vector.chunk.begin(), vector.chunk.end());
        return fmt::format("sealing gives another chunk, from octet {} on",
                           where.first - chunk.begin());
    }
    return std::nullopt;
}

struct Opened {
    std::string outcome;  // name of the outcome, or what is wrong with the chunk
    Octets content;
    uint64_t sequence = 0;
    bool restart = false;
};

Opened open(const RecordVector& vector, Octets chunk, RecordEngine& engine, OpenContext& context) {
    Opened opened;
    const auto view = parse_dtls_chunk(chunk);
    if (!view) {
        opened.outcome = description(view.error());
        return opened;
    }
    if (view->epoch_low != (vector.epoch & 3)) {
        opened.outcome = "another epoch";
        return opened;
    }
    opened.restart = view->restart;
    std::array<OpenRequest, 1> request;
    request[0].context = &context;
    request[0].record = view->record.data();
    request[0].record_length = static_cast<uint32_t>(view->record.size());
    engine.open_burst(request);
    opened.outcome = name(request[0].outcome);
    if (request[0].outcome == OpenOutcome::opened) {
        const uint8_t* content = request[0].record + request[0].content_offset;
        opened.content.assign(content, content + request[0].content_length);
        opened.sequence = request[0].sequence;
    }
    return opened;
}

Failure check_open(const RecordVector& vector, RecordEngine& engine, Architecture architecture) {
    auto context = OpenContext::create(vector.material, vector.epoch, vector.restart,
                                       {.architecture = architecture,
                                        .replay_window = ReplayWindow::kDefaultSize,
                                        .next_expected = vector.sequence,
                                        .open_failure_limit = 0});
    if (!context) {
        return context.error().message;
    }
    if (vector.chunk.size() > kContentOffset) {
        // A bit of the encrypted number, of the first ciphertext octet, and of the tag.
        const size_t length = vector.chunk[2] << 8 | vector.chunk[3];
        for (const size_t octet : {size_t{kRecordOffset + 2}, size_t{kContentOffset},
                                   std::min(length, vector.chunk.size()) - 1}) {
            Octets turned = vector.chunk;
            turned[octet] ^= 0x10;
            if (open(vector, std::move(turned), engine, **context).outcome == "opened") {
                return fmt::format("opens with a bit of octet {} turned over", octet);
            }
        }
    }
    const Opened opened = open(vector, vector.chunk, engine, **context);
    if (opened.outcome != "opened") {
        return fmt::format("opening: {}", opened.outcome);
    }
    if (opened.content != vector.content) {
        return "opening gives another content";
    }
    if (opened.sequence != vector.sequence) {
        return fmt::format("opening gives number {}", opened.sequence);
    }
    if (opened.restart != vector.restart) {
        return "the R flag differs";
    }
    return std::nullopt;
}

}  // namespace

Failure check(const RecordVector& vector, Architecture architecture) {
    auto engine = RecordEngine::create(architecture);
    if (!engine) {
        return engine.error().message;
    }
    if (auto failure = check_seal(vector, **engine, architecture)) {
        return failure;
    }
    return check_open(vector, **engine, architecture);
}

Failure check(const ExportVector& vector) {
    const keymgmt::tls13::Export what{vector.direction, vector.role, vector.kind,
                                      vector.client_parameter, vector.server_parameter};
    const auto out = keymgmt::tls13::derive_export(*vector.suite, vector.exporter_secret, what);
    if (!out) {
        return out.error().message;
    }
    if (!equal_constant_time(out->bytes(), vector.out)) {
        return "export differs";
    }
    return std::nullopt;
}

Failure check(const NegotiationVector& vector) {
    const auto parameter = [](const Offer& offer) {
        return packet::KeyManagementParameter::create(offer.tie_breaker, offer.flags,
                                                      offer.methods);
    };
    const auto local = parameter(vector.local);
    const auto peer = parameter(vector.peer);
    if (!local || !peer) {
        return "no such parameter can be made";
    }
    const auto agreement = keys::negotiate(*local, *peer);
    std::string got;
    if (agreement) {
        got = fmt::format("{} {}", agreement->role == keys::KmRole::client ? "client" : "server",
                          agreement->method);
    } else {
        got = fmt::format("error cause {}", keys::error_cause(agreement.error()));
    }
    std::string wanted;
    if (const auto* expected = std::get_if<ExpectedAgreement>(&vector.result)) {
        wanted = fmt::format("{} {}", expected->role, expected->method);
    } else {
        wanted = fmt::format("error cause {}", std::get<uint16_t>(vector.result));
    }
    return got == wanted ? std::nullopt
                         : Failure{fmt::format("gives {} instead of {}", got, wanted)};
}

}  // namespace sdg::vectors
