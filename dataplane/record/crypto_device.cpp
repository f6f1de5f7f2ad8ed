#include "dataplane/record/crypto_device.h"

#include <openssl/provider.h>
#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include <algorithm>
#include <atomic>

#include "dataplane/record/crypto_queue.h"
#include "foundation/secret_bytes.h"

namespace sdg::record {
namespace {

constexpr uint32_t kDescriptors = 256;

struct FreePool {
    void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, FreePool>;

rte_crypto_aead_algorithm algorithm_of(Suite suite) {
    switch (suite) {
        case Suite::aes_128_gcm_sha256:
        case Suite::aes_256_gcm_sha384:
            return RTE_CRYPTO_AEAD_AES_GCM;
        case Suite::chacha20_poly1305_sha256:
            return RTE_CRYPTO_AEAD_CHACHA20_POLY1305;
        case Suite::aes_128_ccm_sha256:
            return RTE_CRYPTO_AEAD_AES_CCM;
    }
    return RTE_CRYPTO_AEAD_AES_GCM;
}

// DPDK names its pools process-wide, and two gateways may share a process.
std::string unique_name(const char* purpose) {
    static std::atomic<unsigned> serial{0};
    return fmt::format("sdg_{}_{}", purpose, serial.fetch_add(1));
}

// The driver crypto_openssl loads OpenSSL's default provider and unloads it when it goes, and with
// it the ciphers of everybody in the process who never loaded it by name. So we hold it, for good.
void hold_default_provider() {
    static const OSSL_PROVIDER* const held = OSSL_PROVIDER_load(nullptr, "default");
    static_cast<void>(held);
}

}  // namespace

struct CryptoDevice::Pools {
    Pool sessions;
    std::vector<Pool> operations;  // by worker
};

// The pool is the control thread's alone, so that what has just been given back to it can be wiped.
CryptoSession::~CryptoSession() {
    const uint32_t size = rte_mempool_from_obj(session_)->elt_size;
    rte_cryptodev_sym_session_free(device_, session_);
    wipe(session_, size);
}

CryptoDevice::CryptoDevice() : pools_(std::make_unique<Pools>()) {
}

CryptoDevice::~CryptoDevice() {
    if (!attached_) {
        return;
    }
    if (started_) {
        rte_cryptodev_stop(id_);
    }
    rte_cryptodev_info info{};
    rte_cryptodev_info_get(id_, &info);
    rte_cryptodev_close(id_);
    if (probed_ && info.device != nullptr) {
        rte_dev_remove(info.device);
    }
}

Result<std::unique_ptr<CryptoDevice>> CryptoDevice::open(const Settings& settings) {
    std::unique_ptr<CryptoDevice> device(new CryptoDevice);
    Result<void> ok = device->attach(settings);
    if (ok) {
        ok = device->configure(settings);
    }
    if (!ok) {
        return fail(ok.error().code, "crypto device {}: {}", settings.device, ok.error().message);
    }
    return device;
}

Result<void> CryptoDevice::attach(const Settings& settings) {
    const std::string name = settings.device.substr(0, settings.device.find(','));
    if (name.starts_with("crypto_openssl")) {
        hold_default_provider();
    }
    int id = rte_cryptodev_get_dev_id(name.c_str());
    if (id < 0) {
        const int error = rte_dev_probe(settings.device.c_str());
        if (error == -EPERM || error == -EACCES) {
            return fail(ErrorCode::permission_denied, "cannot be opened: {}", rte_strerror(-error));
        }
        if (error != 0 && error != -EEXIST) {
            return fail(ErrorCode::not_found,
                        "cannot be opened: {}; expected a device such as crypto_aesni_mb0 or a PCI "
                        "address",
                        rte_strerror(-error));
        }
        probed_ = true;
        id = rte_cryptodev_get_dev_id(name.c_str());
        if (id < 0) {
            return fail(ErrorCode::not_found, "is no crypto device");
        }
    }
    id_ = static_cast<uint8_t>(id);
    attached_ = true;
    return {};
}

Result<void> CryptoDevice::configure(const Settings& settings) {
    rte_cryptodev_info info{};
    rte_cryptodev_info_get(id_, &info);
    driver_ = info.driver_name != nullptr ? info.driver_name : "";
    workers_ = settings.workers;
    if (settings.workers > info.max_nb_queue_pairs) {
        return fail(ErrorCode::unavailable, "has {} queue pairs, {} workers need one each",
                    info.max_nb_queue_pairs, settings.workers);
    }
    if ((info.feature_flags & RTE_CRYPTODEV_FF_HW_ACCELERATED) != 0 &&
        rte_eal_iova_mode() != RTE_IOVA_VA) {
        return fail(ErrorCode::unavailable,
                    "reads memory by itself, which takes an IOMMU (IOVA mode VA) here");
    }
    const int socket = std::max(rte_cryptodev_socket_id(id_), 0);
    rte_cryptodev_config config{};
    config.socket_id = socket;
    config.nb_queue_pairs = static_cast<uint16_t>(settings.workers);
    config.ff_disable = RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO | RTE_CRYPTODEV_FF_SECURITY;
    if (const int error = rte_cryptodev_configure(id_, &config); error != 0) {
        return fail(ErrorCode::io, "cannot be configured: {}", rte_strerror(-error));
    }
    pools_->sessions.reset(rte_cryptodev_sym_session_pool_create(
        unique_name("sessions").c_str(), settings.sessions,
        rte_cryptodev_sym_get_private_session_size(id_), 0, 0, SOCKET_ID_ANY));
    if (pools_->sessions == nullptr) {
        return fail(ErrorCode::resource_exhausted, "no memory for {} keys: {}", settings.sessions,
                    rte_strerror(rte_errno));
    }
    for (unsigned worker = 0; worker < settings.workers; ++worker) {
        rte_cryptodev_qp_conf queue{};
        queue.nb_descriptors = kDescriptors;
        queue.mp_session = pools_->sessions.get();
        if (const int error =
                rte_cryptodev_queue_pair_setup(id_, static_cast<uint16_t>(worker), &queue, socket);
            error != 0) {
            return fail(ErrorCode::io, "queue pair {} cannot be set up: {}", worker,
                        rte_strerror(-error));
        }
        pools_->operations.emplace_back(rte_crypto_op_pool_create(
            unique_name("operations").c_str(), RTE_CRYPTO_OP_TYPE_SYMMETRIC, kMaxBurst, 0,
            CryptoQueue::kPrivate, SOCKET_ID_ANY));
        if (pools_->operations.back() == nullptr) {
            return fail(ErrorCode::resource_exhausted, "no memory for operations: {}",
                        rte_strerror(rte_errno));
        }
    }
    if (const int error = rte_cryptodev_start(id_); error != 0) {
        return fail(ErrorCode::io, "does not start: {}", rte_strerror(-error));
    }
    started_ = true;
    std::ranges::copy_if(supported_suites(), std::back_inserter(suites_),
                         [this](Suite suite) { return offers(suite); });
    if (suites_.empty()) {
        return fail(ErrorCode::unavailable, "has none of the suites of DTLS chunks");
    }
    return {};
}

// What a driver announces and what it takes in the end differ: its answer to a key counts.
bool CryptoDevice::offers(Suite suite) const {
    rte_cryptodev_sym_capability_idx index{};
    index.type = RTE_CRYPTO_SYM_XFORM_AEAD;
    index.algo.aead = algorithm_of(suite);
    const rte_cryptodev_symmetric_capability* found = rte_cryptodev_sym_capability_get(id_, &index);
    const SuiteTraits& wanted = *traits(suite);
    if (found == nullptr ||
        rte_cryptodev_sym_capability_check_aead(found, static_cast<uint16_t>(wanted.key_length),
                                                kTagLength, kRecordHeader, kIvLength) != 0) {
        return false;
    }
    const KeyMaterial any{suite, SecretBytes{wanted.key_length}, SecretBytes{wanted.iv_length},
                          SecretBytes{wanted.sn_key_length}};
    return create_session(any, Direction::seal).has_value() &&
           create_session(any, Direction::open).has_value();
}

Result<std::unique_ptr<AeadSession>> CryptoDevice::create_session(const KeyMaterial& material,
                                                                  Direction direction) const {
    rte_crypto_sym_xform form{};
    form.type = RTE_CRYPTO_SYM_XFORM_AEAD;
    form.aead.op =
        direction == Direction::seal ? RTE_CRYPTO_AEAD_OP_ENCRYPT : RTE_CRYPTO_AEAD_OP_DECRYPT;
    form.aead.algo = algorithm_of(material.suite);
    form.aead.key.data = material.key.bytes().data();
    form.aead.key.length = static_cast<uint16_t>(material.key.size());
    form.aead.iv.offset = CryptoQueue::kIvOffset;
    form.aead.iv.length = kIvLength;
    form.aead.digest_length = kTagLength;
    form.aead.aad_length = kRecordHeader;
    void* session = rte_cryptodev_sym_session_create(id_, &form, pools_->sessions.get());
    if (session == nullptr) {
        return fail(ErrorCode::resource_exhausted, "the crypto device takes no more keys: {}",
                    rte_strerror(rte_errno));
    }
    return std::make_unique<CryptoSession>(id_, session);
}

Result<std::unique_ptr<AeadSession>> CryptoDevice::make_session(const KeyMaterial& material,
                                                                Direction direction) {
    if (std::ranges::find(suites_, material.suite) == suites_.end()) {
        return std::unique_ptr<AeadSession>{};
    }
    return create_session(material, direction);
}

Result<std::unique_ptr<AeadBatch>> CryptoDevice::make_queue(unsigned worker) {
    if (worker >= workers_) {
        return fail(ErrorCode::invalid_argument, "the crypto device has no queue for worker {}",
                    worker);
    }
    auto software = make_ipsec_mb_aead(Architecture::best);
    if (!software) {
        return tl::unexpected{std::move(software).error()};
    }
    return CryptoQueue::create(id_, static_cast<uint16_t>(worker), pools_->operations[worker].get(),
                               std::move(*software));
}

}  // namespace sdg::record
