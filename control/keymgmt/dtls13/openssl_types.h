// Owners of the libcrypto objects that the engine uses. Control thread.
#pragma once

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include <memory>

namespace sdg::keymgmt::dtls13 {

struct FreeCrypto {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCrypto>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeCrypto>;
using PrivateKey = std::unique_ptr<EVP_PKEY, FreeCrypto>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeCrypto>;
using CertificatePointer = std::unique_ptr<X509, FreeCrypto>;

}  // namespace sdg::keymgmt::dtls13
