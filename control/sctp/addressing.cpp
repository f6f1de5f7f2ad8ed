#include "control/sctp/addressing.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "dataplane/packet/byte_order.h"

namespace sdg::sctp {
namespace {

constexpr size_t kKeyLength = 16;
// The part of a port that usrsctp's table of accepted endpoints looks at (1,024 buckets).
constexpr uint16_t kHashedBits = 0x3ff;
constexpr size_t kListenerPorts = 2048;  // during a reload there may be two of each

// A keyed short-input hash (SipHash-2-4) from OpenSSL; the object is fetched once.
EVP_MAC* siphash() {
    static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
    if (mac == nullptr) {
        std::abort();  // part of every OpenSSL 3 default provider
    }
    return mac;
}

}  // namespace

PathHash::PathHash(Random& random) : key_(kKeyLength) {
    random.fill(key_.mutable_bytes());
}

VirtualPath PathHash::place(const FourTuple& tuple, uint16_t local_port, unsigned attempt) const {
    std::array<uint8_t, 16 + 16 + 2 + 2 + 1> input{};
    std::copy(tuple.local.octets.begin(), tuple.local.octets.end(), input.begin());
    std::copy(tuple.peer.octets.begin(), tuple.peer.octets.end(), input.begin() + 16);
    packet::store_be16(input.data() + 32, tuple.local_port);
    packet::store_be16(input.data() + 34, tuple.peer_port);
    input[36] = static_cast<uint8_t>(attempt);

    std::array<uint8_t, 8> digest{};
    size_t size = digest.size();
    EVP_MAC_CTX* context = EVP_MAC_CTX_new(siphash());
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                                     OSSL_PARAM_construct_end()};
    size_t written = 0;
    const bool done = context != nullptr &&
                      EVP_MAC_init(context, key_.bytes().data(), key_.size(), parameters) == 1 &&
                      EVP_MAC_update(context, input.data(), input.size()) == 1 &&
                      EVP_MAC_final(context, digest.data(), &written, digest.size()) == 1 &&
                      written == digest.size();
    EVP_MAC_CTX_free(context);
    if (!done) {
        std::abort();  // only when memory is exhausted
    }
    uint64_t hash = 0;
    std::memcpy(&hash, digest.data(), sizeof hash);
    VirtualPath path;
    path.local_port = local_port;
    path.peer_port = static_cast<uint16_t>(1 + (hash & 0xffffffff) % 0xffff);
    path.address = static_cast<uint16_t>(1 + (hash >> 32) % kAddresses);
    return path;
}

bool OfferedPaths::offer(const VirtualPath& path, const FourTuple& tuple, TimePoint now) {
    Slot& slot = slots_[std::hash<VirtualPath>{}(path) % slots_.size()];
    if (slot.since && slot.path == path && slot.tuple != tuple && now - *slot.since < memory_) {
        return false;
    }
    slot = {.path = path, .tuple = tuple, .since = now};
    return true;
}

VirtualPorts::VirtualPorts() {
    std::vector<uint16_t> ports;
    for (uint32_t port = 1; port <= 0xffff; ++port) {
        ports.push_back(static_cast<uint16_t>(port));
    }
    std::stable_sort(ports.begin(), ports.end(), [](uint16_t a, uint16_t b) {
        return std::popcount(static_cast<uint16_t>(a & kHashedBits)) <
               std::popcount(static_cast<uint16_t>(b & kHashedBits));
    });
    listener_.assign(ports.begin(), ports.begin() + kListenerPorts);
    std::reverse(listener_.begin(), listener_.end());
    // Neighbours in the queue lie in different buckets of usrsctp's table of endpoints.
    connection_.assign(ports.begin() + kListenerPorts, ports.end());
    std::sort(connection_.begin(), connection_.end());
}

std::optional<uint16_t> VirtualPorts::take_for_listener() {
    if (listener_.empty()) {
        return std::nullopt;
    }
    const uint16_t port = listener_.back();
    listener_.pop_back();
    return port;
}

std::optional<uint16_t> VirtualPorts::take_for_connection() {
    if (connection_.empty()) {
        return std::nullopt;
    }
    const uint16_t port = connection_.front();
    connection_.pop_front();
    return port;
}

void VirtualPorts::give_back_listener(uint16_t port) {
    listener_.push_back(port);
}

void VirtualPorts::give_back_connection(uint16_t port) {
    connection_.push_back(port);
}

}  // namespace sdg::sctp
