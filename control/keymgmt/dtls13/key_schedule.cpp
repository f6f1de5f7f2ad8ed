#include "control/keymgmt/dtls13/key_schedule.h"

#include <iterator>
#include <utility>

namespace sdg::keymgmt::dtls13 {
namespace {

// Derives one secret after the other; stops at the first failure.
class Derivations {
 public:
    explicit Derivations(const Hash& hash) : hash_(hash) {}

    SecretBytes secret(View from, std::string_view label, View transcript_hash) {
        return keep(derive_secret(hash_, from, label, transcript_hash));
    }
    SecretBytes derived(View from) {
        return keep(derive_secret_of_nothing(hash_, from, "derived"));
    }
    SecretBytes extract(View salt, View secret) { return keep(hkdf_extract(hash_, salt, secret)); }
    [[nodiscard]] Checked<void> outcome() { return std::move(outcome_); }

 private:
    SecretBytes keep(Checked<SecretBytes> made) {
        if (made) {
            return std::move(*made);
        }
        outcome_ = tl::unexpected(std::move(made.error()));
        return SecretBytes(hash_.length);
    }

    const Hash& hash_;
    Checked<void> outcome_;
};

}  // namespace

void KeySchedule::choose(record::Suite suite, const HelloRandom& client_random) {
    hash_ = Hash::of(suite);
    client_random_ = client_random;
}

void KeySchedule::log(std::string_view label, View secret) const {
    if (!log_) {
        return;
    }
    std::string line(label);
    line.reserve(line.size() + 2 + 2 * (client_random_.size() + secret.size()));
    for (const View part : {View(client_random_), secret}) {
        line.push_back(' ');
        for (const uint8_t octet : part) {
            fmt::format_to(std::back_inserter(line), "{:02x}", octet);
        }
    }
    log_(line);
    wipe(line.data(), line.size());
}

void KeySchedule::log_shared_secret(std::string_view label, View secret) const {
    if (log_shared_secrets_) {
        log(label, secret);
    }
}

Checked<void> KeySchedule::enter_handshake(View shared_secret, View hello_hash) {
    Derivations derive(hash_);
    const SecretBytes zeros(hash_.length);
    const SecretBytes early = derive.extract({}, zeros.bytes());
    const SecretBytes salt = derive.derived(early.bytes());
    const SecretBytes handshake = derive.extract(salt.bytes(), shared_secret);
    handshake_.client = derive.secret(handshake.bytes(), "c hs traffic", hello_hash);
    handshake_.server = derive.secret(handshake.bytes(), "s hs traffic", hello_hash);
    derived_ = derive.derived(handshake.bytes());
    log_shared_secret("ECDHE_SECRET", shared_secret);
    log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", handshake_.client.bytes());
    log("SERVER_HANDSHAKE_TRAFFIC_SECRET", handshake_.server.bytes());
    return derive.outcome();
}

Checked<void> KeySchedule::enter_application(View transcript_hash) {
    Derivations derive(hash_);
    const SecretBytes zeros(hash_.length);
    const SecretBytes main = derive.extract(derived_.bytes(), zeros.bytes());
    application_.client = derive.secret(main.bytes(), "c ap traffic", transcript_hash);
    application_.server = derive.secret(main.bytes(), "s ap traffic", transcript_hash);
    exporter_ = derive.secret(main.bytes(), "exp master", transcript_hash);
    keep_exporter(kFirstApplicationEpoch,
                  derive.secret(main.bytes(), "exporter eku", transcript_hash));
    derived_ = derive.derived(main.bytes());
    log("CLIENT_TRAFFIC_SECRET_0", application_.client.bytes());
    log("SERVER_TRAFFIC_SECRET_0", application_.server.bytes());
    log("EXPORTER_SECRET", exporter_.bytes());
    return derive.outcome();
}

void KeySchedule::finish(View transcript_hash) {
    std::copy(transcript_hash.begin(), transcript_hash.end(), transcript_hash_.octets.begin());
    transcript_hash_.length = transcript_hash.size();
    handshake_ = {};
    application_ = {};
}

Checked<TrafficSecrets> KeySchedule::next_epoch(View shared_secret, View request, View response) {
    Octets messages(transcript_hash_.bytes().begin(), transcript_hash_.bytes().end());
    messages.insert(messages.end(), request.begin(), request.end());
    messages.insert(messages.end(), response.begin(), response.end());
    const auto next_hash = digest(hash_, messages);
    if (!next_hash) {
        return tl::unexpected(next_hash.error());
    }
    Derivations derive(hash_);
    const SecretBytes main = derive.extract(derived_.bytes(), shared_secret);
    const View bytes = next_hash->bytes();
    TrafficSecrets out{.client = derive.secret(main.bytes(), "c ap traffic", bytes),
                       .server = derive.secret(main.bytes(), "s ap traffic", bytes)};
    SecretBytes exporter = derive.secret(main.bytes(), "exp master", bytes);
    SecretBytes derived = derive.derived(main.bytes());
    if (auto outcome = derive.outcome(); !outcome) {
        return tl::unexpected(outcome.error());
    }
    ++epoch_;
    const uint64_t generation = epoch_ - kFirstApplicationEpoch;
    log_shared_secret(fmt::format("ECDHE_SECRET_{}", generation), shared_secret);
    log(fmt::format("CLIENT_TRAFFIC_SECRET_{}", generation), out.client.bytes());
    log(fmt::format("SERVER_TRAFFIC_SECRET_{}", generation), out.server.bytes());
    log(fmt::format("EXPORTER_SECRET_{}", generation), exporter.bytes());
    keep_exporter(epoch_, std::move(exporter));
    derived_ = std::move(derived);
    transcript_hash_ = *next_hash;
    return out;
}

void KeySchedule::keep_exporter(uint64_t epoch, SecretBytes secret) {
    exporters_.insert_or_assign(epoch, std::move(secret));
    while (exporters_.size() > kExporters) {
        exporters_.erase(exporters_.begin());
    }
}

Checked<Digest> KeySchedule::verify_data(Role sender, View transcript_hash) const {
    return finished_verify_data(hash_, handshake_.of(sender), transcript_hash);
}

Checked<SecretBytes> KeySchedule::export_secret(std::string_view label, View context,
                                                size_t length) const {
    return tls_exporter(hash_, exporter_.bytes(), label, context, length);
}

Checked<SecretBytes> KeySchedule::export_of_epoch(uint64_t epoch, std::string_view label,
                                                  View context, size_t length) const {
    const auto found = exporters_.find(epoch);
    if (found == exporters_.end()) {
        return refuse(AlertDescription::internal_error, "no exporter secret of epoch {}", epoch);
    }
    return tls_exporter(hash_, found->second.bytes(), label, context, length);
}

}  // namespace sdg::keymgmt::dtls13
