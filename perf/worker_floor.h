// What no worker can do without, each measured by itself on packets like the worker's own: the
// AEAD's direct call, a thirty-second of the ECB job of 32 masks, one CRC32c, the association
// table's bulk lookup, and what testpmd's io forward does on the same ports.
#pragma once

#include <rte_ethdev.h>

#include "dataplane/record/ipsec_mb.h"
#include "perf/worker_rig.h"

namespace sdg::perf {

// Cycles per packet.
struct FloorCost {
    double aead = 0;
    double masks = 0;
    double checksum = 0;
    double lookup = 0;
    double io = 0;
    [[nodiscard]] double sum() const { return aead + masks + checksum + lookup + io; }
};

class WorkerFloor {
 public:
    // rig: with device on its port.
    WorkerFloor(WorkerRig& rig, const RingDevice& device, const RigOptions& options)
        : rig_(rig),
          device_(device),
          library_(expect(record::make_ipsec_mb(record::Architecture::best))),
          keys_(std::min(options.associations, 4096U)),
          schedules_(keys_.size()) {
        rte_eth_dev_get_port_by_name(device.name().c_str(), &port_);
        for (size_t i = 0; i < keys_.size(); ++i) {
            const auto material = make_material(record::Suite::aes_128_gcm_sha256, i);
            IMB_AES128_GCM_PRE(library_, material.key.bytes().data(), &keys_[i]);
            std::array<uint8_t, 240> unused{};
            IMB_AES_KEYEXP_128(library_, material.sn_key.bytes().data(), schedules_[i].data(),
                               unused.data());
        }
        order_.resize(4096);
        std::mt19937_64 random{7};
        for (size_t i = 0; i < order_.size(); ++i) {
            order_[i] = (options.random_order ? random() : i) % keys_.size();
        }
    }

    // One burst of each part, in cycles per packet.
    FloorCost burst(bool sealing) {
        std::array<rte_mbuf*, kBurst> packets = rig_.allocate();
        for (unsigned i = 0; i < kBurst; ++i) {
            WorkerRig::make_plain(packets[i], 1, 2, 3, rig_.size_of(i) + 28);
        }
        FloorCost cost;
        cost.aead = timed([&] {
            for (unsigned i = 0; i < kBurst; ++i) {
                uint8_t* text = rte_pktmbuf_mtod(packets[i], uint8_t*) + 20;
                const uint64_t length = rig_.size_of(i) + 1;
                const gcm_key_data& key = keys_[order_[next_++ % order_.size()]];
                if (sealing) {
                    IMB_AES128_GCM_ENC(library_, &key, &gcm_, text, text, length, nonce_.data(),
                                       text - 3, 3, text + length, 16);
                } else {
                    IMB_AES128_GCM_DEC(library_, &key, &gcm_, text, text, length, nonce_.data(),
                                       text - 3, 3, tag_.data(), 16);
                }
            }
        });
        cost.masks = timed([&] {
            IMB_JOB* job = IMB_GET_NEXT_JOB(library_.get());
            job->cipher_mode = IMB_CIPHER_ECB;
            job->cipher_direction = IMB_DIR_ENCRYPT;
            job->chain_order = IMB_ORDER_CIPHER_HASH;
            job->hash_alg = IMB_AUTH_NULL;
            job->enc_keys = schedules_[0].data();
            job->dec_keys = schedules_[0].data();
            job->key_len_in_bytes = 16;
            job->src = blocks_.data();
            job->dst = blocks_.data();
            job->cipher_start_src_offset_in_bytes = 0;
            job->msg_len_to_cipher_in_bytes = blocks_.size();
            job->iv = nullptr;
            job->iv_len_in_bytes = 0;
            IMB_SUBMIT_JOB_NOCHECK(library_.get());
        });
        cost.checksum = timed([&] {
            for (rte_mbuf* packet : packets) {
                packet::set_checksum(
                    {rte_pktmbuf_mtod(packet, uint8_t*), rte_pktmbuf_data_len(packet)});
            }
        });
        std::array<keys::PackedKey, kBurst> wanted;
        std::array<keys::AssociationEntry*, kBurst> found;
        for (keys::PackedKey& key : wanted) {
            key = rig_.next_key();
        }
        cost.lookup = timed([&] { rig_.table().lookup(wanted, found); });
        WorkerRig::push(device_.in(), packets);
        cost.io = timed([&] {
            const uint16_t n = rte_eth_rx_burst(port_, 0, packets.data(), kBurst);
            rte_eth_tx_burst(port_, 0, packets.data(), n);
        });
        WorkerRig::drain(device_.out());
        return cost;
    }

 private:
    template <class Work>
    double timed(Work&& work) {
        const uint64_t start = rte_rdtsc_precise();
        work();
        return static_cast<double>(rte_rdtsc_precise() - start) / kBurst;
    }

    WorkerRig& rig_;
    const RingDevice& device_;
    record::IpsecMb library_;
    std::vector<gcm_key_data> keys_;
    std::vector<std::array<uint8_t, 240>> schedules_;
    std::vector<size_t> order_;
    size_t next_ = 0;
    uint16_t port_ = 0;
    alignas(64) gcm_context_data gcm_{};
    alignas(64) std::array<uint8_t, 16> nonce_{1};
    std::array<uint8_t, 16> tag_{};
    alignas(64) std::array<uint8_t, kBurst * 16> blocks_{};
};

}  // namespace sdg::perf
