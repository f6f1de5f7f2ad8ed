// DTLS chunks as an attacker sends them: noise of any kind in bursts, and real records with an
// octet changed. Under fixed keys; a fresh receive context for every input.
#include <algorithm>
#include <array>
#include <cstdlib>
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    static const std::array materials{
        fixed_material(Suite::aes_128_gcm_sha256), fixed_material(Suite::aes_256_gcm_sha384),
        fixed_material(Suite::chacha20_poly1305_sha256), fixed_material(Suite::aes_128_ccm_sha256)};
    const KeyMaterial& material = materials[data[0] & 3];
    const auto context = must(OpenContext::create(material, 3, false));
    const std::span<const uint8_t> rest{data + 1, size - 1};
    if ((data[0] & 4) == 0) {
        open_noise(*context, rest);
    } else {
        open_tampered(material, *context, rest);
    }
    return 0;
}
