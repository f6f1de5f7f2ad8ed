#include "control/keymgmt/dtls13/transcript.h"

namespace sdg::keymgmt::dtls13 {

Octets tls_message(HandshakeType type, View body) {
    Writer out;
    out.u8(static_cast<uint8_t>(type)).vector<3>(body);
    return out.take();
}

Checked<void> Transcript::choose(const Hash& hash) {
    hash_ = hash;
    running_.reset(EVP_MD_CTX_new());
    if (!running_ ||
        EVP_DigestInit_ex(running_.get(), EVP_get_digestbyname(hash.name), nullptr) != 1 ||
        EVP_DigestUpdate(running_.get(), pending_.data(), pending_.size()) != 1) {
        return refuse(AlertDescription::internal_error, "OpenSSL cannot compute {}", hash.name);
    }
    pending_.clear();
    return {};
}

Checked<void> Transcript::add(HandshakeType type, View body) {
    const Octets message = tls_message(type, body);
    if (!running_) {
        pending_.insert(pending_.end(), message.begin(), message.end());
    } else if (EVP_DigestUpdate(running_.get(), message.data(), message.size()) != 1) {
        return refuse(AlertDescription::internal_error, "OpenSSL cannot compute {}", hash_.name);
    }
    return {};
}

Checked<void> Transcript::restart_with(View client_hello_hash) {
    running_.reset();
    pending_ = tls_message(HandshakeType::message_hash, client_hello_hash);
    return choose(hash_);
}

Checked<Digest> Transcript::current() const {
    const DigestContext copy{EVP_MD_CTX_new()};
    Digest out;
    unsigned length = 0;
    if (!running_ || !copy || EVP_MD_CTX_copy_ex(copy.get(), running_.get()) != 1 ||
        EVP_DigestFinal_ex(copy.get(), out.octets.data(), &length) != 1) {
        return refuse(AlertDescription::internal_error, "OpenSSL cannot compute {}", hash_.name);
    }
    out.length = length;
    return out;
}

}  // namespace sdg::keymgmt::dtls13
