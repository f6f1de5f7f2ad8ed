// The actions of a session as text.
#pragma once

#include <string>
#include <variant>

#include "control/keymgmt/method.h"

namespace sdg::keymgmt {

// "receive 3, receive 4, policy" and so on, to read at a glance.
inline std::string told(const Actions& actions) {
    struct Name {
        // "3", "R3" for restart keys.
        static std::string of(keys::KeyRole role, uint16_t epoch) {
            return (role == keys::KeyRole::restart ? "R" : "") + std::to_string(epoch);
        }
        std::string operator()(const InstallReceiveKey& a) {
            return "receive " + of(a.role, a.epoch);
        }
        std::string operator()(const InstallSendKey& a) { return "send " + of(a.role, a.epoch); }
        std::string operator()(const SelectSendKey& a) { return "select " + of(a.role, a.epoch); }
        std::string operator()(const DestroySendKey& a) {
            return "drop-send " + of(a.role, a.epoch);
        }
        std::string operator()(const DestroyReceiveKey& a) {
            return "drop-receive " + of(a.role, a.epoch);
        }
        std::string operator()(const KeepRestartKeys& a) {
            return (a.wait ? "keep-and-wait " : "keep ") + std::to_string(a.epoch);
        }
        std::string operator()(const DropPreviousRestartKeys&) { return "drop-previous"; }
        std::string operator()(const SetClearPolicy& a) {
            return a.policy == keys::ClearPolicy::handshake_only ? "handshake-only" : "policy";
        }
        std::string operator()(const RequireProtection&) { return "require"; }
        std::string operator()(const RequestHeartbeat&) { return "heartbeat"; }
        std::string operator()(const SendMessage&) { return "message"; }
        std::string operator()(const ProtectionUp&) { return "up"; }
        std::string operator()(const RequestTurn& a) {
            return a.needs_slot ? "turn with slot" : "turn";
        }
        std::string operator()(const EndHandshake&) { return "end"; }
        std::string operator()(const Report& a) {
            return (a.warning ? "warn: " : "info: ") + a.text;
        }
        std::string operator()(const Fail& a) { return "fail: " + a.reason; }
    };
    std::string out;
    for (const Action& action : actions) {
        out += (out.empty() ? "" : ", ") + std::visit(Name{}, action);
    }
    return out;
}

}  // namespace sdg::keymgmt
