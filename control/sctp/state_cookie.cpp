#include "control/sctp/state_cookie.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstdlib>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/reader.h"

namespace sdg::sctp {
namespace {

using packet::KeyManagementParameter;

constexpr uint8_t kForm = 1;
constexpr size_t kKeyLength = 32;
constexpr size_t kMacLength = 32;

class Writer {
 public:
    explicit Writer(size_t expected) { out_.reserve(expected); }
    void u8(uint8_t value) { out_.push_back(value); }
    void be16(uint16_t value) {
        u8(static_cast<uint8_t>(value >> 8));
        u8(static_cast<uint8_t>(value));
    }
    void be32(uint32_t value) {
        be16(static_cast<uint16_t>(value >> 16));
        be16(static_cast<uint16_t>(value));
    }
    void be64(uint64_t value) {
        be32(static_cast<uint32_t>(value >> 32));
        be32(static_cast<uint32_t>(value));
    }
    void bytes(std::span<const uint8_t> octets) {
        out_.insert(out_.end(), octets.begin(), octets.end());
    }
    std::vector<uint8_t> take() { return std::move(out_); }
    [[nodiscard]] std::span<const uint8_t> so_far() const { return out_; }

 private:
    std::vector<uint8_t> out_;
};

void write_parameter(Writer& out, const std::optional<KeyManagementParameter>& parameter) {
    out.be16(parameter ? static_cast<uint16_t>(parameter->length()) : uint16_t{0});
    if (parameter) {
        out.bytes(parameter->wire());
    }
}

bool read_parameter(packet::Reader& in, std::optional<KeyManagementParameter>& out) {
    const uint16_t length = in.be16();
    if (length == 0) {
        return in.ok();
    }
    const auto parsed = KeyManagementParameter::parse(in.bytes(length));
    if (!in.ok() || !parsed) {
        return false;
    }
    out = *parsed;
    return true;
}

EVP_MAC* hmac() {
    static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    if (mac == nullptr) {
        std::abort();  // part of every OpenSSL 3 default provider
    }
    return mac;
}

uint64_t milliseconds(TimePoint time) {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

}  // namespace

std::string_view description(CookieError error) {
    switch (error) {
        case CookieError::malformed:
            return "malformed";
        case CookieError::unknown_key:
            return "made with a key that is no longer held";
        case CookieError::not_authentic:
            return "not authentic";
        case CookieError::expired:
            return "expired";
    }
    return "unknown";
}

StateCookie::StateCookie(std::chrono::milliseconds lifetime, std::chrono::seconds rotation,
                         Random& random)
    : lifetime_(lifetime), rotation_(rotation), random_(random) {
}

void StateCookie::rotate(TimePoint now) {
    if (!current_ || now - current_->since >= rotation_) {
        Key fresh;
        fresh.octets = SecretBytes(kKeyLength);
        random_.fill(fresh.octets.mutable_bytes());
        fresh.id = current_ ? static_cast<uint8_t>(current_->id + 1) : uint8_t{0};
        fresh.since = now;
        previous_ = std::move(current_);
        current_ = std::move(fresh);
    }
    if (previous_ && now - current_->since > lifetime_) {
        previous_.reset();
    }
}

StateCookie::Mac StateCookie::authenticate(const Key& key, std::span<const uint8_t> octets,
                                           const FourTuple& tuple) {
    std::array<uint8_t, 1 + 16 + 16 + 2 + 2> bound{};
    bound[0] = static_cast<uint8_t>(tuple.local.family);
    std::copy(tuple.local.octets.begin(), tuple.local.octets.end(), bound.begin() + 1);
    std::copy(tuple.peer.octets.begin(), tuple.peer.octets.end(), bound.begin() + 17);
    packet::store_be16(bound.data() + 33, tuple.local_port);
    packet::store_be16(bound.data() + 35, tuple.peer_port);

    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    Mac out{};
    size_t written = 0;
    EVP_MAC_CTX* context = EVP_MAC_CTX_new(hmac());
    const bool done =
        context != nullptr &&
        EVP_MAC_init(context, key.octets.bytes().data(), key.octets.size(), parameters) == 1 &&
        EVP_MAC_update(context, bound.data(), bound.size()) == 1 &&
        EVP_MAC_update(context, octets.data(), octets.size()) == 1 &&
        EVP_MAC_final(context, out.data(), &written, out.size()) == 1 && written == out.size();
    EVP_MAC_CTX_free(context);
    if (!done) {
        std::abort();  // only when memory is exhausted
    }
    return out;
}

std::vector<uint8_t> StateCookie::wrap(const CookieContent& content, const FourTuple& tuple,
                                       TimePoint now) {
    rotate(now);
    Writer out(content.inner.size() + 2 * KeyManagementParameter::kMaxLength + 128);
    out.u8(kForm);
    out.u8(current_->id);
    out.be64(milliseconds(now));
    out.be32(content.local_tag);
    out.be32(content.peer_tag);
    out.be16(content.path.local_port);
    out.be16(content.path.peer_port);
    out.be16(content.path.address);
    out.be32(content.restarts);
    write_parameter(out, content.local_parameter);
    write_parameter(out, content.peer_parameter);
    out.be16(static_cast<uint16_t>(content.inner.size()));
    out.bytes(content.inner);
    out.bytes(authenticate(*current_, out.so_far(), tuple));
    return out.take();
}

tl::expected<CookieContent, CookieFault> StateCookie::unwrap(std::span<const uint8_t> cookie,
                                                             const FourTuple& tuple,
                                                             TimePoint now) {
    rotate(now);
    if (cookie.size() < 2 + kMacLength || cookie[0] != kForm) {
        return tl::unexpected(CookieFault{CookieError::malformed});
    }
    const Key* key = cookie[1] == current_->id                 ? &*current_
                     : previous_ && cookie[1] == previous_->id ? &*previous_
                                                               : nullptr;
    if (key == nullptr) {
        return tl::unexpected(CookieFault{CookieError::unknown_key});
    }
    const auto signed_part = cookie.first(cookie.size() - kMacLength);
    if (!equal_constant_time(authenticate(*key, signed_part, tuple), cookie.last(kMacLength))) {
        return tl::unexpected(CookieFault{CookieError::not_authentic});
    }
    // Our own octets from here on; read with care all the same.
    packet::Reader in(signed_part);
    in.skip(2);
    const uint64_t created = uint64_t{in.be32()} << 32 | in.be32();
    CookieContent out;
    out.local_tag = in.be32();
    out.peer_tag = in.be32();
    out.path.local_port = in.be16();
    out.path.peer_port = in.be16();
    out.path.address = in.be16();
    out.restarts = in.be32();
    if (!read_parameter(in, out.local_parameter) || !read_parameter(in, out.peer_parameter)) {
        return tl::unexpected(CookieFault{CookieError::malformed});
    }
    const auto inner = in.bytes(in.be16());
    if (!in.ok() || in.left() != 0) {
        return tl::unexpected(CookieFault{CookieError::malformed});
    }
    out.inner.assign(inner.begin(), inner.end());
    const uint64_t current = milliseconds(now);
    if (current < created) {
        return tl::unexpected(CookieFault{CookieError::expired});
    }
    const std::chrono::milliseconds age(current - created);
    if (age > lifetime_) {
        return tl::unexpected(
            CookieFault{CookieError::expired, out.local_tag, out.peer_tag, age - lifetime_});
    }
    return out;
}

}  // namespace sdg::sctp
