// Takes out of a frame what its user would not want in a file: the user messages of SCTP packets
// that are in clear.
//
// A capture without `lab` shows everything of a protected leg, which is ciphertext, and of a plain
// leg everything but the content of DATA and I-DATA chunks, which becomes zeros; their headers,
// and key-management messages (PPID 4242), stay. What cannot be read on as SCTP chunks (unknown
// chunk types, a damaged length, a packet that is cut) becomes zeros too. A frame that holds no
// whole SCTP packet (an IP fragment, another protocol, an ICMP error that quotes a packet) keeps
// its headers only; ARP and neighbour discovery are whole.
//
// Frames come from the network: any octets are fine. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sdg::capture {

struct Redaction {
    size_t removed = 0;  // octets that became zeros
    size_t kept = 0;     // octets of the frame to keep; the rest is to be cut
};

// An Ethernet frame, of which `frame` may be the first part only. An SCTP checksum that was right
// is made right again.
Redaction remove_user_data(std::span<uint8_t> frame);

}  // namespace sdg::capture
