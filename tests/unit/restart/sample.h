// Associations, contexts and keys for tests, each a function of small numbers.
#pragma once

#include <vector>

#include "control/restart/association.h"
#include "control/restart/sealing_key.h"
#include "control/restart/store.h"
#include "foundation/random.h"

namespace sdg::restart::test {

inline SecretBytes kek(uint64_t number) {
    SeededRandom random(1000 + number);
    SecretBytes key(kKeyEncryptionKeyLength);
    random.fill(key.mutable_bytes());
    return key;
}

// kek(numbers[0]) is the active one.
inline KeyRing ring(const std::vector<uint64_t>& numbers = {0}) {
    std::vector<SecretBytes> further;
    for (size_t i = 1; i < numbers.size(); ++i) {
        further.push_back(kek(numbers[i]));
    }
    return *KeyRing::make(kek(numbers.front()), further);
}

inline sctp::FourTuple tuple(unsigned number) {
    if (number % 2 == 1) {
        return {*IpAddress::parse("2001:db8::1"), *IpAddress::parse("2001:db8::2"), 38412,
                static_cast<uint16_t>(number)};
    }
    return {*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), 38412,
            static_cast<uint16_t>(number)};
}

inline AssociationDescription description(unsigned number) {
    AssociationDescription out;
    out.tuple = tuple(number);
    if (number % 3 == 0) {
        out.further_local = {*IpAddress::parse("10.1.0.1"), *IpAddress::parse("2001:db8:1::1")};
        out.further_peer = {*IpAddress::parse("10.1.0.2")};
    }
    out.initiator = number % 2 == 0;
    out.km_role = number % 2 == 0 ? keys::KmRole::client : keys::KmRole::server;
    out.method = 192;
    out.policy = "ng-c";
    out.local_identity = "dns:gateway-a.example.org";
    out.peer_identity = "dns:gateway-" + std::to_string(number) + ".example.org";
    out.client_parameter = {0x80, 0x06, 0, 10, 4, 1, 2, 3, 4, 192};
    out.server_parameter = {0x80, 0x06, 0, 10, 2, 5, 6, 7, 8, 192};
    out.attachment.assign(number % 50, static_cast<uint8_t>(number));
    return out;
}

inline record::KeyMaterial keys_of(Random& random, record::Suite suite) {
    const auto* traits = record::traits(suite);
    record::KeyMaterial out;
    out.suite = suite;
    out.key = SecretBytes(traits->key_length);
    out.iv = SecretBytes(traits->iv_length);
    out.sn_key = SecretBytes(traits->sn_key_length);
    random.fill(out.key.mutable_bytes());
    random.fill(out.iv.mutable_bytes());
    random.fill(out.sn_key.mutable_bytes());
    return out;
}

inline RestartContext context(uint64_t seed) {
    SeededRandom random(seed);
    const auto suites = record::supported_suites();
    const record::Suite suite = suites[seed % suites.size()];
    RestartContext out;
    out.epoch = static_cast<uint16_t>(3 + seed % 1000);
    out.send = keys_of(random, suite);
    out.receive = keys_of(random, suite);
    return out;
}

inline StoredAssociation stored(unsigned number, uint64_t seed) {
    return {description(number), context(seed)};
}

inline std::vector<StoredAssociation> one(unsigned number, uint64_t seed) {
    std::vector<StoredAssociation> out;
    out.push_back(stored(number, seed));
    return out;
}

inline bool same(const record::KeyMaterial& a, const record::KeyMaterial& b) {
    return a.suite == b.suite && a.key == b.key && a.iv == b.iv && a.sn_key == b.sn_key;
}
inline bool same(const RestartContext& a, const RestartContext& b) {
    return a.epoch == b.epoch && same(a.send, b.send) && same(a.receive, b.receive);
}

inline Result<TakenAssociation> take_one(RestartStore& store, const Lease& lease,
                                         const sctp::FourTuple& which) {
    auto taken = store.take(lease, {&which, 1});
    if (!taken) {
        return tl::unexpected(taken.error());
    }
    return std::move(taken->front());
}

}  // namespace sdg::restart::test
