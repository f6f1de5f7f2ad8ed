// One DTLS 1.3 connection on a UDP socket, for tests of the engine against other implementations.
//
// What happens is printed, one line each: "listening PORT", "established SUITE GROUP SCHEME
// [retry]", "exporter HEX", "data TEXT", "epoch N", "authenticated N", "closed", "failed REASON".
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "control/keymgmt/dtls13/credentials.h"
#include "control/keymgmt/dtls13/reauthentication.h"

namespace sdg::tools {

struct PeerOptions {
    bool is_server = false;
    std::string address = "127.0.0.1";
    uint16_t port = 0;  // server: 0 takes a free one
    keymgmt::tls13::CredentialSettings credentials;
    std::vector<std::string> peer_names{"any"};
    bool hello_retry = false;
    bool mutual = true;
    bool extended_key_update = true;
    size_t mtu = 1200;
    bool one_message_per_record = false;
    std::string export_label;
    std::string export_context;
    size_t export_length = 32;
    std::string text;           // client: sent once established, and again after every update
    unsigned updates = 0;       // client: so many extended key updates
    bool authenticate = false;  // re-authentication in between; data is framed for it
    unsigned drop_percent = 0;  // of the datagrams we send
    uint64_t seed = 1;
    std::filesystem::path key_log;
    std::filesystem::path capture;  // every datagram, also what drop_percent throws away
    std::chrono::seconds limit{30};
};

// 0: established, everything done that the options ask for, and closed.
int run_peer(const PeerOptions& options);

}  // namespace sdg::tools
