// Two ends of the DTLS 1.3 engine in memory, and what passes between them written down for the
// oracle beside this file (oracle.py): every datagram, and what the ends export.
//
//   dtls13-capture CAPTURE KEY_LOG [options] --do STEPS
// Each letter of STEPS is done to its end before the next:
//   d  data both ways             e  exporters of the connection and of the current epoch, by both
//   c s x  an extended key update begun by client, server, both at once
//   C S B  re-authentication asked for by client, server, both at once
// One line each in CAPTURE:
//   client|server HEX                             a datagram of that sender
//   export client|server EPOCH LABEL CONTEXT VALUE in hex; epoch 0: the connection's own exporter
#include <fmt/core.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <array>
#include <fstream>
#include <stdexcept>

#include "control/keymgmt/dtls13/credentials.h"
#include "control/keymgmt/dtls13/reauthentication.h"
#include "tests/support/pki.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt;
using namespace sdg::keymgmt::dtls13;

struct Options {
    std::string capture;
    std::string key_log;
    std::string suite = "TLS_AES_128_GCM_SHA256";
    std::string group = "x25519";
    std::string key = "p256";
    std::string steps;
    bool hello_retry = false;  // the server asks again, with a cookie
    bool other_group = false;  // the client's first key share is of another group
    bool one_message_per_record = false;
    bool refuse = false;  // requests for authenticators are answered with refusals
    bool no_mutual = false;
    size_t mtu = 1200;
};

template <class T>
T expect(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

void expect(const Result<void>& result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
}

std::string hex(View octets) {
    std::string out;
    for (const uint8_t octet : octets) {
        out += fmt::format("{:02x}", octet);
    }
    return out;
}

class Recording {
 public:
    explicit Recording(const Options& options)
        : options_(options), capture_(options.capture), key_log_(options.key_log) {
        for (const Role role : {Role::client, Role::server}) {
            const size_t own = index(role);
            const auto credentials = make_credentials(name(role));
            connections_[own] = expect(Connection::create(
                {.role = role,
                 .configuration = configuration(role, *credentials),
                 .check_peer = check_against(credentials, {.any = true, .names = {}}, {}, {}),
                 .peer_address = {1, 2, 3, 4}},
                clock_, random_));
            authentication_[own] = std::make_unique<Reauthentication>(
                *connections_[own], check_against(credentials, {.any = true, .names = {}}, {}, {}),
                Reauthentication::Options{.min_interval = {}, .answer = !options.refuse}, clock_,
                random_);
        }
    }

    void run() {
        of(Role::client).start();
        settle();
        for (const Role role : {Role::client, Role::server}) {
            require(of(role).state() == Connection::State::established, of(role).failure().reason);
        }
        for (const char step : options_.steps) {
            require(of(Role::client).state() == Connection::State::established, "it is over");
            take(step);
            settle();
        }
        if (of(Role::client).state() == Connection::State::established) {
            of(Role::client).close();
            settle();
        }
        capture_.flush();
        key_log_.flush();
        require(capture_.good() && key_log_.good(), "the files cannot be written");
    }

 private:
    static size_t index(Role role) { return role == Role::client ? 0 : 1; }
    static std::string name(Role role) { return role == Role::client ? "client" : "server"; }
    static void require(bool holds, const std::string& what) {
        if (!holds) {
            throw std::runtime_error(what);
        }
    }
    Connection& of(Role role) { return *connections_[index(role)]; }

    std::shared_ptr<const tls13::Credentials> make_credentials(const std::string& own) {
        const auto kind = options_.key == "p256"      ? test::KeyKind::p256
                          : options_.key == "p384"    ? test::KeyKind::p384
                          : options_.key == "ed25519" ? test::KeyKind::ed25519
                                                      : test::KeyKind::rsa2048;
        pki_.write(
            own, pki_.make({.subject_alternative_names = "DNS:" + own, .key = kind}, &pki_.root()));
        settings_.certificate = pki_.folder() / (own + ".pem");
        settings_.private_key = (pki_.folder() / (own + ".key")).string();
        settings_.authorities = {pki_.folder() / "ca.pem"};
        const auto suite = record::suite_from_name(options_.suite);
        require(suite.has_value(), "unknown suite");
        settings_.suites = {*suite};
        settings_.groups = {options_.group};
        return expect(tls13::Credentials::load(settings_));
    }
    std::shared_ptr<const Configuration> configuration(Role role,
                                                       const tls13::Credentials& credentials) {
        auto settings = settings_;
        if (options_.other_group && role == Role::client) {
            settings.groups.insert(settings.groups.begin(),
                                   options_.group == "x25519" ? "secp256r1" : "x25519");
        }
        auto made = expect(configuration_from(settings, credentials));
        made.always_hello_retry = options_.hello_retry;
        made.mutual = !options_.no_mutual;
        made.packing.max_datagram = options_.mtu;
        made.packing.several_messages_per_record = !options_.one_message_per_record;
        made.key_log = [this](std::string_view line) { key_log_ << line << '\n'; };
        made.key_log_shared_secrets = true;
        return std::make_shared<const Configuration>(std::move(made));
    }

    // Delivers until nothing moves; nothing is lost, so no timer is needed.
    void settle() {
        for (bool moved = true; moved;) {
            moved = false;
            for (const Role role : {Role::client, Role::server}) {
                for (const Octets& datagram : of(role).take_datagrams()) {
                    fmt::print(capture_, "{} {}\n", name(role), hex(datagram));
                    of(other(role)).receive(datagram);
                    moved = true;
                }
                for (const Octets& data : of(role).take_data()) {
                    if (data.empty() || data[0] != kPlain) {
                        authentication_[index(role)]->on_data(data);
                    }
                    moved = true;
                }
                authentication_[index(role)]->progress();
            }
        }
    }
    void take(char step) {
        constexpr std::string_view kLower = "csx";
        constexpr std::string_view kUpper = "CSB";
        for (const Role role : {Role::client, Role::server}) {
            const size_t own = index(role);
            if (step == 'd') {
                expect(of(role).send(octets_of("plain data of the " + name(role))));
            } else if (step == 'e') {
                export_from(role);
            } else if (step == kLower[own] || step == kLower[2]) {
                expect(of(role).start_key_update());
            } else if (step == kUpper[own] || step == kUpper[2]) {
                expect(authentication_[own]->request());
            }
        }
        require(std::string_view("decsxCSB").find(step) != std::string_view::npos, "unknown step");
    }
    void export_from(Role role) {
        constexpr std::string_view kLabel = "EXPORTER-oracle";
        const Octets context{9, 8, 7};
        const Connection& connection = of(role);
        const auto write = [&](uint64_t epoch, Result<SecretBytes> made) {
            const SecretBytes value = expect(std::move(made));
            fmt::print(capture_, "export {} {} {} {} {}\n", name(role), epoch,
                       hex(octets_of(kLabel)), hex(context), hex(value.bytes()));
        };
        write(0, connection.export_secret(kLabel, context, 40));
        const uint64_t epoch = connection.send_epoch();
        write(epoch, connection.export_of_epoch(epoch, kLabel, context, 40));
    }

    static constexpr uint8_t kPlain = 'p';  // not a kind of re-authentication

    const Options& options_;
    std::ofstream capture_;
    std::ofstream key_log_;
    test::Pki pki_;
    tls13::CredentialSettings settings_;
    ManualClock clock_;
    SeededRandom random_{1};
    std::array<std::unique_ptr<Connection>, 2> connections_;
    std::array<std::unique_ptr<Reauthentication>, 2> authentication_;
};

}  // namespace

int main(int count, char** arguments) {
    Options options;
    CLI::App app{"A DTLS 1.3 connection in memory, written down"};
    app.add_option("capture", options.capture)->required();
    app.add_option("key_log", options.key_log)->required();
    app.add_option("--suite", options.suite);
    app.add_option("--group", options.group);
    app.add_option("--key", options.key, "p256, p384, ed25519, rsa2048")
        ->check(CLI::IsMember({"p256", "p384", "ed25519", "rsa2048"}));
    app.add_option("--do", options.steps);
    app.add_option("--mtu", options.mtu);
    app.add_flag("--hello-retry", options.hello_retry);
    app.add_flag("--other-group", options.other_group);
    app.add_flag("--one-message-per-record", options.one_message_per_record);
    app.add_flag("--refuse", options.refuse);
    app.add_flag("--no-mutual", options.no_mutual);
    CLI11_PARSE(app, count, arguments);
    try {
        Recording(options).run();
    } catch (const std::exception& error) {
        fmt::print(stderr, "dtls13-capture: {}\n", error.what());
        return 1;
    }
    return 0;
}
