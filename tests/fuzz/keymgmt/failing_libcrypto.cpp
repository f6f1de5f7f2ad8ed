#include "tests/fuzz/keymgmt/failing_libcrypto.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <cstdlib>
#include <optional>

namespace sdg::fuzz {
namespace {

std::optional<unsigned> left;
unsigned working = 0;  // LibcryptoWorks and calls of the library that have not returned

bool fails() {
    if (!left || working != 0) {
        return false;
    }
    if (*left > 0) {
        --*left;
        return false;
    }
    left.reset();
    return true;
}

// The library's function of this name and type.
template <typename Function>
Function* behind(Function* /*ours*/, const char* name) {
    void* const found = dlsym(RTLD_NEXT, name);
    if (found == nullptr) {
        std::abort();
    }
    return reinterpret_cast<Function*>(found);
}

}  // namespace

void fail_libcrypto_after(unsigned calls) {
    left = calls;
}

void mend_libcrypto() {
    left.reset();
}

LibcryptoWorks::LibcryptoWorks() {
    ++working;
}

LibcryptoWorks::~LibcryptoWorks() {
    --working;
}

}  // namespace sdg::fuzz

#define SDG_MAY_FAIL(type, name, failure, parameters, arguments)      \
    extern "C" type name parameters {                                 \
        static auto* const library = sdg::fuzz::behind(&name, #name); \
        if (sdg::fuzz::fails()) {                                     \
            return failure;                                           \
        }                                                             \
        const sdg::fuzz::LibcryptoWorks inside;                       \
        return library arguments;                                     \
    }                                                                 \
    static_assert(true)

SDG_MAY_FAIL(int, EVP_Q_digest, 0,
             (OSSL_LIB_CTX * library_context, const char* name, const char* properties,
              const void* data, size_t length, unsigned char* out, size_t* out_length),
             (library_context, name, properties, data, length, out, out_length));
SDG_MAY_FAIL(unsigned char*, EVP_Q_mac, nullptr,
             (OSSL_LIB_CTX * library_context, const char* name, const char* properties,
              const char* algorithm, const OSSL_PARAM* parameters, const void* key,
              size_t key_length, const unsigned char* data, size_t length, unsigned char* out,
              size_t room, size_t* out_length),
             (library_context, name, properties, algorithm, parameters, key, key_length, data,
              length, out, room, out_length));
SDG_MAY_FAIL(int, EVP_DigestUpdate, 0, (EVP_MD_CTX * context, const void* data, size_t length),
             (context, data, length));
SDG_MAY_FAIL(int, EVP_DigestFinal_ex, 0,
             (EVP_MD_CTX * context, unsigned char* out, unsigned int* length),
             (context, out, length));
SDG_MAY_FAIL(int, EVP_KDF_derive, 0,
             (EVP_KDF_CTX * context, unsigned char* key, size_t length,
              const OSSL_PARAM parameters[]),
             (context, key, length, parameters));
SDG_MAY_FAIL(int, EVP_PKEY_derive, 0, (EVP_PKEY_CTX * context, unsigned char* key, size_t* length),
             (context, key, length));
SDG_MAY_FAIL(size_t, EVP_PKEY_get1_encoded_public_key, 0, (EVP_PKEY * key, unsigned char** out),
             (key, out));
SDG_MAY_FAIL(int, EVP_DigestSign, 0,
             (EVP_MD_CTX * context, unsigned char* out, size_t* out_length,
              const unsigned char* data, size_t length),
             (context, out, out_length, data, length));
SDG_MAY_FAIL(int, EVP_DigestVerify, 0,
             (EVP_MD_CTX * context, const unsigned char* signature, size_t signature_length,
              const unsigned char* data, size_t length),
             (context, signature, signature_length, data, length));
SDG_MAY_FAIL(int, EVP_CipherUpdate, 0,
             (EVP_CIPHER_CTX * context, unsigned char* out, int* out_length,
              const unsigned char* data, int length),
             (context, out, out_length, data, length));
