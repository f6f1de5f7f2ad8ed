// Nothing that an attacker can time depends on a secret: runs under valgrind's memcheck with the
// secrets marked as undefined, which then reports every branch and every address that depends on
// one. What is public by protocol (a MAC on the wire, a verdict) is marked as defined again;
// verdicts are branches by nature and listed in verdicts.supp.
//
// Each case counts memcheck's errors; the first case leaks on purpose and must be reported.
#include <valgrind/memcheck.h>

#include <cstdio>
#include <functional>

#include "control/keymgmt/dtls13/cookie.h"
#include "control/keymgmt/dtls13/exported_authenticator.h"
#include "control/keymgmt/preshared/derivation.h"
#include "control/sctp/state_cookie.h"
#include "dataplane/record/seal_context.h"
#include "dataplane/record/tag.h"

namespace {

using namespace sdg;
using namespace std::chrono_literals;
using Octets = std::vector<uint8_t>;

void hide(std::span<const uint8_t> octets) {
    VALGRIND_MAKE_MEM_UNDEFINED(octets.data(), octets.size());
}
template <class Public>
Public& show(Public& value) {
    if constexpr (requires { value.data(); }) {
        VALGRIND_MAKE_MEM_DEFINED(value.data(), value.size());
    } else {
        VALGRIND_MAKE_MEM_DEFINED(&value, sizeof value);
    }
    return value;
}

SecretBytes secret(size_t length, uint8_t fill) {
    SecretBytes out(length);
    for (uint8_t& octet : out.mutable_bytes()) {
        octet = fill++;
    }
    hide(out.bytes());
    return out;
}

// Keys that are drawn from it are secret.
class SecretRandom final : public Random {
 public:
    void fill(std::span<uint8_t> out) override {
        seeded_.fill(out);
        hide(out);
    }

 private:
    SeededRandom seeded_{1};
};

bool failed = false;

void check(bool holds, const char* what) {
    if (!holds) {
        std::printf("FAILED: %s\n", what);
        failed = true;
    }
}

void run(const char* name, bool leaks, const std::function<void()>& body) {
    const auto before = VALGRIND_COUNT_ERRORS;
    body();
    const auto errors = VALGRIND_COUNT_ERRORS - before;
    std::printf("%s: %u places depend on secrets\n", name, static_cast<unsigned>(errors));
    check((errors != 0) == leaks, name);
}

// What a careless comparison does.
[[gnu::noinline]] bool equal_until_different(std::span<const uint8_t> a,
                                             std::span<const uint8_t> b) {
    for (size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

void comparisons() {
    const SecretBytes one = secret(32, 1);
    const SecretBytes same = secret(32, 1);
    const SecretBytes other = secret(32, 9);
    bool verdict = equal_constant_time(one.bytes(), same.bytes());
    check(show(verdict), "equal");
    verdict = equal_constant_time(one.bytes(), other.bytes());
    check(!show(verdict), "different");
    verdict = one == same;
    check(show(verdict), "equal keys");
    verdict = record::tags_equal(one.bytes().data(), other.bytes().data());
    check(!show(verdict), "different tags");
}

void state_cookie() {
    SecretRandom random;
    sctp::StateCookie cookies(60s, 3600s, random);
    const sctp::FourTuple tuple{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), 1, 2};
    sctp::CookieContent content;
    content.inner = {1, 2, 3, 4};
    Octets wrapped = cookies.wrap(content, tuple, 1s);
    show(wrapped);
    check(cookies.unwrap(wrapped, tuple, 2s).has_value(), "a State Cookie opens");
    for (const size_t at : {wrapped.size() - 1, wrapped.size() - 32}) {
        Octets changed = wrapped;
        changed[at] ^= 1;
        check(!cookies.unwrap(changed, tuple, 2s), "a changed State Cookie does not open");
    }
}

void hello_retry_cookie() {
    using namespace keymgmt::dtls13;
    const SecretBytes key = secret(32, 5);
    CookieContent content;
    content.client_hello.length = 32;
    auto made = make_cookie(key.bytes(), {}, content);
    show(*made);
    check(open_cookie(key.bytes(), {}, *made, TimePoint{}, 60s).has_value(), "a cookie opens");
    made->back() ^= 1;
    check(!open_cookie(key.bytes(), {}, *made, TimePoint{}, 60s), "a changed cookie does not");
}

void authenticator() {
    using namespace keymgmt::dtls13;
    const AuthenticatorKeys keys{.hash = Hash::of(record::Suite::aes_128_gcm_sha256),
                                 .handshake_context = secret(32, 1),
                                 .finished_key = secret(32, 2)};
    const std::array schemes = {SignatureScheme::ecdsa_secp256r1_sha256};
    const Octets request = authenticator_request(Role::client, Octets{1, 2, 3}, schemes);
    auto made = make_empty_authenticator(keys, request);
    show(*made);
    check(check_empty_authenticator(keys, request, *made).has_value(), "an authenticator is taken");
    made->back() ^= 1;
    check(!check_empty_authenticator(keys, request, *made), "a changed one is not");
}

void preshared_keys() {
    const SecretBytes key = secret(32, 3);
    const keymgmt::SessionContext context{.role = keys::KmRole::client,
                                          .client_parameter = {0x80, 0x06, 0, 9, 0, 0, 0, 0, 1},
                                          .server_parameter = {0x80, 0x06, 0, 9, 0, 0, 0, 0, 2}};
    for (const auto suite :
         {record::Suite::aes_128_gcm_sha256, record::Suite::chacha20_poly1305_sha256}) {
        check(keymgmt::derive_preshared(key, suite, context, keys::KmRole::client,
                                        keys::KeyRole::primary, 3)
                  .has_value(),
              "keys are derived");
    }
}

void contexts() {
    for (const auto suite :
         {record::Suite::aes_128_gcm_sha256, record::Suite::aes_256_gcm_sha384,
          record::Suite::aes_128_ccm_sha256, record::Suite::chacha20_poly1305_sha256}) {
        const record::SuiteTraits& traits = *record::traits(suite);
        record::KeyMaterial material;
        material.suite = suite;
        material.key = secret(traits.key_length, 1);
        material.iv = secret(traits.iv_length, 2);
        material.sn_key = secret(traits.sn_key_length, 3);
        const auto context = record::SealContext::create(material, 3, false);
        check(context.has_value(), "a seal context is made");
    }
}

}  // namespace

int main() {
    if (RUNNING_ON_VALGRIND == 0) {
        std::puts("to be run under valgrind");
        return 77;
    }
    run("a comparison that stops at the first difference", true, [] {
        const SecretBytes one = secret(32, 1);
        const SecretBytes other = secret(32, 9);
        bool verdict = equal_until_different(one.bytes(), other.bytes());
        check(!show(verdict), "different");
    });
    run("comparisons", false, comparisons);
    run("State Cookie", false, state_cookie);
    run("cookie of a HelloRetryRequest", false, hello_retry_cookie);
    run("exported authenticator", false, authenticator);
    run("keys from a pre-shared key", false, preshared_keys);
    run("contexts of a key", false, contexts);
    return failed ? 1 : 0;
}
