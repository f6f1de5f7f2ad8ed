// Reference identifiers against certificates: RFC 9525.
#include "control/keymgmt/tls13/peer_name.h"

#include <gtest/gtest.h>

#include "tests/support/pki.h"

namespace sdg::keymgmt::tls13 {
namespace {

struct Match {
    const char* name;
    const char* presented;  // subjectAltName
    bool expected;
};

TEST(PeerName, matches_by_the_rules_of_rfc_9525) {
    test::Pki pki;
    const Match cases[] = {
        {"dns:amf.example.org", "DNS:amf.example.org", true},
        {"dns:AMF.example.ORG", "DNS:amf.Example.org", true},
        {"dns:amf.example.org", "DNS:other.example.org", false},
        {"dns:amf.example.org", "DNS:*.example.org", true},
        {"dns:a.amf.example.org", "DNS:*.example.org", false},
        {"dns:amf.example.org", "DNS:a*.example.org", false},
        {"dns:example.org", "DNS:*.example.org", false},
        {"dns:10.0.0.1", "IP:10.0.0.1", false},
        {"dns:gateway", "URI:urn:x:gateway", false},
        {"ip:10.0.0.1", "IP:10.0.0.1", true},
        {"ip:10.0.0.1", "IP:10.0.0.2", false},
        {"ip:10.0.0.1", "DNS:10.0.0.1", false},
        {"ip:2001:db8::1", "IP:2001:db8:0:0::1", true},
        {"uri:urn:uuid:1234", "URI:urn:uuid:1234", true},
        {"uri:urn:uuid:1234", "URI:urn:uuid:12345", false},
        {"uri:sip:amf.example.org", "URI:sip:amf.example.org", true},
        {"uri:sip:amf.example.org", "URI:SIP:AMF.example.org", true},
        {"uri:sip:amf.example.org", "URI:sip:user@amf.example.org", true},
        {"uri:https://amf.example.org", "URI:https://amf.example.org/path", true},
        {"uri:https://amf.example.org/path", "URI:https://amf.example.org/other", false},
        {"uri:https://amf.example.org", "URI:http://amf.example.org", false},
        {"uri:https://amf.example.org", "URI:https://amf.example.org.evil.test/", false},
        {"uri:https://amf.example.org", "URI:https://evil.test/amf.example.org", false},
        {"dns:amf.example.org", "DNS:x.test,DNS:amf.example.org", true},
    };
    for (const Match& one : cases) {
        const auto name = PeerName::parse(one.name);
        ASSERT_TRUE(name) << one.name;
        const auto certificate =
            pki.make({.common_name = "amf.example.org", .subject_alternative_names = one.presented},
                     &pki.root());
        EXPECT_EQ(name->matches(certificate.certificate.get()), one.expected)
            << one.name << " against " << one.presented;
    }
}

TEST(PeerName, never_looks_at_the_common_name) {
    test::Pki pki;
    const auto certificate = pki.make({.common_name = "amf.example.org"}, &pki.root());
    EXPECT_FALSE(PeerName::parse("dns:amf.example.org")->matches(certificate.certificate.get()));
}

TEST(PeerName, explains_what_is_no_name) {
    for (const char* bad : {"", "amf.example.org", "dns:", "dns:*.example.org", "dns:.example.org",
                            "dns:a..b", "dns:a b", "uri:nothing", "ip:10.0.0", "mail:a@b"}) {
        const auto name = PeerName::parse(bad);
        ASSERT_FALSE(name) << bad;
        EXPECT_NE(name.error().message.find("expected"), std::string::npos);
    }
    EXPECT_FALSE(PeerNames::parse({}));
    EXPECT_FALSE(PeerNames::parse({"any", "dns:a.example"}));
    EXPECT_TRUE(PeerNames::parse({"any"})->any);
}

TEST(PeerIdentity, is_the_names_or_else_the_subject) {
    test::Pki pki;
    const auto identity = [&](const char* common_name, const char* names) {
        return identity_of(
            pki.make({.common_name = common_name, .subject_alternative_names = names}, &pki.root())
                .certificate.get());
    };
    EXPECT_TRUE(identity("a", "DNS:x.test,IP:10.0.0.1")
                    .is_same_as(identity("b", "IP:10.0.0.1,DNS:X.test")));
    EXPECT_FALSE(identity("a", "DNS:x.test").is_same_as(identity("a", "DNS:x.test,DNS:y.test")));
    EXPECT_FALSE(identity("a", "DNS:x.test").is_same_as(identity("a", "")));
    EXPECT_TRUE(identity("a", "").is_same_as(identity("a", "")));
    EXPECT_FALSE(identity("a", "").is_same_as(identity("b", "")));
}

TEST(PeerIdentity, is_printable_whatever_the_peer_wrote) {
    test::Pki pki;
    const auto certificate = pki.make(
        {.common_name = "evil\n[info] all is well\x1b[31m", .subject_alternative_names = ""},
        &pki.root());
    const std::string text = identity_of(certificate.certificate.get()).to_string();
    for (const char c : text) {
        EXPECT_TRUE(c >= 0x20 && c < 0x7f) << text;
    }
    const auto longest =
        pki.make({.common_name = "a", .subject_alternative_names = "DNS:" + std::string(5000, 'x')},
                 &pki.root());
    EXPECT_LT(identity_of(longest.certificate.get()).to_string().size(), 400U);
}

}  // namespace
}  // namespace sdg::keymgmt::tls13
