#include "control/restart/key_token.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "control/keymgmt/owner_only_file.h"
#include "control/restart/key_engine.h"
#include "control/restart/sealing_key.h"

namespace sdg::restart {
namespace {

constexpr size_t kMaxWrapped = 2048;  // octets: RSA with 16,384 bits

template <auto free_function>
struct Free {
    template <class T>
    void operator()(T* object) const noexcept {
        free_function(object);
    }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using StorePointer = std::unique_ptr<OSSL_STORE_CTX, Free<OSSL_STORE_close>>;
using InfoPointer = std::unique_ptr<OSSL_STORE_INFO, Free<OSSL_STORE_INFO_free>>;

// OpenSSL's reasons name what is wrong, never the data.
std::string openssl_reason() {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "no reason given" : reason;
}

// OpenSSL itself has a loader for files only; what it says about a missing one varies.
bool is_without_loader(std::string_view uri) {
    bool unsupported = false;
    while (const unsigned long code = ERR_get_error()) {
        const int reason = ERR_GET_REASON(code);
        unsupported =
            unsupported || reason == ERR_R_UNSUPPORTED ||
            (ERR_GET_LIB(code) == ERR_LIB_OSSL_STORE && reason == OSSL_STORE_R_UNREGISTERED_SCHEME);
    }
    return unsupported && uri.substr(0, 5) != "file:";
}

Result<KeyPointer> check_is_rsa(KeyPointer key, const std::string& shown) {
    if (!key || EVP_PKEY_is_a(key.get(), "RSA") != 1) {
        return fail(ErrorCode::invalid_argument, "{}: is not an RSA key", shown);
    }
    return key;
}

Result<KeyPointer> open_with_engine(const std::string& uri) {
    KeyPointer key(load_from_pkcs11_engine(uri.c_str()));
    if (!key) {
        return fail(ErrorCode::permission_denied,
                    "{}: the token does not give the key (is it there, is the PIN right?): {}",
                    presentable_uri(uri), openssl_reason());
    }
    return check_is_rsa(std::move(key), presentable_uri(uri));
}

Result<KeyPointer> open_private_key(const std::string& uri) {
    ERR_clear_error();
    const std::string shown = presentable_uri(uri);
    // UI_null: a token that wants a PIN the URI does not give is an error, not a question on a
    // terminal nobody looks at.
    const StorePointer store(OSSL_STORE_open(uri.c_str(), UI_null(), nullptr, nullptr, nullptr));
    if (!store) {
        const bool without_loader = is_without_loader(uri);
        if (without_loader && uri.substr(0, 7) == "pkcs11:" && has_pkcs11_engine()) {
            return open_with_engine(uri);
        }
        if (without_loader) {
            return fail(ErrorCode::unavailable,
                        "{}: no OpenSSL provider or engine for this kind of URI is loaded (see "
                        "openssl.cnf)",
                        shown);
        }
        return fail(ErrorCode::not_found, "{}: cannot be opened", shown);
    }
    OSSL_STORE_expect(store.get(), OSSL_STORE_INFO_PKEY);
    while (OSSL_STORE_eof(store.get()) == 0) {
        const InfoPointer info(OSSL_STORE_load(store.get()));
        if (info && OSSL_STORE_INFO_get_type(info.get()) == OSSL_STORE_INFO_PKEY) {
            return check_is_rsa(KeyPointer(OSSL_STORE_INFO_get1_PKEY(info.get())), shown);
        }
        if (OSSL_STORE_error(store.get()) != 0) {
            return fail(ErrorCode::permission_denied, "{}: the key cannot be used: {}", shown,
                        openssl_reason());
        }
    }
    return fail(ErrorCode::not_found, "{}: holds no private key", shown);
}

bool set_padding(EVP_PKEY_CTX* context) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1;
}

Result<void> write_new_file(const std::filesystem::path& path, std::span<const uint8_t> octets) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return fail(errno == EEXIST ? ErrorCode::already_exists : ErrorCode::io,
                    "{}: cannot be made: {}", path.string(), std::strerror(errno));
    }
    const ssize_t written = ::write(file, octets.data(), octets.size());
    const bool good = written == static_cast<ssize_t>(octets.size()) && ::fsync(file) == 0;
    const int error = errno;
    ::close(file);
    const int folder = ::open(path.parent_path().empty() ? "." : path.parent_path().c_str(),
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool listed = folder >= 0 && ::fsync(folder) == 0;
    if (folder >= 0) {
        ::close(folder);
    }
    if (!good || !listed) {
        ::unlink(path.c_str());
        return fail(ErrorCode::io, "{}: cannot be written: {}", path.string(),
                    std::strerror(error));
    }
    return {};
}

}  // namespace

std::string presentable_uri(std::string_view uri) {
    uri = uri.substr(0, uri.find('?'));
    std::string out;
    while (!uri.empty()) {
        const size_t end = std::min(uri.find(';'), uri.size() - 1) + 1;
        const std::string_view attribute = uri.substr(0, end);
        if (attribute.find("pin-") == std::string_view::npos) {
            out += attribute;
        }
        uri.remove_prefix(end);
    }
    return out;
}

Result<SecretBytes> unwrap_with_token(const KeyToken& token) {
    const auto wrapped = keymgmt::read_owner_only_file(token.wrapped_key, kMaxWrapped);
    if (!wrapped) {
        return tl::unexpected(wrapped.error());
    }
    const auto key = open_private_key(token.uri);
    if (!key) {
        return tl::unexpected(key.error());
    }
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key->get(), nullptr));
    SecretBytes room(kMaxWrapped);
    size_t length = room.size();
    if (!context || EVP_PKEY_decrypt_init(context.get()) != 1 || !set_padding(context.get()) ||
        EVP_PKEY_decrypt(context.get(), room.mutable_bytes().data(), &length,
                         wrapped->bytes().data(), wrapped->size()) != 1) {
        return fail(ErrorCode::corrupt, "{}: was not wrapped for {}: {}",
                    token.wrapped_key.string(), presentable_uri(token.uri), openssl_reason());
    }
    if (length != kKeyEncryptionKeyLength) {
        return fail(ErrorCode::invalid_argument, "{}: holds a key of {} octets, expected {}",
                    token.wrapped_key.string(), length, kKeyEncryptionKeyLength);
    }
    return SecretBytes::copy_of(room.bytes().first(length));
}

Result<void> create_wrapped_key(const KeyToken& token, Random& random) {
    const auto key = open_private_key(token.uri);
    if (!key) {
        return tl::unexpected(key.error());
    }
    SecretBytes fresh(kKeyEncryptionKeyLength);
    random.fill(fresh.mutable_bytes());
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key->get(), nullptr));
    std::vector<uint8_t> wrapped(kMaxWrapped);
    size_t length = wrapped.size();
    if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 || !set_padding(context.get()) ||
        EVP_PKEY_encrypt(context.get(), wrapped.data(), &length, fresh.bytes().data(),
                         fresh.size()) != 1) {
        return fail(ErrorCode::refused, "{}: cannot encrypt: {}", presentable_uri(token.uri),
                    openssl_reason());
    }
    return write_new_file(token.wrapped_key, std::span<const uint8_t>(wrapped).first(length));
}

}  // namespace sdg::restart
