// Owners of OpenSSL's objects, and its error queue as text. Control thread.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace sdg::keymgmt::tls13 {

struct FreeOpenssl {
    void operator()(BIO* bio) const noexcept { BIO_free_all(bio); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(OSSL_STORE_CTX* store) const noexcept { OSSL_STORE_close(store); }
    void operator()(OSSL_STORE_INFO* info) const noexcept { OSSL_STORE_INFO_free(info); }
    void operator()(SSL* connection) const noexcept { SSL_free(connection); }
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

using BioPointer = std::unique_ptr<BIO, FreeOpenssl>;
using KeyPointer = std::unique_ptr<EVP_PKEY, FreeOpenssl>;
using SslPointer = std::unique_ptr<SSL, FreeOpenssl>;
using SslContextPointer = std::unique_ptr<SSL_CTX, FreeOpenssl>;
using StorePointer = std::unique_ptr<OSSL_STORE_CTX, FreeOpenssl>;
using StoreInfoPointer = std::unique_ptr<OSSL_STORE_INFO, FreeOpenssl>;
using X509Pointer = std::unique_ptr<X509, FreeOpenssl>;

// The reason of the first error in this thread's queue, which is emptied. OpenSSL's reasons name
// what is wrong, never the data.
inline std::string openssl_reason() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "unknown reason" : reason;
}

}  // namespace sdg::keymgmt::tls13
