// Opens every DTLS chunk that crosses a link with the keys that the gateways log, each once: a
// record number that is used a second time under one key shows as a replay, and so would a nonce.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/packet/frame.h"
#include "dataplane/record/dtls_chunk.h"
#include "dataplane/record/open_context.h"
#include "dataplane/record/record.h"
#include "gateway/gateway.h"
#include "tests/sim/world.h"

namespace sdg::sim {

class NonceWatch {
 public:
    NonceWatch() : engine_(std::move(*record::RecordEngine::create())) {}

    void watch(gateway::Gateway& gateway) {
        gateway.protection().set_key_log([this](uint32_t, uint16_t epoch, keys::KeyRole role,
                                                const record::KeyMaterial& material) {
            add(epoch, role == keys::KeyRole::restart, material);
        });
    }
    // As the key log tells of them.
    void add(uint16_t epoch, bool restart, const record::KeyMaterial& material) {
        for (const Key& known : keys_) {
            if (known.epoch == epoch && known.restart == restart &&
                known.material.key == material.key && known.material.iv == material.iv) {
                return;
            }
        }
        record::OpenContext::Options options;
        options.replay_window = record::ReplayWindow::kMaxSize;
        keys_.push_front(
            {epoch, restart, material.clone(),
             std::move(*record::OpenContext::create(material, epoch, restart, options))});
    }

    void on_frame(std::span<const uint8_t> frame) {
        const auto parsed = packet::parse(frame);
        if (parsed.kind != packet::FrameKind::sctp || parsed.first_chunk != packet::kChunkDtls) {
            return;
        }
        const std::vector<uint8_t> sealed(
            frame.begin() + parsed.l4_offset + packet::kCommonHeader,
            frame.begin() + parsed.l4_offset + static_cast<ptrdiff_t>(parsed.l4_length));
        std::vector<uint8_t> chunk = sealed;
        const auto view = record::parse_dtls_chunk(chunk);
        ASSERT_TRUE(view);
        bool replayed = false;
        for (Key& key : keys_) {
            if (view->restart != key.restart || view->epoch_low != (key.epoch & 3)) {
                continue;
            }
            chunk = sealed;  // what does not open is left as garbage
            std::array<record::OpenRequest, 1> request{};
            request[0].context = key.context.get();
            request[0].record = view->record.data();
            request[0].record_length = static_cast<uint32_t>(view->record.size());
            engine_->open_burst(request);
            if (request[0].outcome == record::OpenOutcome::opened) {
                ++opened;
                opened_restart += key.restart ? 1 : 0;
                return;
            }
            replayed = replayed || request[0].outcome == record::OpenOutcome::replayed;
        }
        ++(replayed ? repeated : unknown);
    }

    size_t opened = 0;
    size_t opened_restart = 0;
    size_t repeated = 0;
    size_t unknown = 0;

 private:
    struct Key {
        uint16_t epoch;
        bool restart;
        record::KeyMaterial material;
        std::unique_ptr<record::OpenContext> context;
    };

    std::unique_ptr<record::RecordEngine> engine_;
    std::deque<Key> keys_;  // newest first
};

// Of a world whose gateways bring associations back; nonces is told of every key and outlives it.
inline World::Settings restartable(NonceWatch& nonces, uint64_t seed, Keys keys) {
    World::Settings out;
    out.seed = seed;
    out.keys_a = out.keys_b = keys;
    out.restart = true;
    out.on_start = [&nonces](gateway::Gateway& gateway) { nonces.watch(gateway); };
    return out;
}

}  // namespace sdg::sim
