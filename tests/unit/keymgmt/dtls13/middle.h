// A man in the middle who has the keys (from the key log): he opens every record, may change,
// leave out or add messages, and seals them again. What one side then gets is what a peer that
// breaks the protocol would send.
//
// For the suite TLS_AES_128_GCM_SHA256, and messages that are not fragmented.
#pragma once

#include <map>

#include "tests/support/hex.h"
#include "tests/unit/keymgmt/dtls13/world.h"

namespace sdg::keymgmt::dtls13::test {

struct Handled {
    HandshakeType type;
    Octets body;
};

class Middle {
 public:
    // What is sent instead of a handshake message.
    using Change = std::function<std::vector<Handled>(Role from, Handled message)>;
    Change change = [](Role, Handled message) { return std::vector<Handled>{std::move(message)}; };

    explicit Middle(World& world) : world_(world) {
        for (Side* side : {&world.client, &world.server}) {
            side->configuration->suites = {record::Suite::aes_128_gcm_sha256};
            side->configuration->packing.max_datagram = 60000;
            side->configuration->key_log = [this](std::string_view line) { learn(line); };
        }
        world.fate = [this](Role from, size_t, Octets datagram) {
            return std::vector<Octets>{pass(from, datagram)};
        };
    }

    // A record as that side might send it.
    Octets record(Role from, uint64_t epoch, ContentType type, View content) {
        Octets out;
        const auto written = of(from).write.write(epoch, type, content, out);
        EXPECT_TRUE(written);
        return out;
    }
    void inject(Role from, uint64_t epoch, ContentType type, View content) {
        Side& to = world_.side(other(from));
        to->receive(record(from, epoch, type, content));
        to.drain();
    }
    void inject(Role from, uint64_t epoch, const Handled& message) {
        Octets content;
        append(from, message, content);
        inject(from, epoch, ContentType::handshake, content);
    }

 private:
    struct Direction {
        RecordLayer read;
        RecordLayer write;
        uint16_t next_seq = 0;
    };
    Direction& of(Role from) { return directions_[from == Role::client ? 0 : 1]; }

    void learn(std::string_view line) {
        const std::string label(line.substr(0, line.find(' ')));
        const Octets secret = sdg::test::from_hex(line.substr(line.rfind(' ') + 1));
        const auto epoch = [&]() -> uint64_t {
            if (label.ends_with("HANDSHAKE_TRAFFIC_SECRET")) {
                return kHandshakeEpoch;
            }
            const auto at = label.find("_TRAFFIC_SECRET_");
            return at == std::string::npos ? 0 : 3 + std::stoull(label.substr(at + 16));
        }();
        if (epoch == 0 || !known_.insert({label, true}).second) {
            return;
        }
        Direction& direction = of(label.starts_with("CLIENT") ? Role::client : Role::server);
        EXPECT_TRUE(direction.read.install_receive(epoch, secret));
        EXPECT_TRUE(direction.write.install_send(epoch, secret));
    }
    void append(Role from, const Handled& message, Octets& content) {
        append_fragment(content, {.type = message.type,
                                  .length = static_cast<uint32_t>(message.body.size()),
                                  .message_seq = of(from).next_seq++,
                                  .offset = 0,
                                  .content = message.body});
    }
    Octets pass(Role from, View datagram) {
        Octets out;
        Direction& direction = of(from);
        while (!datagram.empty()) {
            OpenedRecord record;
            const auto outcome = direction.read.read(datagram, record);
            if (!outcome || *outcome != ReadOutcome::opened) {
                ADD_FAILURE() << "the middle cannot open a record";
                return out;
            }
            if (record.type != ContentType::handshake) {
                static_cast<void>(
                    direction.write.write(record.number.epoch, record.type, record.content, out));
                continue;
            }
            View content = record.content;
            while (!content.empty()) {
                const auto fragment = take_fragment(content);
                if (!fragment || fragment->message_seq < seen_[from]) {
                    continue;  // sent again
                }
                seen_[from] = fragment->message_seq + 1U;
                Handled message{fragment->type,
                                Octets(fragment->content.begin(), fragment->content.end())};
                for (const Handled& one : change(from, std::move(message))) {
                    Octets changed;
                    append(from, one, changed);
                    static_cast<void>(direction.write.write(record.number.epoch,
                                                            ContentType::handshake, changed, out));
                }
            }
        }
        return out;
    }

    World& world_;
    std::array<Direction, 2> directions_;
    std::map<std::string, bool> known_;
    std::map<Role, unsigned> seen_;
};

}  // namespace sdg::keymgmt::dtls13::test
