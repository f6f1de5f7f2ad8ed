#include "control/keymgmt/dtls13/configuration.h"

#include <algorithm>

#include "control/keymgmt/dtls13/key_exchange.h"

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr size_t kMinCookieKey = 32;
constexpr size_t kMinDatagram = 128;

bool is_supported_suite(record::Suite suite) {
    return record::traits(suite) != nullptr && suite != record::Suite::aes_128_ccm_sha256;
}

}  // namespace

Result<void> Configuration::check() const {
    if (suites.empty() || !std::all_of(suites.begin(), suites.end(), is_supported_suite)) {
        return fail(ErrorCode::invalid_argument,
                    "DTLS 1.3 needs cipher suites, and has the GCM and ChaCha20-Poly1305 ones");
    }
    if (groups.empty() || !std::all_of(groups.begin(), groups.end(), is_supported) ||
        key_shares == 0) {
        return fail(ErrorCode::invalid_argument, "DTLS 1.3 needs groups that it knows");
    }
    if (signature_schemes.empty()) {
        return fail(ErrorCode::invalid_argument, "DTLS 1.3 needs signature algorithms");
    }
    if (identity.chain.empty() || identity.chain.size() > 8 || identity.key == nullptr) {
        return fail(ErrorCode::invalid_argument, "DTLS 1.3 needs a certificate chain and its key");
    }
    if (cookie_key != nullptr && cookie_key->size() < kMinCookieKey) {
        return fail(ErrorCode::invalid_argument, "a cookie key of {} octets is too short",
                    cookie_key->size());
    }
    if (packing.max_datagram < kMinDatagram || packing.max_record > kMaxPlaintext ||
        packing.max_record < kMinDatagram / 2 || packing.max_fragment == 0) {
        return fail(ErrorCode::invalid_argument, "datagrams of {} or records of {} octets",
                    packing.max_datagram, packing.max_record);
    }
    if (transport == Transport::datagram &&
        (first_timeout <= std::chrono::nanoseconds::zero() || longest_timeout < first_timeout)) {
        return fail(ErrorCode::invalid_argument, "retransmission needs a time-out");
    }
    return {};
}

}  // namespace sdg::keymgmt::dtls13
