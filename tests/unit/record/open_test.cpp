// What must not open, and that nothing moves when it does not.
#include <openssl/evp.h>

#include "dataplane/record/record_number.h"
#include "tests/unit/record/fixture.h"

namespace sdg::record {
namespace {

class NotOpened : public testing::TestWithParam<Suite> {
 protected:
    Octets sealed(uint32_t length = 20) {
        return seal_one(*engine_, *seal_, random_octets(length, length));
    }
    void expect_state(uint64_t opened, uint64_t failed, uint64_t next) const {
        EXPECT_EQ(open_->opened(), opened);
        EXPECT_EQ(open_->open_failed(), failed);
        EXPECT_EQ(open_->replay_window().next_expected(), next);
    }

    KeyMaterial material_ = material_for(GetParam());
    std::unique_ptr<RecordEngine> engine_ = engine_for();
    std::unique_ptr<SealContext> seal_ = sealing(material_);
    std::unique_ptr<OpenContext> open_ = opening(material_);
};

TEST_P(NotOpened, a_record_with_any_bit_turned_over) {
    sealed();  // number 0 is lost, so that the record under test is ahead
    const Octets record = sealed();
    uint64_t failed = 0;
    for (size_t bit = 0; bit < 8 * record.size(); ++bit) {
        Octets turned = record;
        turned[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
        const Opened opened = open_one(*engine_, *open_, turned);
        if (bit < 8) {
            ASSERT_EQ(opened.outcome, OpenOutcome::malformed) << bit;
        } else {
            ASSERT_EQ(opened.outcome, OpenOutcome::forged) << bit;
            ++failed;
        }
        expect_state(0, failed, 0);
        ASSERT_TRUE(open_->replay_window().check(1));
    }
    // And still the real one opens.
    EXPECT_EQ(open_one(*engine_, *open_, record).outcome, OpenOutcome::opened);
    expect_state(1, failed, 2);
}

TEST_P(NotOpened, a_record_cut_short_or_made_longer) {
    const Octets record = sealed(30);
    for (size_t length = 0; length < record.size(); ++length) {
        const Octets cut{record.begin(), record.begin() + static_cast<std::ptrdiff_t>(length)};
        EXPECT_EQ(open_one(*engine_, *open_, cut).outcome,
                  length < kMinRecord ? OpenOutcome::malformed : OpenOutcome::forged)
            << length;
    }
    for (const size_t more : {1UL, 4UL, 16UL}) {
        Octets longer = record;
        longer.resize(record.size() + more);
        EXPECT_EQ(open_one(*engine_, *open_, longer).outcome, OpenOutcome::forged);
    }
    expect_state(0, record.size() - kMinRecord + 3, 0);
}

TEST_P(NotOpened, a_record_longer_than_any) {
    Octets huge(kMaxRecord + 1, 0);
    huge[0] = 0x2b;
    EXPECT_EQ(open_one(*engine_, *open_, huge).outcome, OpenOutcome::malformed);
    huge.pop_back();
    EXPECT_EQ(open_one(*engine_, *open_, huge).outcome, OpenOutcome::forged);
}

TEST_P(NotOpened, a_record_of_another_epoch_key_or_nonce) {
    const Octets record = sealed();
    const auto other_epoch = opening(material_, {}, 4);
    EXPECT_EQ(open_one(*engine_, *other_epoch, record).outcome, OpenOutcome::malformed);
    for (SecretBytes KeyMaterial::*part :
         {&KeyMaterial::key, &KeyMaterial::iv, &KeyMaterial::sn_key}) {
        KeyMaterial other = material_.clone();
        (other.*part).mutable_bytes()[3] ^= 4;
        const auto context = opening(other);
        EXPECT_EQ(open_one(*engine_, *context, record).outcome, OpenOutcome::forged);
    }
}

TEST_P(NotOpened, a_replay_in_another_burst) {
    const Octets record = sealed();
    EXPECT_EQ(open_one(*engine_, *open_, record).outcome, OpenOutcome::opened);
    EXPECT_EQ(open_one(*engine_, *open_, record).outcome, OpenOutcome::replayed);
    expect_state(1, 0, 1);
}

TEST_P(NotOpened, a_replay_in_the_same_burst) {
    const Octets first = sealed();
    const Octets second = sealed();
    const auto opened = open_all(*engine_, *open_, {first, first, second, first, second, second});
    const std::vector expected{OpenOutcome::opened,   OpenOutcome::replayed, OpenOutcome::opened,
                               OpenOutcome::replayed, OpenOutcome::replayed, OpenOutcome::replayed};
    for (size_t i = 0; i < opened.size(); ++i) {
        EXPECT_EQ(opened[i].outcome, expected[i]) << i;
    }
    expect_state(2, 0, 2);
}

TEST_P(NotOpened, a_forged_copy_does_not_take_the_place_of_the_real_one) {
    const Octets record = sealed();
    Octets forged = record;
    forged.back() ^= 1;
    const auto opened = open_all(*engine_, *open_, {forged, record, forged});
    EXPECT_EQ(opened[0].outcome, OpenOutcome::forged);
    EXPECT_EQ(opened[1].outcome, OpenOutcome::opened);
    EXPECT_EQ(opened[2].outcome, OpenOutcome::replayed);  // its number is taken by now
    expect_state(1, 1, 1);
}

TEST_P(NotOpened, a_record_behind_the_window) {
    const auto narrow = opening(material_, {.replay_window = 64});
    std::vector<Octets> records;
    for (int i = 0; i < 66; ++i) {
        records.push_back(sealed());
    }
    EXPECT_EQ(open_one(*engine_, *narrow, records[65]).outcome, OpenOutcome::opened);
    EXPECT_EQ(open_one(*engine_, *narrow, records[1]).outcome, OpenOutcome::replayed);
    EXPECT_EQ(open_one(*engine_, *narrow, records[2]).outcome, OpenOutcome::opened);
    EXPECT_EQ(narrow->open_failed(), 0U);
}

TEST_P(NotOpened, anything_after_the_last_failure_allowed) {
    const auto limited = opening(material_, {.open_failure_limit = 3});
    const Octets record = sealed();
    Octets forged = record;
    forged[10] ^= 1;
    const auto opened = open_all(*engine_, *limited, {forged, forged, forged, record, forged});
    for (size_t i = 0; i < opened.size(); ++i) {
        EXPECT_EQ(opened[i].outcome, i < 3 ? OpenOutcome::forged : OpenOutcome::open_limit) << i;
    }
    EXPECT_EQ(open_one(*engine_, *limited, record).outcome, OpenOutcome::open_limit);
    EXPECT_EQ(limited->open_failed(), 3U);
    EXPECT_EQ(limited->opened(), 0U);
}

TEST_P(NotOpened, opens_in_any_order_within_the_window) {
    std::vector<Octets> records;
    for (int i = 0; i < 64; ++i) {
        records.push_back(sealed());
    }
    std::reverse(records.begin(), records.end());
    const auto opened = open_all(*engine_, *open_, records);
    for (size_t i = 0; i < opened.size(); ++i) {
        EXPECT_EQ(opened[i].outcome, OpenOutcome::opened) << i;
        EXPECT_EQ(opened[i].sequence, 63 - i);
    }
    expect_state(64, 0, 64);
}

TEST_P(NotOpened, follows_numbers_past_16_bits_and_over_gaps) {
    uint64_t expected = 0;
    for (const uint64_t gap : {uint64_t{0}, uint64_t{32768}, uint64_t{32767}, uint64_t{30000},
                               uint64_t{1}, uint64_t{32768}}) {
        const uint64_t sequence = expected + gap;
        const auto ahead = sealing(material_, {.first_sequence = sequence});
        const Opened opened = open_one(*engine_, *open_, seal_one(*engine_, *ahead, {1, 2, 3}));
        ASSERT_EQ(opened.outcome, OpenOutcome::opened) << sequence;
        ASSERT_EQ(opened.sequence, sequence);
        expected = sequence + 1;
    }
}

TEST_P(NotOpened, random_octets) {
    SeededRandom random{17};
    for (int i = 0; i < 3000; ++i) {
        Octets noise = random_octets(random.u32() % 100, random.u64());
        if (!noise.empty() && i % 2 == 0) {
            noise[0] = 0x2b;
        }
        const auto outcome = open_one(*engine_, *open_, noise).outcome;
        ASSERT_TRUE(outcome == OpenOutcome::malformed || outcome == OpenOutcome::forged);
    }
    EXPECT_EQ(open_->opened(), 0U);
    EXPECT_EQ(open_->replay_window().next_expected(), 0U);
}

std::string name_of(const testing::TestParamInfo<Suite>& info) {
    return test_name(info.param);
}
INSTANTIATE_TEST_SUITE_P(Record, NotOpened,
                         testing::ValuesIn(supported_suites().begin(), supported_suites().end()),
                         name_of);

// Seals an arbitrary inner plaintext, which SealRequest cannot: by OpenSSL, AES-128-GCM, number 0.
Octets seal_inner(const KeyMaterial& material, const Octets& inner) {
    Octets record(kRecordHeader + inner.size() + kTagLength);
    record[0] = 0x2b;
    int written = 0;
    EVP_CIPHER_CTX* gcm = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(gcm, EVP_aes_128_gcm(), nullptr, material.key.bytes().data(),
                       material.iv.bytes().data());
    EVP_EncryptUpdate(gcm, nullptr, &written, record.data(), kRecordHeader);
    uint8_t* text = record.data() + kRecordHeader;
    EVP_EncryptUpdate(gcm, text, &written, inner.data(), static_cast<int>(inner.size()));
    EVP_EncryptFinal_ex(gcm, text + inner.size(), &written);
    EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, kTagLength, text + inner.size());
    EVP_CIPHER_CTX_free(gcm);
    EVP_CIPHER_CTX* ecb = EVP_CIPHER_CTX_new();
    std::array<uint8_t, 32> mask{};
    EVP_EncryptInit_ex(ecb, EVP_aes_128_ecb(), nullptr, material.sn_key.bytes().data(), nullptr);
    EVP_EncryptUpdate(ecb, mask.data(), &written, text, 16);
    EVP_CIPHER_CTX_free(ecb);
    record[1] ^= mask[0];
    record[2] ^= mask[1];
    return record;
}

TEST(Content, must_be_application_data_and_not_empty) {
    const KeyMaterial material = material_for(Suite::aes_128_gcm_sha256);
    const auto engine = engine_for();
    const auto open_inner = [&](const Octets& inner, OpenContext& context) {
        return open_one(*engine, context, seal_inner(material, inner));
    };
    const Octets bad[] = {{23},          {23, 0, 0},       {0},    {0, 0, 0, 0}, {1, 2, 3, 22},
                          {1, 2, 3, 21}, {1, 2, 3, 26, 0}, {1, 0}, {5, 23, 24}};
    for (const Octets& inner : bad) {
        const auto context = opening(material);
        EXPECT_EQ(open_inner(inner, *context).outcome, OpenOutcome::bad_content);
        // It did authenticate: its number is taken, and nothing failed.
        EXPECT_EQ(context->opened(), 1U);
        EXPECT_EQ(context->open_failed(), 0U);
        EXPECT_EQ(open_inner(inner, *context).outcome, OpenOutcome::replayed);
    }
    const auto context = opening(material);
    EXPECT_EQ(open_inner({0, 23}, *context).content, Octets{0});
}

TEST(Content, must_not_exceed_2_to_the_14) {
    const KeyMaterial material = material_for(Suite::aes_128_gcm_sha256);
    const auto engine = engine_for();
    Octets inner(kMaxContent + 1, 1);
    inner.back() = kContentTypeApplicationData;
    const auto first = opening(material);
    EXPECT_EQ(open_one(*engine, *first, seal_inner(material, inner)).outcome, OpenOutcome::opened);
    inner.back() = 1;
    inner.push_back(kContentTypeApplicationData);
    const auto second = opening(material);
    EXPECT_EQ(open_one(*engine, *second, seal_inner(material, inner)).outcome,
              OpenOutcome::bad_content);
}

}  // namespace
}  // namespace sdg::record
