#include "tests/sim/world.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "gateway/restart_store.h"

namespace sdg::sim {
namespace {

// Devices and rings live as long as the process: every world needs names of its own.
std::string unique(const std::string& what) {
    static unsigned worlds = 0;
    return what + std::to_string(worlds++);
}

std::string scratch_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sdg-sim-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("no scratch folder");
    }
    return pattern;
}

std::filesystem::path write_key(const std::string& folder, const std::string& name, Random& from) {
    std::string text = "psk: ";
    for (int i = 0; i < 8; ++i) {
        text += fmt::format("{:08x}", from.u32());
    }
    std::filesystem::path path = std::filesystem::path(folder) / name;
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || ::write(file, text.data(), text.size()) < 0) {
        throw std::runtime_error("no key file");
    }
    ::close(file);
    return path;
}

config::Port port_of(const std::string& name, const std::string& device, const char* address) {
    config::Port out;
    out.name = name;
    out.device = device;
    out.addresses = {{.address = *IpAddress::parse(address), .length = 24}};
    out.mbufs = 4095;
    return out;
}

config::Restart store_of(const std::string& folder, const std::string& name) {
    config::Restart out;
    out.sqlite_file = std::filesystem::path(folder) / (name + ".db");
    out.key.file = std::filesystem::path(folder) / (name + ".kek");
    const int file = ::open(out.key.file->c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string digits(64, '7');
    if (file < 0 || ::write(file, digits.data(), digits.size()) < 0) {
        throw std::runtime_error("no key file");
    }
    ::close(file);
    return out;
}

void set_keys(config::ProtectionPolicy& policy, Keys keys, const std::string& roles,
              const std::filesystem::path& preshared, const test::Pki* pki, const std::string& own,
              const std::string& peer) {
    policy.role_client = roles.find('c') != std::string::npos;
    policy.role_server = roles.find('s') != std::string::npos;
    policy.methods.clear();
    const auto credentials = [&](config::TlsCredentials& tls) {
        tls.certificate = pki->folder() / (own + ".pem");
        tls.private_key = (pki->folder() / (own + ".key")).string();
        tls.authorities = {pki->folder() / "ca.pem"};
        tls.peer_names = {"dns:" + peer + ".example"};
    };
    if (keys == Keys::dtls13 || keys == Keys::all) {
        credentials(policy.dtls13.emplace());
        policy.methods.push_back(config::KeyManagementMethod::dtls13);
    }
    if (keys == Keys::tls13 || keys == Keys::tls13_or_preshared || keys == Keys::all) {
        credentials(policy.tls13.emplace());
        policy.methods.push_back(config::KeyManagementMethod::tls13);
    }
    if (keys == Keys::preshared || keys == Keys::tls13_or_preshared || keys == Keys::all) {
        policy.preshared_file = preshared;
        policy.methods.push_back(config::KeyManagementMethod::preshared);
    }
}

}  // namespace

World::World(const Settings& settings)
    : usrsctp_clock(clock),
      wall_clock(clock),
      access(unique("access"), {}, settings.seed * 3 + 1, clock),
      trunk(unique("trunk"), settings.trunk, settings.seed * 3 + 2, clock),
      core(unique("core"), {}, settings.seed * 3 + 3, clock),
      random_a(settings.seed * 7 + 1),
      random_b(settings.seed * 7 + 2),
      folder_(scratch_folder()) {
    clock.advance(std::chrono::hours(1));
    SeededRandom key_random(settings.seed);
    const auto key_a = write_key(folder_, "a.psk", key_random);
    const auto key_b = settings.different_keys ? write_key(folder_, "b.psk", key_random) : key_a;

    config::ProtectionPolicy policy;
    policy.name = "trunk";
    policy.suite = settings.suite;
    policy.mode = settings.mode_a;
    if (settings.keys_a != Keys::preshared || settings.keys_b != Keys::preshared) {
        pki = std::make_unique<test::Pki>();
        pki->issue("a", "a.example");
        pki->issue("b", "b.example");
    }
    set_keys(policy, settings.keys_a, settings.roles_a, key_a, pki.get(), "a", "b");

    config::Configuration config_a;
    config_a.workers.count = settings.workers;
    config_a.limits.associations = settings.max_associations * 2;
    config_a.ports = {port_of("access", access.device_b(), "10.1.0.1"),
                      port_of("trunk", trunk.device_a(), "10.2.0.1")};
    config_a.protection = {policy};
    config::Backend to_b;
    to_b.name = "b";
    to_b.side = config::Side::protected_side;
    to_b.port_index = 1;
    to_b.local = *IpAddress::parse("10.2.0.1");
    to_b.address = *IpAddress::parse("10.2.0.2");
    to_b.port = kServicePort;
    to_b.protection = 0;
    config_a.backends = {to_b};
    config::Listener nodes;
    nodes.name = "nodes";
    nodes.port_index = 0;
    nodes.address = *IpAddress::parse("10.1.0.1");
    nodes.port = kServicePort;
    nodes.max_associations = settings.max_associations;
    config_a.listeners = {nodes};

    config::Configuration config_b = config_a;
    config_b.ports = {port_of("trunk", trunk.device_b(), "10.2.0.2"),
                      port_of("core", core.device_a(), "10.3.0.1")};
    config_b.protection[0].tls13.reset();
    config_b.protection[0].dtls13.reset();
    config_b.protection[0].preshared_file.reset();
    set_keys(config_b.protection[0], settings.keys_b, settings.roles_b, key_b, pki.get(), "b", "a");
    config_b.protection[0].mode = config::ProtectionMode::strict;
    config::Backend to_server;
    to_server.name = "server";
    to_server.port_index = 1;
    to_server.local = *IpAddress::parse("10.3.0.1");
    to_server.address = *IpAddress::parse("10.3.0.10");
    to_server.port = kServicePort;
    config_b.backends = {to_server};
    config::Listener from_a = nodes;
    from_a.name = "trunk";
    from_a.side = settings.b_plain ? config::Side::plain : config::Side::protected_side;
    from_a.address = *IpAddress::parse("10.2.0.2");
    if (!settings.b_plain) {
        from_a.protection = 0;
    }
    config_b.listeners = {from_a};

    if (settings.restart) {
        config_a.protection[0].restart = config_b.protection[0].restart = true;
        config_a.restart = store_of(folder_, "a");
        config_b.restart = store_of(folder_, "b");
    }
    if (settings.adjust_a) {
        settings.adjust_a(config_a);
    }
    if (settings.adjust_b) {
        settings.adjust_b(config_b);
    }
    on_start = settings.on_start;
    config_a_ = config_a;
    config_b_ = config_b;
    a = make(config_a_, random_a, gate_a_);
    if (!settings.without_b) {
        b = make(config_b_, random_b, gate_b_);
    }
    client = std::make_unique<Node>("client", access.device_a(),
                                    port::Prefix{*IpAddress::parse("10.1.0.10"), 24},
                                    std::vector<port::Route>{}, clock, settings.seed * 11 + 1);
    server = std::make_unique<Node>("server", core.device_b(),
                                    port::Prefix{*IpAddress::parse("10.3.0.10"), 24},
                                    std::vector<port::Route>{}, clock, settings.seed * 11 + 2);
    server->listen(kServicePort);
}

World::~World() {
    for (Link* link : {&access, &trunk, &core}) {
        link->clear();
    }
    client.reset();
    server.reset();
    for (const auto& gate : {gate_a_, gate_b_}) {
        if (gate) {
            gate->open(true);
        }
    }
    a.reset();
    b.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::unique_ptr<gateway::Gateway> World::make(const config::Configuration& configuration,
                                              Random& random, std::shared_ptr<Gate>& gate) {
    std::unique_ptr<restart::Keeper> keeper;
    if (configuration.restart) {
        gate = std::make_shared<Gate>();
        auto store = gateway::open_restart_store(*configuration.restart, clock, wall_clock, random);
        if (!store) {
            throw std::runtime_error(store.error().message);
        }
        auto opened = restart::Keeper::start(
            make_mortal(std::move(*store), gate, random, wall_clock),
            {.group = configuration.restart->group,
             .owner = configuration.restart->owner,
             .lease = std::chrono::milliseconds(configuration.restart->lease_ms)},
            clock);
        if (!opened) {
            throw std::runtime_error(opened.error().message);
        }
        keeper = std::move(*opened);
        gate->open(false);
    }
    auto made = gateway::Gateway::create(configuration, clock, random, std::move(keeper));
    if (!made) {
        throw std::runtime_error(made.error().message);
    }
    if (on_start) {
        on_start(**made);
    }
    return std::move(*made);
}

void World::kill(std::unique_ptr<gateway::Gateway>& gateway) {
    (&gateway == &a ? trunk : core).clear();
    (&gateway == &a ? access : trunk).clear();
    if (const auto& gate = &gateway == &a ? gate_a_ : gate_b_) {
        gate->die();
    }
    gateway.reset();
}

void World::start(std::unique_ptr<gateway::Gateway>& gateway) {
    gateway =
        &gateway == &a ? make(config_a_, random_a, gate_a_) : make(config_b_, random_b, gate_b_);
}

void World::die_with_write(std::unique_ptr<gateway::Gateway>& gateway, size_t number,
                           Gate::Death death) {
    (&gateway == &a ? gate_a_ : gate_b_)->die_with_write(number, death);
}

void World::refuse(std::unique_ptr<gateway::Gateway>& gateway, Gate::Refused what) {
    (&gateway == &a ? gate_a_ : gate_b_)->refuse(what);
}

// Whether it lives on.
bool World::let_store_work(std::unique_ptr<gateway::Gateway>& gateway) {
    if (gateway->keeper() == nullptr) {
        return true;
    }
    Gate& gate = &gateway == &a ? *gate_a_ : *gate_b_;
    gate.open(true);
    gateway->keeper()->drain();  // the store is as fast as it likes: simulated time stands
    gate.open(false);
    if (!gate.dead()) {
        return true;
    }
    kill(gateway);
    return false;
}

std::string World::reload(std::unique_ptr<gateway::Gateway>& gateway,
                          const std::function<void(config::Configuration&)>& change) {
    config::Configuration& current = &gateway == &a ? config_a_ : config_b_;
    config::Configuration wanted = current;
    if (change) {
        change(wanted);
    }
    auto prepared = gateway->prepare(wanted);
    if (!prepared) {
        return prepared.error().key + ": " + prepared.error().reason;
    }
    gateway->commit(std::move(*prepared));
    current = std::move(wanted);
    return {};
}

void World::step(std::chrono::microseconds step) {
    const uint64_t now = cycles_at(clock.now());
    client->poll();
    access.step();
    if (also) {
        also();
    }
    for (std::unique_ptr<gateway::Gateway>* which : {&a, &b}) {
        std::unique_ptr<gateway::Gateway>& gateway = *which;
        if (!gateway) {
            continue;
        }
        const Stalled& stalled = which == &a ? stalled_a : stalled_b;
        const auto poll_workers = [&] {
            for (const auto& worker : gateway->workers()) {
                if (!stalled.workers) {
                    worker->poll_at(now);
                }
            }
        };
        poll_workers();
        if (!stalled.control) {
            if (!let_store_work(gateway)) {
                continue;
            }
            gateway->poll_control();
        }
        poll_workers();
    }
    trunk.step();
    core.step();
    server->poll();
    clock.advance(step);
}

bool World::run_until(const std::function<bool()>& done, std::chrono::seconds at_most) {
    const auto end = clock.now() + at_most;
    while (!done()) {
        if (clock.now() >= end) {
            return false;
        }
        step();
    }
    return true;
}

void World::run_for(std::chrono::milliseconds time) {
    const auto end = clock.now() + time;
    while (clock.now() < end) {
        step();
    }
}

}  // namespace sdg::sim
