// A DTLS 1.3 client or server on UDP with NSS, the other side of interop tests with dtls13-peer.
//
//   nss-peer client|server ADDRESS PORT CERTIFICATE.der KEY.der [OPTION...]
//     group=NAME[,NAME]  x25519, secp256r1, secp384r1; the first has the key share
//     suite=ID           hex, of the TLS registry
//     export=LABEL       prints 32 octets
//     drop=N             every N-th datagram that is sent is thrown away
// Prints lines as dtls13-peer does. Chains are taken as they are: what is tested is the engine, and
// possession of the key is proved by the handshake anyway.
#include <cert.h>
#include <keyhi.h>
#include <nspr.h>
#include <nss.h>
#include <pk11pub.h>
#include <private/pprio.h>
#include <secerr.h>
#include <ssl.h>
#include <sslexp.h>
#include <sslproto.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

CERTCertificate* own_certificate = nullptr;
SECKEYPrivateKey* own_key = nullptr;
unsigned drop_every = 0;

[[noreturn]] void give_up(const char* what) {
    const PRErrorCode code = PR_GetError();
    std::printf("failed %s: %d %s\n", what, code, PR_ErrorToName(code));
    std::fflush(stdout);
    std::_Exit(1);
}

void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

std::vector<unsigned char> read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void load(const std::string& certificate, const std::string& key) {
    auto der = read(certificate);
    SECItem encoded{siDERCertBuffer, der.data(), static_cast<unsigned>(der.size())};
    own_certificate =
        CERT_NewTempCertificate(CERT_GetDefaultCertDB(), &encoded, nullptr, PR_FALSE, PR_TRUE);
    auto pkcs8 = read(key);
    SECItem item{siBuffer, pkcs8.data(), static_cast<unsigned>(pkcs8.size())};
    PK11SlotInfo* slot = PK11_GetInternalSlot();
    if (own_certificate == nullptr ||
        PK11_ImportDERPrivateKeyInfoAndReturnKey(slot, &item, nullptr, nullptr, PR_FALSE, PR_TRUE,
                                                 KU_ALL, &own_key, nullptr) != SECSuccess) {
        give_up("certificate or key");
    }
}

SECStatus take_any(void*, PRFileDesc*, PRBool, PRBool) {
    return SECSuccess;
}

SECStatus show_ours(void*, PRFileDesc*, CERTDistNames*, CERTCertificate** certificate,
                    SECKEYPrivateKey** key) {
    *certificate = CERT_DupCertificate(own_certificate);
    *key = SECKEY_CopyPrivateKey(own_key);
    return SECSuccess;
}

// A layer under NSS that loses datagrams.
unsigned sent = 0;
PRInt32 lossy_send(PRFileDesc* socket, const void* data, PRInt32 length, PRIntn flags,
                   PRIntervalTime timeout) {
    if (drop_every != 0 && ++sent % drop_every == 0) {
        return length;
    }
    return socket->lower->methods->send(socket->lower, data, length, flags, timeout);
}
PRInt32 lossy_write(PRFileDesc* socket, const void* data, PRInt32 length) {
    return lossy_send(socket, data, length, 0, PR_INTERVAL_NO_TIMEOUT);
}

PRFileDesc* open_socket(bool is_server, const char* host, PRUint16 port) {
    PRFileDesc* socket = PR_OpenUDPSocket(PR_AF_INET);
    PRNetAddr address{};
    PR_StringToNetAddr(host, &address);
    address.inet.port = PR_htons(port);
    if (is_server) {
        if (PR_Bind(socket, &address) != PR_SUCCESS) {
            give_up("bind");
        }
        PR_GetSockName(socket, &address);
        say("listening " + std::to_string(PR_ntohs(address.inet.port)));
        char octet = 0;
        if (PR_RecvFrom(socket, &octet, 1, PR_MSG_PEEK, &address, PR_SecondsToInterval(30)) < 0 &&
            PR_GetError() != PR_BUFFER_OVERFLOW_ERROR) {
            give_up("nobody comes");
        }
    }
    if (PR_Connect(socket, &address, PR_INTERVAL_NO_TIMEOUT) != PR_SUCCESS) {
        give_up("connect");
    }
    PRSocketOptionData option{};
    option.option = PR_SockOpt_Nonblocking;
    option.value.non_blocking = PR_TRUE;
    PR_SetSocketOption(socket, &option);

    static PRIOMethods methods;
    static const PRDescIdentity identity = PR_GetUniqueIdentity("lossy");
    methods = *PR_GetDefaultIOMethods();
    methods.send = lossy_send;
    methods.write = lossy_write;
    PR_PushIOLayer(socket, PR_TOP_IO_LAYER, PR_CreateIOLayerStub(identity, &methods));
    return socket;
}

void set_groups(PRFileDesc* ssl, const std::string& names) {
    std::vector<SSLNamedGroup> groups;
    for (size_t at = 0; at < names.size();) {
        const size_t end = std::min(names.find(',', at), names.size());
        const std::string name = names.substr(at, end - at);
        groups.push_back(name == "x25519"      ? ssl_grp_ec_curve25519
                         : name == "secp256r1" ? ssl_grp_ec_secp256r1
                                               : ssl_grp_ec_secp384r1);
        at = end + 1;
    }
    if (SSL_NamedGroupConfig(ssl, groups.data(), static_cast<unsigned>(groups.size())) !=
        SECSuccess) {
        give_up("groups");
    }
}

void set_suite(PRFileDesc* ssl, unsigned only) {
    for (const unsigned suite : {0x1301U, 0x1302U, 0x1303U}) {
        SSL_CipherPrefSet(ssl, static_cast<PRInt32>(suite), suite == only ? PR_TRUE : PR_FALSE);
    }
}

void send(PRFileDesc* ssl, const std::string& text) {
    PR_Write(ssl, text.data(), static_cast<PRInt32>(text.size()));
}

// Until a call succeeds that would block. The layer in between keeps NSS's poll from waiting, so
// this looks again every few milliseconds; NSS's timers run inside the call.
template <class F>
PRInt32 insist(F call) {
    for (int i = 0; i < 5000; ++i) {
        const PRInt32 result = call();
        if (result >= 0 || PR_GetError() != PR_WOULD_BLOCK_ERROR) {
            return result;
        }
        PR_Sleep(PR_MillisecondsToInterval(4));
    }
    return -1;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 6) {
        std::fprintf(stderr, "see the source\n");
        return 2;
    }
    const bool is_server = std::string(arguments[1]) == "server";
    if (NSS_NoDB_Init(nullptr) != SECSuccess || NSS_SetDomesticPolicy() != SECSuccess) {
        give_up("NSS");
    }
    load(arguments[4], arguments[5]);
    PRFileDesc* ssl = DTLS_ImportFD(
        nullptr,
        open_socket(is_server, arguments[2], static_cast<PRUint16>(std::atoi(arguments[3]))));
    const SSLVersionRange versions{SSL_LIBRARY_VERSION_TLS_1_3, SSL_LIBRARY_VERSION_TLS_1_3};
    SSL_VersionRangeSet(ssl, &versions);
    SSL_OptionSet(ssl, SSL_ENABLE_SESSION_TICKETS, PR_FALSE);
    SSL_OptionSet(ssl, SSL_NO_CACHE, PR_TRUE);
    SSL_AuthCertificateHook(ssl, take_any, nullptr);
    std::string label;
    for (int i = 6; i < count; ++i) {
        const std::string option = arguments[i];
        const std::string value = option.substr(option.find('=') + 1);
        if (option.starts_with("group=")) {
            set_groups(ssl, value);
        } else if (option.starts_with("suite=")) {
            set_suite(ssl, static_cast<unsigned>(std::stoul(value, nullptr, 16)));
        } else if (option.starts_with("export=")) {
            label = value;
        } else if (option.starts_with("drop=")) {
            drop_every = static_cast<unsigned>(std::stoul(value));
        }
    }
    if (is_server) {
        SSL_OptionSet(ssl, SSL_REQUEST_CERTIFICATE, PR_TRUE);
        SSL_OptionSet(ssl, SSL_REQUIRE_CERTIFICATE, SSL_REQUIRE_ALWAYS);
        if (SSL_ConfigServerCert(ssl, own_certificate, own_key, nullptr, 0) != SECSuccess) {
            give_up("server certificate");
        }
    } else {
        SSL_GetClientAuthDataHook(ssl, show_ours, nullptr);
        SSL_SetURL(ssl, "peer.example");
    }
    SSL_ResetHandshake(ssl, is_server ? PR_TRUE : PR_FALSE);
    if (insist([&] { return SSL_ForceHandshake(ssl) == SECSuccess ? 0 : -1; }) < 0) {
        give_up("handshake");
    }
    SSLChannelInfo info{};
    SSL_GetChannelInfo(ssl, &info, sizeof info);
    char text[128];
    std::snprintf(text, sizeof text, "established %04x version %04x group %d", info.cipherSuite,
                  info.protocolVersion, static_cast<int>(info.keaGroup));
    say(text);
    if (!label.empty()) {
        unsigned char value[32];
        if (SSL_ExportKeyingMaterial(ssl, label.data(), static_cast<unsigned>(label.size()),
                                     PR_FALSE, nullptr, 0, value, sizeof value) != SECSuccess) {
            give_up("exporter");
        }
        std::string line = "exporter ";
        for (const unsigned char octet : value) {
            char hex[3];
            std::snprintf(hex, sizeof hex, "%02x", octet);
            line += hex;
        }
        say(line);
    }
    // The client speaks first; the server sends back what it gets until the client closes.
    std::vector<char> data(4096);
    const std::string ours = "from NSS";
    for (int round = 0;; ++round) {
        if (!is_server && round == 1) {
            break;
        }
        int tries = 0;
        const PRInt32 length = insist([&] {
            // Nobody else sends lost application data again.
            if (!is_server && tries++ % 128 == 0) {
                send(ssl, ours);
            }
            return PR_Read(ssl, data.data(), static_cast<PRInt32>(data.size()));
        });
        // A client that has closed and gone may still be told of things, and refuses them.
        const bool is_gone = round > 0 && length < 0 && PR_GetError() == PR_CONNECT_REFUSED_ERROR;
        if (length == 0 || is_gone) {
            break;
        }
        if (length < 0) {
            give_up("read");
        }
        say("data " + std::string(data.data(), static_cast<size_t>(length)));
        if (is_server) {
            PR_Write(ssl, data.data(), length);
        }
    }
    PR_Close(ssl);
    say("closed");
    return 0;
}
