// AEADs on a DPDK crypto device: an accelerator, or a software device such as crypto_aesni_mb0.
//
// The control thread opens it before the workers start and destroys it after every key context and
// every queue made from it. Each worker has a queue pair of its own. A burst is handed to the
// device and waited for, in the worker: what a worker can do beside it is up to the other workers,
// so an accelerator with a long way to it wants several of them. Records whose suite the device
// does not have go through IPsec-MB as without it.
//
// The key lives in the device's session (wiped when it is destroyed); record-number keys never
// leave our memory, and masks stay with IPsec-MB. Tags are compared by the device.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/record/aead.h"
#include "dataplane/record/suite.h"
#include "foundation/result.h"

namespace sdg::record {

class CryptoDevice final : public AeadProvider {
 public:
    struct Settings {
        std::string device;         // "crypto_aesni_mb0", "crypto_openssl0,..." or a PCI address
        unsigned workers = 1;       // queue pairs
        uint32_t sessions = 1'024;  // directions of keys alive at once
    };
    // EAL must run. Errors: not_found (no such device, or no crypto device), unavailable (too few
    // queue pairs, none of our suites), permission_denied, resource_exhausted, io.
    [[nodiscard]] static Result<std::unique_ptr<CryptoDevice>> open(const Settings& settings);
    ~CryptoDevice() override;
    CryptoDevice(const CryptoDevice&) = delete;
    CryptoDevice& operator=(const CryptoDevice&) = delete;

    // Suites that the device takes; the others stay with IPsec-MB.
    [[nodiscard]] const std::vector<Suite>& suites() const { return suites_; }
    // What drives it, e.g. "crypto_aesni_mb".
    [[nodiscard]] const std::string& driver() const { return driver_; }

    [[nodiscard]] Result<std::unique_ptr<AeadSession>> make_session(const KeyMaterial& material,
                                                                    Direction direction) override;
    [[nodiscard]] Result<std::unique_ptr<AeadBatch>> make_queue(unsigned worker) override;

 private:
    struct Pools;
    CryptoDevice();
    Result<void> attach(const Settings& settings);
    Result<void> configure(const Settings& settings);
    [[nodiscard]] bool offers(Suite suite) const;
    [[nodiscard]] Result<std::unique_ptr<AeadSession>> create_session(const KeyMaterial& material,
                                                                      Direction direction) const;

    uint8_t id_ = 0;
    bool attached_ = false;  // id_ is valid
    bool probed_ = false;    // by us, so removed by us
    bool started_ = false;
    unsigned workers_ = 0;
    std::string driver_;
    std::vector<Suite> suites_;
    std::unique_ptr<Pools> pools_;
};

}  // namespace sdg::record
