#include "dataplane/record/crypto_queue.h"

#include <rte_cryptodev.h>
#include <rte_cycles.h>
#include <rte_mempool.h>
#include <rte_pause.h>

#include <cstring>

#include "dataplane/record/key_schedule.h"
#include "foundation/secret_bytes.h"

namespace sdg::record {
namespace {

// CCM wants its flags octet before the nonce and 18 octets of room before the additional data
// (rte_crypto_sym.h).
constexpr size_t kCcmIvShift = 1;
constexpr size_t kCcmAadShift = 18;
// A device that has not answered for this long is taken for dead.
constexpr uint64_t kPatienceSeconds = 1;

}  // namespace

CryptoQueue::CryptoQueue(uint8_t device, uint16_t queue, std::unique_ptr<AeadBatch> software)
    : device_(device),
      queue_(queue),
      patience_(rte_get_tsc_hz() * kPatienceSeconds),
      software_(std::move(software)) {
}

Result<std::unique_ptr<AeadBatch>> CryptoQueue::create(uint8_t device, uint16_t queue,
                                                       rte_mempool* operations,
                                                       std::unique_ptr<AeadBatch> software) {
    std::unique_ptr<CryptoQueue> made{new CryptoQueue{device, queue, std::move(software)}};
    if (rte_crypto_op_bulk_alloc(operations, RTE_CRYPTO_OP_TYPE_SYMMETRIC, made->operations_.data(),
                                 kMaxBurst) != kMaxBurst) {
        return fail(ErrorCode::resource_exhausted, "no operations for queue pair {}", queue);
    }
    for (rte_mbuf& view : made->views_) {
        view.nb_segs = 1;
        rte_mbuf_refcnt_set(&view, 1);
    }
    return made;
}

CryptoQueue::~CryptoQueue() {
    for (rte_crypto_op* operation : operations_) {
        if (operation != nullptr) {
            wipe(rte_crypto_op_ctod_offset(operation, uint8_t*, kIvOffset), kPrivate);
            rte_crypto_op_free(operation);
        }
    }
}

void CryptoQueue::fill(size_t slot, AeadJob& job) {
    const bool ccm = job.keys->suite == Suite::aes_128_ccm_sha256;
    rte_mbuf& view = views_[slot];
    // For a device with its own sight of memory, IOVAs are addresses (CryptoDevice sees to it).
    view.buf_addr = job.text;
    view.buf_iova = reinterpret_cast<rte_iova_t>(job.text);
    view.buf_len = static_cast<uint16_t>(job.length + kTagLength);
    view.data_len = view.buf_len;
    view.pkt_len = view.buf_len;

    rte_crypto_op& operation = *operations_[slot];
    auto* const iv = rte_crypto_op_ctod_offset(&operation, uint8_t*, kIvOffset);
    auto* const aad = rte_crypto_op_ctod_offset(&operation, uint8_t*, kAadOffset);
    std::memcpy(iv + (ccm ? kCcmIvShift : 0), job.nonce.data(), kIvLength);
    std::memcpy(aad + (ccm ? kCcmAadShift : 0), job.text - kRecordHeader, kRecordHeader);
    operation.status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
    operation.sess_type = RTE_CRYPTO_OP_WITH_SESSION;
    rte_crypto_sym_op& symmetric = *operation.sym;
    symmetric.m_src = &view;
    symmetric.m_dst = nullptr;
    symmetric.session = static_cast<const CryptoSession&>(*job.keys->session).get();
    symmetric.aead.data.offset = 0;
    symmetric.aead.data.length = job.length;
    symmetric.aead.digest.data = job.text + job.length;
    symmetric.aead.digest.phys_addr = view.buf_iova + job.length;
    symmetric.aead.aad.data = aad;
    symmetric.aead.aad.phys_addr = rte_crypto_op_ctophys_offset(&operation, kAadOffset);
}

bool CryptoQueue::process(size_t count) {
    std::array<rte_crypto_op*, kMaxBurst> done;
    size_t sent = 0;
    size_t received = 0;
    uint64_t last_progress = rte_rdtsc();
    while (received < count) {
        if (sent < count) {
            sent += rte_cryptodev_enqueue_burst(device_, queue_, operations_.data() + sent,
                                                static_cast<uint16_t>(count - sent));
        }
        const uint16_t n = rte_cryptodev_dequeue_burst(device_, queue_, done.data(),
                                                       static_cast<uint16_t>(count - received));
        received += n;
        if (n != 0) {
            last_progress = rte_rdtsc();
        } else if (rte_rdtsc() - last_progress > patience_) {
            return false;
        } else {
            rte_pause();
        }
    }
    return true;
}

void CryptoQueue::run(std::span<AeadJob> jobs, Direction direction) {
    std::array<uint8_t, kMaxBurst> offloaded;
    size_t count = 0;
    for (size_t i = 0; i < jobs.size(); ++i) {
        jobs[i].fine = false;
        if (jobs[i].keys->session != nullptr && !dead_) {
            offloaded[count] = static_cast<uint8_t>(i);
            fill(count++, jobs[i]);
        } else if (jobs[i].keys->session == nullptr) {
            const std::span<AeadJob> one = jobs.subspan(i, 1);
            direction == Direction::seal ? software_->seal(one) : software_->open(one);
        }
    }
    if (count != 0 && !process(count)) {
        // Its answers may still come and would be taken for those of later records.
        dead_ = true;
        return;
    }
    for (size_t i = 0; i < count; ++i) {
        jobs[offloaded[i]].fine = operations_[i]->status == RTE_CRYPTO_OP_STATUS_SUCCESS;
    }
}

}  // namespace sdg::record
