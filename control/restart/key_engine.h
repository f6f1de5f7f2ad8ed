// PKCS#11 through OpenSSL's engine, for systems without a PKCS#11 provider. Use key_source.h.
#pragma once

#include <openssl/types.h>

namespace sdg::restart {

// The private key a "pkcs11:" URI names, owned by the caller, or null: no engine, no token, no such
// key, wrong PIN. The engine stays loaded.
[[nodiscard]] EVP_PKEY* load_from_pkcs11_engine(const char* uri);
// The engine is installed.
[[nodiscard]] bool has_pkcs11_engine();

}  // namespace sdg::restart
