// One worker's queue pair of a crypto device. Internal to dataplane/record.
#pragma once

#include <rte_crypto.h>
#include <rte_mbuf_core.h>

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/record/aead.h"
#include "dataplane/record/record.h"

struct rte_mempool;

namespace sdg::record {

class CryptoSession final : public AeadSession {
 public:
    CryptoSession(uint8_t device, void* session) : device_(device), session_(session) {}
    ~CryptoSession() override;
    CryptoSession(const CryptoSession&) = delete;
    CryptoSession& operator=(const CryptoSession&) = delete;

    [[nodiscard]] void* get() const { return session_; }

 private:
    uint8_t device_;
    void* session_;
};

class CryptoQueue final : public AeadBatch {
 public:
    // What an operation carries behind its symmetric part: 16 octets of IV and 32 of additional
    // data, both in the form that CCM asks for when the suite is CCM.
    static constexpr uint16_t kPrivate = 48;
    static constexpr uint16_t kIvOffset = sizeof(rte_crypto_op) + sizeof(rte_crypto_sym_op);
    static constexpr uint16_t kAadOffset = kIvOffset + 16;

    // operations: a pool of kMaxBurst operations, this queue's alone. software: does the keys
    // without a session.
    [[nodiscard]] static Result<std::unique_ptr<AeadBatch>> create(
        uint8_t device, uint16_t queue, rte_mempool* operations,
        std::unique_ptr<AeadBatch> software);
    ~CryptoQueue() override;
    CryptoQueue(const CryptoQueue&) = delete;
    CryptoQueue& operator=(const CryptoQueue&) = delete;

    void seal(std::span<AeadJob> jobs) override { run(jobs, Direction::seal); }
    void open(std::span<AeadJob> jobs) override { run(jobs, Direction::open); }

 private:
    CryptoQueue(uint8_t device, uint16_t queue, std::unique_ptr<AeadBatch> software);
    void run(std::span<AeadJob> jobs, Direction direction);
    void fill(size_t slot, AeadJob& job);
    // False when the device does not answer any more.
    bool process(size_t count);

    uint8_t device_;
    uint16_t queue_;
    bool dead_ = false;
    uint64_t patience_;  // cycles
    std::unique_ptr<AeadBatch> software_;
    std::array<rte_crypto_op*, kMaxBurst> operations_{};
    // The records, as the device wants to see them: they lie inside mbufs that it need not know.
    std::array<rte_mbuf, kMaxBurst> views_{};
};

}  // namespace sdg::record
