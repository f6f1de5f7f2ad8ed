// Records through DPDK crypto devices are the same records as through IPsec-MB.
#include "dataplane/record/crypto_device.h"

#include "tests/support/eal.h"
#include "tests/unit/record/fixture.h"

namespace sdg::record {
namespace {

constexpr std::array<uint32_t, 8> kSizes{1, 15, 16, 64, 255, 256, 1400, 4000};

std::unique_ptr<CryptoDevice> open_device(const std::string& name, uint32_t sessions = 64) {
    test::eal();
    auto device = CryptoDevice::open({.device = name, .workers = 2, .sessions = sessions});
    if (!device) {
        ADD_FAILURE() << device.error().message;
        return nullptr;
    }
    return std::move(*device);
}

std::unique_ptr<RecordEngine> engine_on(CryptoDevice& device, unsigned worker = 0) {
    auto queue = device.make_queue(worker);
    EXPECT_TRUE(queue.has_value());
    auto engine = RecordEngine::create(Architecture::best, std::move(*queue));
    EXPECT_TRUE(engine.has_value());
    return std::move(*engine);
}

class CryptoDeviceTest : public testing::TestWithParam<const char*> {
 protected:
    void SetUp() override {
        device_ = open_device(GetParam());
        ASSERT_NE(device_, nullptr);
        engine_ = engine_on(*device_);
    }
    [[nodiscard]] SealContext::Options seal_on_device() const {
        SealContext::Options options;
        options.provider = device_.get();
        return options;
    }
    [[nodiscard]] OpenContext::Options open_on_device() const {
        OpenContext::Options options;
        options.provider = device_.get();
        return options;
    }

    std::unique_ptr<CryptoDevice> device_;
    std::unique_ptr<RecordEngine> engine_;
};

TEST_P(CryptoDeviceTest, names_its_driver_and_takes_gcm) {
    EXPECT_NE(std::string{GetParam()}.find(device_->driver()), std::string::npos)
        << device_->driver();
    EXPECT_NE(std::ranges::find(device_->suites(), Suite::aes_128_gcm_sha256),
              device_->suites().end());
}

TEST_P(CryptoDeviceTest, seals_the_same_octets_as_ipsec_mb) {
    const auto software = engine_for();
    for (const Suite suite : supported_suites()) {
        const KeyMaterial material = material_for(suite);
        const auto here = sealing(material, seal_on_device());
        const auto there = sealing(material);
        for (const uint32_t size : kSizes) {
            const Octets content = random_octets(size, size);
            EXPECT_EQ(seal_one(*engine_, *here, content), seal_one(*software, *there, content))
                << test_name(suite) << " " << size;
        }
    }
}

TEST_P(CryptoDeviceTest, opens_what_ipsec_mb_has_sealed_and_nothing_else) {
    const auto software = engine_for();
    for (const Suite suite : supported_suites()) {
        const KeyMaterial material = material_for(suite);
        const auto seal = sealing(material);
        const auto open = opening(material, open_on_device());
        for (const uint32_t size : kSizes) {
            const Octets content = random_octets(size, size);
            const Octets record = seal_one(*software, *seal, content);
            for (const size_t at : {size_t{4}, record.size() - 1, record.size() - 17}) {
                Octets changed = record;
                changed[at] ^= 1;
                EXPECT_NE(open_one(*engine_, *open, changed).outcome, OpenOutcome::opened);
            }
            const Opened opened = open_one(*engine_, *open, record);
            EXPECT_EQ(opened.outcome, OpenOutcome::opened) << test_name(suite) << " " << size;
            EXPECT_EQ(opened.content, content);
            EXPECT_EQ(open_one(*engine_, *open, record).outcome, OpenOutcome::replayed);
        }
        EXPECT_EQ(open->opened(), kSizes.size());
    }
}

// More requests than a burst, of every suite and of both kinds of keys at once, one in seven
// forged.
TEST_P(CryptoDeviceTest, a_burst_of_everything_at_once) {
    constexpr size_t kRequests = 150;
    std::vector<std::unique_ptr<SealContext>> seals;
    std::vector<std::unique_ptr<OpenContext>> opens;
    for (const Suite suite : supported_suites()) {
        const KeyMaterial a = material_for(suite, 1);
        seals.push_back(sealing(a, seal_on_device()));
        opens.push_back(opening(a));
        const KeyMaterial b = material_for(suite, 2);
        seals.push_back(sealing(b));
        opens.push_back(opening(b, open_on_device()));
    }
    std::vector<Octets> records;
    std::vector<SealRequest> sealed(kRequests);
    std::vector<OpenRequest> opened(kRequests);
    for (size_t i = 0; i < kRequests; ++i) {
        records.emplace_back(record_length(300), static_cast<uint8_t>(i));
    }
    for (size_t i = 0; i < kRequests; ++i) {
        sealed[i].context = seals[i % seals.size()].get();
        sealed[i].record = records[i].data();
        sealed[i].content_length = 300;
        sealed[i].room = static_cast<uint32_t>(records[i].size());
    }
    engine_->seal_burst(sealed);
    for (size_t i = 0; i < kRequests; ++i) {
        ASSERT_EQ(sealed[i].outcome, SealOutcome::sealed);
        records[i][100] ^= i % 7 == 3 ? 0x80 : 0;
        opened[i] = request_for(*opens[i % opens.size()], records[i]);
    }
    engine_->open_burst(opened);
    for (size_t i = 0; i < kRequests; ++i) {
        if (i % 7 == 3) {
            EXPECT_EQ(opened[i].outcome, OpenOutcome::forged) << i;
        } else {
            EXPECT_EQ(result_of(opened[i]).content, Octets(300, static_cast<uint8_t>(i))) << i;
        }
    }
}

TEST_P(CryptoDeviceTest, keys_come_and_go_without_end_but_not_beyond_the_number_asked_for) {
    const KeyMaterial material = material_for(Suite::aes_128_gcm_sha256);
    for (int i = 0; i < 500; ++i) {
        ASSERT_NE(sealing(material, seal_on_device()), nullptr);
    }
    std::vector<std::unique_ptr<SealContext>> alive;
    for (int i = 0; i < 64; ++i) {
        alive.push_back(sealing(material, seal_on_device()));
    }
    const auto refused = SealContext::create(material, 3, false, seal_on_device());
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::resource_exhausted);
    alive.pop_back();
    EXPECT_TRUE(SealContext::create(material, 3, false, seal_on_device()).has_value());
}

TEST_P(CryptoDeviceTest, every_worker_has_a_queue_and_no_other) {
    const auto second = engine_on(*device_, 1);
    const KeyMaterial material = material_for(Suite::aes_256_gcm_sha384);
    const auto seal = sealing(material, seal_on_device());
    const auto open = opening(material, open_on_device());
    const Octets content = random_octets(200, 3);
    EXPECT_EQ(open_one(*second, *open, seal_one(*engine_, *seal, content)).content, content);
    EXPECT_FALSE(device_->make_queue(2).has_value());
}

INSTANTIATE_TEST_SUITE_P(Devices, CryptoDeviceTest,
                         testing::Values("crypto_aesni_mb0", "crypto_aesni_gcm0",
                                         "crypto_openssl0"),
                         [](const auto& device) { return std::string{device.param}; });

TEST(CryptoDevice, says_what_is_wrong_with_a_device) {
    test::eal();
    const auto missing = CryptoDevice::open({.device = "crypto_no_such0"});
    ASSERT_FALSE(missing.has_value());
    EXPECT_EQ(missing.error().code, ErrorCode::not_found);
    EXPECT_NE(missing.error().message.find("crypto_no_such0"), std::string::npos);
    const auto other = CryptoDevice::open({.device = "net_null7"});
    ASSERT_FALSE(other.has_value());
    EXPECT_NE(other.error().message.find("is no crypto device"), std::string::npos);
    const auto null = CryptoDevice::open({.device = "crypto_null0"});
    ASSERT_FALSE(null.has_value());
    EXPECT_NE(null.error().message.find("none of the suites"), std::string::npos);
    const auto crowded = CryptoDevice::open({.device = "crypto_openssl1", .workers = 1000});
    ASSERT_FALSE(crowded.has_value());
    EXPECT_EQ(crowded.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace sdg::record
