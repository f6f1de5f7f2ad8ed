// Takes an association of a node away from the node's SCTP, which sends and hears nothing of it any
// more, and speaks in its name: a peer that has been let in and misbehaves. What it sends is sealed
// like everything else of a protected association.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/code_points.h"
#include "dataplane/packet/sctp.h"
#include "tests/sim/node.h"
#include "tests/support/raw_data.h"

namespace sdg::sim {

class Impostor {
 public:
    static constexpr size_t kLargest = 1380;  // octets of DATA that fit a packet of either leg

    using Data = test::RawData;

    // Of the first association that this port of the node has from now on.
    Impostor(Node& node, uint16_t port) : node_(node), port_(port) {
        node_.set_filters([this](const sctp::OutgoingPacket& packet) { return on_own(packet); },
                          [this](const sctp::ReceivedPacket& packet) { return on_other(packet); });
    }
    ~Impostor() { node_.set_filters(nullptr, nullptr); }
    Impostor(const Impostor&) = delete;
    Impostor& operator=(const Impostor&) = delete;

    void take() { taken_ = true; }
    void give_back() { taken_ = false; }
    // The gateway has ended the association.
    [[nodiscard]] bool aborted() const { return aborted_; }

    // As many of the chunks as fit into one packet; how many that were.
    size_t send(std::span<const Data> chunks) {
        std::vector<uint8_t> packet(header_);
        size_t sent = 0;
        for (const Data& data : chunks) {
            if (packet.size() + data.padded() > packet::kCommonHeader + Data::kHeader + kLargest) {
                break;
            }
            test::append(packet, data, tsn_);
            ++sent;
        }
        out_.sctp = packet;
        EXPECT_TRUE(node_.send(out_));
        return sent;
    }
    void send(const Data& data) { send(std::span(&data, 1)); }

 private:
    bool on_own(const sctp::OutgoingPacket& packet) {
        const auto header = packet::read_common_header(packet.sctp.data());
        if (header.source_port != port_) {
            return true;
        }
        if (other_ == 0) {
            other_ = header.destination_port;
        }
        if (header.destination_port != other_) {
            return true;
        }
        if (taken_) {
            return false;
        }
        out_ = packet;
        header_.assign(packet.sctp.begin(), packet.sctp.begin() + packet::kCommonHeader);
        auto chunks = packet::chunks_of(packet.sctp);
        while (const auto chunk = chunks.next()) {
            if (chunk->type == packet::kChunkInit || chunk->type == packet::kChunkInitAck) {
                tsn_ = packet::load_be32(chunk->value.data() + 12) - 1;
            } else if (chunk->type == packet::kChunkData) {
                tsn_ = packet::load_be32(chunk->value.data());
            }
        }
        return true;
    }
    bool on_other(const sctp::ReceivedPacket& packet) {
        const auto header = packet::read_common_header(packet.sctp.data());
        if (!taken_ || header.destination_port != port_ || header.source_port != other_) {
            return true;
        }
        aborted_ = aborted_ || packet.sctp[packet::kCommonHeader] == packet::kChunkAbort;
        return false;
    }

    Node& node_;
    uint16_t port_;
    uint16_t other_ = 0;
    bool taken_ = false;
    bool aborted_ = false;
    sctp::OutgoingPacket out_;
    std::vector<uint8_t> header_;
    uint32_t tsn_ = 0;
};

}  // namespace sdg::sim
