// Keys, contexts and one-record shortcuts for the tests of the record layer.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/record/record.h"
#include "foundation/random.h"

namespace sdg::record {

using Octets = std::vector<uint8_t>;

inline Octets random_octets(size_t length, uint64_t seed) {
    Octets octets(length);
    SeededRandom{seed}.fill(octets);
    return octets;
}

inline KeyMaterial material_for(Suite suite, uint64_t seed = 7) {
    const SuiteTraits& suite_traits = *traits(suite);
    return {suite, SecretBytes::copy_of(random_octets(suite_traits.key_length, seed)),
            SecretBytes::copy_of(random_octets(suite_traits.iv_length, seed + 1)),
            SecretBytes::copy_of(random_octets(suite_traits.sn_key_length, seed + 2))};
}

inline std::unique_ptr<SealContext> sealing(const KeyMaterial& material,
                                            const SealContext::Options& options = {},
                                            uint16_t epoch = 3) {
    auto context = SealContext::create(material, epoch, false, options);
    EXPECT_TRUE(context.has_value()) << context.error().message;
    return std::move(context).value();
}

inline std::unique_ptr<OpenContext> opening(const KeyMaterial& material,
                                            const OpenContext::Options& options = {},
                                            uint16_t epoch = 3) {
    auto context = OpenContext::create(material, epoch, false, options);
    EXPECT_TRUE(context.has_value()) << context.error().message;
    return std::move(context).value();
}

inline std::unique_ptr<RecordEngine> engine_for(Architecture architecture = Architecture::best) {
    auto engine = RecordEngine::create(architecture);
    EXPECT_TRUE(engine.has_value());
    return std::move(engine).value();
}

// The sealed record.
inline Octets seal_one(RecordEngine& engine, SealContext& context, const Octets& content,
                       uint32_t dtls_padding = 0) {
    Octets record(record_length(static_cast<uint32_t>(content.size()), dtls_padding));
    std::copy(content.begin(), content.end(), record.begin() + kRecordHeader);
    std::array<SealRequest, 1> request;
    request[0].context = &context;
    request[0].record = record.data();
    request[0].content_length = static_cast<uint32_t>(content.size());
    request[0].dtls_padding = dtls_padding;
    request[0].room = static_cast<uint32_t>(record.size());
    engine.seal_burst(request);
    EXPECT_EQ(request[0].outcome, SealOutcome::sealed);
    EXPECT_EQ(request[0].record_length, record.size());
    return record;
}

struct Opened {
    OpenOutcome outcome;
    Octets content;
    uint64_t sequence;
};

inline OpenRequest request_for(OpenContext& context, Octets& record) {
    OpenRequest request;
    request.context = &context;
    request.record = record.data();
    request.record_length = static_cast<uint32_t>(record.size());
    return request;
}

inline Opened result_of(const OpenRequest& request) {
    Opened opened{request.outcome, {}, request.sequence};
    if (request.outcome == OpenOutcome::opened) {
        const uint8_t* content = request.record + request.content_offset;
        opened.content.assign(content, content + request.content_length);
    }
    return opened;
}

inline Opened open_one(RecordEngine& engine, OpenContext& context, Octets record) {
    std::array<OpenRequest, 1> request{request_for(context, record)};
    engine.open_burst(request);
    return result_of(request[0]);
}

inline std::vector<Opened> open_all(RecordEngine& engine, OpenContext& context,
                                    std::vector<Octets> records) {
    std::vector<OpenRequest> requests;
    for (Octets& record : records) {
        requests.push_back(request_for(context, record));
    }
    engine.open_burst(requests);
    std::vector<Opened> opened;
    for (const OpenRequest& request : requests) {
        opened.push_back(result_of(request));
    }
    return opened;
}

inline std::string test_name(Suite suite) {
    return std::string{traits(suite)->name};
}

}  // namespace sdg::record
