// DTLS chunks as an attacker sends them: noise of any kind in bursts, real records with an octet
// changed, and real records in any order, repeated and forged, against a model of the replay
// window. Under fixed keys; a fresh receive context for every input.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "dataplane/record/dtls_chunk.h"

namespace {

using namespace sdg;
using namespace sdg::record;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

template <class T>
T must(Result<T> result) {
    require(result.has_value());
    return std::move(*result);
}

KeyMaterial fixed_material(Suite suite) {
    const SuiteTraits& suite_traits = *traits(suite);
    KeyMaterial material{suite, SecretBytes{suite_traits.key_length},
                         SecretBytes{suite_traits.iv_length},
                         SecretBytes{suite_traits.sn_key_length}};
    material.key.mutable_bytes()[0] = 1;
    material.iv.mutable_bytes()[0] = 2;
    material.sn_key.mutable_bytes()[0] = 3;
    return material;
}

RecordEngine& engine() {
    static const auto instance = must(RecordEngine::create());
    return *instance;
}

// The input is cut into chunks by 16-bit lengths; all that parse go into one burst.
void open_noise(OpenContext& context, std::span<const uint8_t> input) {
    std::vector<std::vector<uint8_t>> chunks;
    while (input.size() >= 2) {
        const size_t length = std::min<size_t>(input[0] << 8 | input[1], input.size() - 2);
        chunks.emplace_back(input.begin() + 2,
                            input.begin() + 2 + static_cast<std::ptrdiff_t>(length));
        input = input.subspan(2 + length);
    }
    std::vector<OpenRequest> requests;
    for (std::vector<uint8_t>& chunk : chunks) {
        const auto view = parse_dtls_chunk(chunk);
        if (!view) {
            require(description(view.error()) != "unknown");
            continue;
        }
        require(view->record.data() == chunk.data() + kRecordOffset);
        require(view->record.size() <= chunk.size() - kRecordOffset);
        OpenRequest request;
        request.context = &context;
        request.record = view->record.data();
        request.record_length = static_cast<uint32_t>(view->record.size());
        requests.push_back(request);
    }
    engine().open_burst(requests);

    uint64_t authentic = 0;
    uint64_t forged = 0;
    for (const OpenRequest& request : requests) {
        require(name(request.outcome) != "unknown");
        if (request.outcome == OpenOutcome::opened) {
            require(request.content_length != 0);
            require(request.content_offset + request.content_length + 1 + kTagLength <=
                    request.record_length);
        }
        authentic +=
            request.outcome == OpenOutcome::opened || request.outcome == OpenOutcome::bad_content;
        forged += request.outcome == OpenOutcome::forged;
    }
    require(context.opened() == authentic);
    require(context.open_failed() == forged);
    require(authentic != 0 || context.replay_window().next_expected() == 0);
}

// Where, what to xor, and the content; a change of nothing must open.
void open_tampered(const KeyMaterial& material, OpenContext& context,
                   std::span<const uint8_t> input) {
    if (input.size() < 5) {
        return;
    }
    const size_t where = input[0] << 8 | input[1];
    const uint8_t change = input[2];
    const uint32_t padding = input[3] % (kMaxDtlsPadding + 1);
    const std::span<const uint8_t> content = input.subspan(4);
    const auto content_length =
        static_cast<uint32_t>(std::min<size_t>(content.size(), kMaxContent));

    const auto seal = must(SealContext::create(material, 3, false));
    std::vector<uint8_t> chunk(dtls_chunk_length(content_length, padding));
    std::copy_n(content.begin(), content_length, chunk.begin() + kContentOffset);
    std::array<SealRequest, 1> sealed;
    sealed[0].context = seal.get();
    sealed[0].record = chunk.data() + kRecordOffset;
    sealed[0].content_length = content_length;
    sealed[0].dtls_padding = padding;
    sealed[0].room = static_cast<uint32_t>(chunk.size()) - kRecordOffset;
    engine().seal_burst(sealed);
    require(sealed[0].outcome == SealOutcome::sealed);
    require(write_dtls_chunk(chunk.data(), false, sealed[0].record_length) == chunk.size());

    sealed[0].record[where % sealed[0].record_length] ^= change;
    const auto view = parse_dtls_chunk(chunk);
    if (!view) {
        require(change != 0 && where % sealed[0].record_length == 0);
        return;
    }
    std::array<OpenRequest, 1> opened;
    opened[0].context = &context;
    opened[0].record = view->record.data();
    opened[0].record_length = static_cast<uint32_t>(view->record.size());
    engine().open_burst(opened);
    require((opened[0].outcome == OpenOutcome::opened) == (change == 0));
    if (change == 0) {
        require(opened[0].content_length == content_length);
        require(std::equal(content.begin(), content.begin() + content_length,
                           opened[0].record + opened[0].content_offset));
    } else {
        require(!context.used());
    }
}

constexpr uint64_t kFirstNumber = 0x8000'0000;
constexpr uint64_t kFailures = 3;

// A receive context, and what it must say to a record.
struct Receiver {
    explicit Receiver(const KeyMaterial& material, uint32_t window_size)
        : context(must(OpenContext::create(material, 3, false,
                                           {.provider = nullptr,
                                            .replay_window = window_size,
                                            .next_expected = kFirstNumber,
                                            .open_failure_limit = kFailures}))),
          window(window_size) {}

    OpenOutcome expected(uint64_t number, bool forged) {
        if (failed == kFailures) {
            return OpenOutcome::open_limit;
        }
        if (number + window < next || seen.count(number) != 0) {
            return OpenOutcome::replayed;
        }
        if (forged) {
            ++failed;
            return OpenOutcome::forged;
        }
        seen.insert(number);
        next = std::max(next, number + 1);
        return OpenOutcome::opened;
    }
    void check() const {
        require(context->opened() == seen.size() && context->open_failed() == failed);
        require(context->replay_window().next_expected() == next);
    }

    std::unique_ptr<OpenContext> context;
    uint64_t window;
    std::set<uint64_t> seen;
    uint64_t next = kFirstNumber;
    uint64_t failed = 0;
};

// An octet: how many records come in a burst; then two octets a record: its number, to which of two
// contexts it belongs, and whether it is forged.
void open_reordered(const KeyMaterial& material, std::span<const uint8_t> input) {
    constexpr uint8_t kForged = 0x80;
    constexpr uint8_t kOther = 0x40;
    constexpr uint8_t kNumberBits = 0x1f;
    constexpr uint32_t kContent = 5;
    constexpr uint32_t kRecord = record_length(kContent);
    constexpr size_t kMostRecords = 300;
    if (input.empty()) {
        return;
    }
    const size_t burst = 1 + input[0] % (kMaxBurst + 20);
    std::array<Receiver, 2> receivers{Receiver(material, ReplayWindow::kMinSize),
                                      Receiver(material, 4 * ReplayWindow::kDefaultSize)};
    std::vector<std::array<uint8_t, kRecord>> records;
    std::vector<OpenRequest> requests;
    std::vector<uint64_t> numbers;
    std::vector<OpenOutcome> outcomes;
    const auto open = [&] {
        for (size_t i = 0; i < requests.size(); ++i) {
            requests[i].record = records[i].data();
        }
        engine().open_burst(requests);
        for (size_t i = 0; i < requests.size(); ++i) {
            // Through the AEAD's batch interface a copy may be seen before the last failure is.
            require(requests[i].outcome == outcomes[i] ||
                    (requests[i].outcome == OpenOutcome::replayed &&
                     outcomes[i] == OpenOutcome::open_limit));
            require(outcomes[i] != OpenOutcome::opened || requests[i].sequence == numbers[i]);
        }
        records.clear();
        requests.clear();
        numbers.clear();
        outcomes.clear();
    };
    for (size_t i = 1; i + 1 < input.size() && i < 2 * kMostRecords; i += 2) {
        const uint64_t number =
            kFirstNumber + (size_t{input[i]} & kNumberBits) * 256 + input[i + 1];
        const bool forged = (input[i] & kForged) != 0;
        Receiver& receiver = receivers[(input[i] & kOther) != 0 ? 1 : 0];
        const auto seal = must(SealContext::create(
            material, 3, false, {.provider = nullptr, .first_sequence = number}));
        auto& record = records.emplace_back();
        std::array<SealRequest, 1> sealed;
        sealed[0].context = seal.get();
        sealed[0].record = record.data();
        sealed[0].content_length = kContent;
        sealed[0].room = kRecord;
        engine().seal_burst(sealed);
        require(name(sealed[0].outcome) == "sealed");
        record.back() ^= forged ? 1 : 0;
        OpenRequest& request = requests.emplace_back();
        request.context = receiver.context.get();
        request.record_length = kRecord;
        numbers.push_back(number);
        outcomes.push_back(receiver.expected(number, forged));
        if (requests.size() == burst) {
            open();
        }
    }
    open();
    receivers[0].check();
    receivers[1].check();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        for (uint8_t one = 0; one <= static_cast<uint8_t>(OpenOutcome::bad_content); ++one) {
            require(name(static_cast<OpenOutcome>(one)) != "unknown");
        }
        for (uint8_t one = 0; one <= static_cast<uint8_t>(SealOutcome::failed); ++one) {
            require(name(static_cast<SealOutcome>(one)) != "unknown");
        }
        return 0;
    }
    static const std::array materials{
        fixed_material(Suite::aes_128_gcm_sha256), fixed_material(Suite::aes_256_gcm_sha384),
        fixed_material(Suite::chacha20_poly1305_sha256), fixed_material(Suite::aes_128_ccm_sha256)};
    const KeyMaterial& material = materials[data[0] & 3];
    const auto context = must(OpenContext::create(material, 3, false));
    const std::span<const uint8_t> rest{data + 1, size - 1};
    if ((data[0] & 8) != 0) {
        open_reordered(material, rest);
    } else if ((data[0] & 4) == 0) {
        open_noise(*context, rest);
    } else {
        open_tampered(material, *context, rest);
    }
    return 0;
}
