// A key-management method as a sans-I/O session per association: events in, actions out.
//
// Methods 0 (pre-shared), 192 (TLS 1.3) and 1 (DTLS 1.3) implement Session; protection.h carries
// the actions out on the data plane and the association. Control thread only.
//
// States of an association's protection, as protection.h sees them:
//   negotiating --parameters_agreed--> keying --protection_up--> protected --fail--> closed
//
// A protected restart begins a new session (SessionContext::restarted). It finds the restart keys
// selected and protection required, and is up as soon as it is established; it makes new keys at
// once. restart_keys.h is what the methods share.
// An event that makes no sense in the current state is a Fail action, never an assertion.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "dataplane/keys/chunk_protection.h"
#include "dataplane/record/key_material.h"
#include "foundation/clock.h"
#include "foundation/result.h"

namespace sdg::keymgmt {

struct InstallReceiveKey {
    keys::KeyRole role;
    uint16_t epoch;
    record::KeyMaterial material;
};
struct InstallSendKey {
    keys::KeyRole role;
    uint16_t epoch;
    record::KeyMaterial material;
};
struct SelectSendKey {
    keys::KeyRole role;
    uint16_t epoch;
};
struct DestroySendKey {
    keys::KeyRole role;
    uint16_t epoch;
};
struct DestroyReceiveKey {
    keys::KeyRole role;
    uint16_t epoch;
};
struct SetClearPolicy {
    keys::ClearPolicy policy;
};
struct RequireProtection {};
struct RequestHeartbeat {};
// User message with PPID 4242 on stream 0, ordered.
struct SendMessage {
    std::vector<uint8_t> octets;
};
// Upper-layer traffic may flow from now on.
struct ProtectionUp {};
// Both directions of these restart keys are installed and unused: keep them where they survive us.
// Session::on_restart_keys_kept() tells how it went. wait: what follows is carried out only then,
// or when it takes too long, so that what it tells the peer also says that they are kept.
struct KeepRestartKeys {
    uint16_t epoch = 0;
    record::KeyMaterial send;
    record::KeyMaterial receive;
    std::string local_identity;  // as authenticated; empty when the method has none
    std::string peer_identity{};
    bool wait = false;
};
// Both sides keep the newest restart keys: those before them are not needed any more.
struct DropPreviousRestartKeys {};
// The session has work that costs time (a signature, a chain to check) and wants on_turn() when it
// is its turn: see handshake_queue.h. needs_slot: a peer that has not authenticated yet wants a
// handshake, of which only so many run at a time.
struct RequestTurn {
    bool needs_slot = false;
};
// The handshake is over, its slot is free.
struct EndHandshake {};
// One line for the log: text does not name the association, whoever carries it out does.
struct Report {
    bool warning = false;
    std::string text;
};
// The association is aborted; reason is for the log and names what to suspect.
struct Fail {
    std::string reason;
};

using Action = std::variant<InstallReceiveKey, InstallSendKey, SelectSendKey, DestroySendKey,
                            DestroyReceiveKey, SetClearPolicy, RequireProtection, RequestHeartbeat,
                            SendMessage, ProtectionUp, KeepRestartKeys, DropPreviousRestartKeys,
                            RequestTurn, EndHandshake, Report, Fail>;
using Actions = std::vector<Action>;  // carried out in order

// What a session is bound to. Octet strings are the parameters as on the wire without padding.
struct SessionContext {
    keys::KmRole role;                      // ours
    bool initiator = false;                 // of the SCTP association
    std::vector<uint8_t> client_parameter;  // the client-role side's 0x8006
    std::vector<uint8_t> server_parameter;
    uint32_t client_tag = 0;  // verification tag chosen by the client-role side
    uint32_t server_tag = 0;
    bool restart = false;  // agreed: restart keys are made with every key set
    // The association has just been restarted under the restart keys of this epoch and runs under
    // them until there are new primary keys (which begin with the first epoch again).
    std::optional<uint16_t> restarted{};
    // Whom a restarted association belonged to, as its peer was last authenticated (the text that
    // KeepRestartKeys carried); empty when the method has none.
    std::string peer_identity{};
};

class Session {
 public:
    virtual ~Session() = default;
    virtual Actions on_parameters_agreed() = 0;
    virtual Actions on_established() = 0;
    virtual Actions on_first_opened() = 0;
    virtual Actions on_message(std::span<const uint8_t> octets) = 0;  // PPID 4242
    virtual Actions on_sender_dry() = 0;
    // Called about once a second.
    virtual Actions on_tick(TimePoint now, std::span<const keys::EpochStatistics> epochs) = 0;
    // What became of KeepRestartKeys; also true when there is nothing to keep them in.
    virtual Actions on_restart_keys_kept(uint16_t /*epoch*/, bool /*kept*/) { return {}; }
    // The turn asked for with RequestTurn. has_slot: a handshake may begin.
    virtual Actions on_turn(bool /*has_slot*/) { return {}; }
    // Whom the method has authenticated, for people; empty when it has no names for peers, or not
    // yet.
    [[nodiscard]] virtual std::string peer_name() const { return {}; }
    // How often the peer has authenticated and when it did so last; 0 and unset when the method has
    // no such thing, or not yet.
    struct Authentications {
        uint64_t times = 0;
        std::optional<TimePoint> last{};
    };
    [[nodiscard]] virtual Authentications authentications() const { return {}; }
    // The operator wants the peer to authenticate anew. Methods that cannot do it report so.
    virtual Actions on_reauthentication_requested() {
        Actions actions;
        actions.emplace_back(
            Report{.warning = true, .text = "this method does not authenticate by certificates"});
        return actions;
    }
    // The operator wants new keys now. Methods that cannot do it report so.
    virtual Actions on_rekey_requested() {
        Actions actions;
        actions.emplace_back(
            Report{.warning = true, .text = "this method has no rekey by command"});
        return actions;
    }
};

// One configured method of a protection policy; makes sessions.
class Method {
 public:
    virtual ~Method() = default;
    [[nodiscard]] virtual uint8_t id() const = 0;
    [[nodiscard]] virtual Result<std::unique_ptr<Session>> start(SessionContext context) = 0;
};

}  // namespace sdg::keymgmt
