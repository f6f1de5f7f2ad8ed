// Sealing, and opening what was sealed: the two are tested against each other here, and against an
// independent implementation by dtls-chunk-vectors.
#include "tests/unit/record/fixture.h"

namespace sdg::record {
namespace {

struct Case {
    Suite suite;
    Architecture architecture;
};

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    for (const Suite suite : supported_suites()) {
        for (const Architecture architecture : supported_architectures()) {
            cases.push_back({suite, architecture});
        }
    }
    return cases;
}

class EverySuite : public testing::TestWithParam<Case> {
 protected:
    Architecture architecture_ = GetParam().architecture;
    KeyMaterial material_ = material_for(GetParam().suite);
    std::unique_ptr<RecordEngine> engine_ = engine_for(architecture_);
    std::unique_ptr<SealContext> seal_ = sealing(material_, {.architecture = architecture_});
    std::unique_ptr<OpenContext> open_ = opening(material_, {.architecture = architecture_});
};

TEST_P(EverySuite, opens_what_it_seals_at_every_length) {
    for (uint32_t length = 1; length < 600; length += 1) {
        const Octets content = random_octets(length, length);
        const Opened opened = open_one(*engine_, *open_, seal_one(*engine_, *seal_, content));
        ASSERT_EQ(opened.outcome, OpenOutcome::opened) << length;
        ASSERT_EQ(opened.content, content) << length;
        ASSERT_EQ(opened.sequence, length - 1);
    }
    EXPECT_EQ(seal_->sealed(), 599U);
    EXPECT_EQ(open_->opened(), 599U);
    EXPECT_EQ(open_->open_failed(), 0U);
}

TEST_P(EverySuite, gives_the_same_octets_on_every_architecture) {
    const auto best_engine = engine_for();
    const auto best_seal = sealing(material_);
    for (const uint32_t length : {1U, 4U, 16U, 63U, 64U, 256U, 1000U, kMaxContent}) {
        const Octets content = random_octets(length, length);
        EXPECT_EQ(seal_one(*engine_, *seal_, content, 3),
                  seal_one(*best_engine, *best_seal, content, 3))
            << length;
    }
}

TEST_P(EverySuite, takes_off_dtls_padding) {
    for (const uint32_t padding : {1U, 5U, 100U, kMaxDtlsPadding}) {
        const Octets content{1, 2, 3, 0};  // its own trailing zero stays
        const Octets record = seal_one(*engine_, *seal_, content, padding);
        EXPECT_EQ(record.size(), record_length(4, padding));
        EXPECT_EQ(open_one(*engine_, *open_, record).content, content);
    }
}

TEST_P(EverySuite, carries_2_to_the_14_octets) {
    const Octets content = random_octets(kMaxContent, 1);
    const Octets record = seal_one(*engine_, *seal_, content, kMaxDtlsPadding);
    EXPECT_EQ(record.size(), kMaxRecord);
    EXPECT_EQ(open_one(*engine_, *open_, record).content, content);
}

TEST_P(EverySuite, a_burst_takes_consecutive_numbers_in_order) {
    constexpr uint32_t kLength = 100;
    std::vector<Octets> records(kMaxBurst, Octets(record_length(kLength)));
    std::vector<SealRequest> requests;
    for (uint32_t i = 0; i < records.size(); ++i) {
        records[i][kRecordHeader] = static_cast<uint8_t>(i);
        SealRequest request;
        request.context = seal_.get();
        request.record = records[i].data();
        request.content_length = kLength;
        request.room = record_length(kLength);
        requests.push_back(request);
    }
    engine_->seal_burst(requests);
    const auto opened = open_all(*engine_, *open_, records);
    for (uint32_t i = 0; i < records.size(); ++i) {
        EXPECT_EQ(requests[i].outcome, SealOutcome::sealed);
        ASSERT_EQ(opened[i].outcome, OpenOutcome::opened) << i;
        EXPECT_EQ(opened[i].sequence, i);
        EXPECT_EQ(opened[i].content[0], i);
    }
    EXPECT_EQ(seal_->next_sequence(), kMaxBurst);
}

TEST_P(EverySuite, one_burst_and_one_by_one_give_the_same_octets) {
    std::vector<Octets> single;
    const auto other = sealing(material_, {.architecture = architecture_});
    std::vector<Octets> burst;
    std::vector<SealRequest> requests(40);
    for (uint32_t i = 0; i < requests.size(); ++i) {
        const Octets content = random_octets(1 + 37 * i, i);
        single.push_back(seal_one(*engine_, *other, content));
        burst.emplace_back(single.back().size());
        std::copy(content.begin(), content.end(), burst.back().begin() + kRecordHeader);
        requests[i].context = seal_.get();
        requests[i].content_length = static_cast<uint32_t>(content.size());
        requests[i].room = static_cast<uint32_t>(burst.back().size());
    }
    for (uint32_t i = 0; i < requests.size(); ++i) {
        requests[i].record = burst[i].data();
    }
    engine_->seal_burst(requests);
    EXPECT_EQ(burst, single);
}

TEST_P(EverySuite, stops_at_the_limit_and_not_before) {
    const auto limited =
        sealing(material_, {.architecture = architecture_, .first_sequence = 9, .seal_limit = 5});
    EXPECT_EQ(limited->seal_limit(), 5U);
    std::vector<Octets> records(8, Octets(record_length(20), 0xa5));
    std::vector<SealRequest> requests(8);
    for (uint32_t i = 0; i < requests.size(); ++i) {
        requests[i].context = limited.get();
        requests[i].record = records[i].data();
        requests[i].content_length = 20;
        requests[i].room = record_length(20);
    }
    engine_->seal_burst(requests);
    for (uint32_t i = 0; i < requests.size(); ++i) {
        EXPECT_EQ(requests[i].outcome, i < 5 ? SealOutcome::sealed : SealOutcome::seal_limit);
        EXPECT_EQ(records[i] == Octets(record_length(20), 0xa5), i >= 5) << i;
    }
    EXPECT_EQ(limited->sealed(), 5U);
    EXPECT_EQ(limited->next_sequence(), 14U);
}

TEST_P(EverySuite, uses_the_last_number_and_then_no_more) {
    const auto late =
        sealing(material_, {.architecture = architecture_, .first_sequence = kMaxSequence - 1});
    const auto receiver =
        opening(material_, {.architecture = architecture_, .next_expected = kMaxSequence - 1});
    for (const uint64_t sequence : {kMaxSequence - 1, kMaxSequence}) {
        const Opened opened =
            open_one(*engine_, *receiver, seal_one(*engine_, *late, {1, 2, 3, 4}));
        EXPECT_EQ(opened.outcome, OpenOutcome::opened);
        EXPECT_EQ(opened.sequence, sequence);
    }
    std::array<SealRequest, 1> request;
    Octets record(record_length(4));
    request[0].context = late.get();
    request[0].record = record.data();
    request[0].content_length = 4;
    request[0].room = record_length(4);
    engine_->seal_burst(request);
    EXPECT_EQ(request[0].outcome, SealOutcome::seal_limit);
}

TEST_P(EverySuite, refuses_what_does_not_fit_and_spends_no_number) {
    struct {
        uint32_t content, padding, room;
    } const cases[] = {{0, 0, 100},
                       {kMaxContent + 1, 0, UINT32_MAX},
                       {UINT32_MAX, 0, UINT32_MAX},
                       {100, kMaxDtlsPadding + 1, UINT32_MAX},
                       {100, UINT32_MAX - 100, UINT32_MAX},
                       {100, 0, record_length(100) - 1},
                       {100, 0, 0},
                       {100, 3, record_length(100) + 2}};
    for (const auto& one : cases) {
        Octets record(200, 0x5a);
        std::array<SealRequest, 1> request;
        request[0].context = seal_.get();
        request[0].record = record.data();
        request[0].content_length = one.content;
        request[0].dtls_padding = one.padding;
        request[0].room = one.room;
        engine_->seal_burst(request);
        EXPECT_EQ(request[0].outcome, SealOutcome::too_long) << one.content;
        EXPECT_EQ(record, Octets(200, 0x5a));
    }
    EXPECT_EQ(seal_->sealed(), 0U);
}

TEST_P(EverySuite, hides_number_and_content) {
    // Records of equal content differ everywhere, and the number on the wire is not the number.
    const Octets content(64, 0);
    uint32_t same_number = 0;
    for (uint32_t i = 0; i < 64; ++i) {
        const Octets record = seal_one(*engine_, *seal_, content);
        EXPECT_EQ(record[0], 0x2b);
        same_number += record[1] == 0 && record[2] == i ? 1U : 0U;
        EXPECT_EQ(std::search_n(record.begin() + kRecordHeader, record.end(), 8, uint8_t{0}),
                  record.end());
    }
    EXPECT_LT(same_number, 3U);
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
    return test_name(info.param.suite) + "_" + std::string{name(info.param.architecture)};
}
INSTANTIATE_TEST_SUITE_P(Record, EverySuite, testing::ValuesIn(all_cases()), name_of);

TEST(Record, a_burst_may_mix_contexts_and_suites) {
    // Interleaved in every way: several keys per suite, runs and alternation, bad requests between.
    const auto engine = engine_for();
    std::vector<std::unique_ptr<SealContext>> seals;
    std::vector<std::unique_ptr<OpenContext>> opens;
    for (uint64_t seed = 0; seed < 12; ++seed) {
        const KeyMaterial material = material_for(supported_suites()[seed % 4], 100 * seed + 1);
        seals.push_back(sealing(material, {}, static_cast<uint16_t>(seed)));
        opens.push_back(opening(material, {}, static_cast<uint16_t>(seed)));
    }
    SeededRandom random{5};
    for (int round = 0; round < 200; ++round) {
        const size_t count = 1 + random.u32() % (kMaxBurst + 20);  // beyond one burst too
        std::vector<Octets> contents;
        std::vector<Octets> records;
        std::vector<SealRequest> sealed(count);
        std::vector<size_t> which;
        size_t current = 0;
        for (size_t i = 0; i < count; ++i) {
            current = random.u32() % 3 == 0 ? current : random.u32() % seals.size();
            which.push_back(current);
            contents.push_back(random_octets(1 + random.u32() % 700, random.u64()));
            const auto length = static_cast<uint32_t>(contents[i].size());
            records.emplace_back(record_length(length));
            std::copy(contents[i].begin(), contents[i].end(), records[i].begin() + kRecordHeader);
            sealed[i].context = seals[current].get();
            sealed[i].content_length = length;
            sealed[i].room = i % 11 == 10 ? 10 : record_length(length);
        }
        std::vector<OpenRequest> opened(count);
        for (size_t i = 0; i < count; ++i) {
            sealed[i].record = records[i].data();
            opened[i] = request_for(*opens[which[i]], records[i]);
        }
        engine->seal_burst(sealed);
        engine->open_burst(opened);
        for (size_t i = 0; i < count; ++i) {
            if (i % 11 == 10) {
                EXPECT_EQ(sealed[i].outcome, SealOutcome::too_long);
                EXPECT_NE(opened[i].outcome, OpenOutcome::opened);
            } else {
                ASSERT_EQ(sealed[i].outcome, SealOutcome::sealed);
                ASSERT_EQ(opened[i].outcome, OpenOutcome::opened);
                ASSERT_EQ(result_of(opened[i]).content, contents[i]);
            }
        }
    }
}

TEST(Record, an_empty_burst_is_nothing) {
    const auto engine = engine_for();
    engine->seal_burst({});
    engine->open_burst({});
}

TEST(Record, every_outcome_has_a_name) {
    for (const auto outcome : {SealOutcome::sealed, SealOutcome::too_long, SealOutcome::seal_limit,
                               SealOutcome::failed}) {
        EXPECT_NE(name(outcome), "unknown");
    }
    for (const auto outcome :
         {OpenOutcome::opened, OpenOutcome::malformed, OpenOutcome::open_limit,
          OpenOutcome::replayed, OpenOutcome::forged, OpenOutcome::bad_content}) {
        EXPECT_NE(name(outcome), "unknown");
    }
}

}  // namespace
}  // namespace sdg::record
