// record-bench: what sealing and opening cost on one core, in several ways measured in the same run
// and in turns, so that whatever else the machine does falls on all of them alike:
//
//   batch   the record layer's bursts: number, nonce, AEAD, record-number mask, replay window
//   direct  IPsec-MB's direct AEAD call alone, on the same buffers and the same octets (a record
//           encrypts its content and the content type, one octet)
//   job     the same through IPsec-MB's job queue
//   EVP     OpenSSL doing the same record work as batch, contexts reused
//   device  batch again, its AEAD through a DPDK crypto device (--crypto-device)
//
// Figures are medians over rounds; a ratio is the median of the rounds' ratios of speeds: 1.00 is
// as fast as the other. The floor is the faster of direct and job.
#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <optional>

#include "dataplane/port/eal.h"
#include "dataplane/record/crypto_device.h"
#include "perf/evp_record.h"
#include "perf/raw_aead.h"

namespace sdg::perf {
namespace {

using namespace record;

constexpr uint32_t kBurst = 32;
// From one packet to the next in a pool of mbufs with the default data room: 37 cache lines. (A
// power of two would put the first lines of all packets into the same few sets of the cache.)
constexpr uint32_t kBufferSize = 2368;

struct Settings {
    std::vector<std::string> suites{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                    "TLS_CHACHA20_POLY1305_SHA256"};
    std::vector<uint32_t> sizes{64, 128, 256, 512, 1024, 1400, 0};
    std::vector<unsigned> keys{1, 2, 4, 8};
    unsigned rounds = 101;
    unsigned bursts = 100;  // per round and way
    std::string crypto_device = "crypto_aesni_mb0";
    std::string json;
};

enum Way : size_t { batch, direct, job, evp, device, kWays };
constexpr std::array<const char*, kWays> kWayNames{"batch", "direct", "job", "evp", "device"};

// Nanoseconds per packet; 0: not measured.
struct Cost {
    double seal = 0;
    double open = 0;
};
using Round = std::array<Cost, kWays>;

// Adds up the ticks of what is between its construction and its end.
class Stopwatch {
 public:
    explicit Stopwatch(uint64_t& sum) : sum_(sum), start_(__rdtsc()) {}
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;
    ~Stopwatch() { sum_ += __rdtsc() - start_; }

 private:
    uint64_t& sum_;
    uint64_t start_;
};

// One suite and number of keys.
class Bench {
 public:
    Bench(const Settings& settings, Suite suite, unsigned keys, CryptoDevice* crypto_device)
        : settings_(settings),
          keys_(keys),
          ticks_per_ns_(ticks_per_ns()),
          raw_(suite, keys),
          buffers_(kBurst) {
        here_.engine = expect(RecordEngine::create());
        if (crypto_device != nullptr) {
            there_.emplace();
            there_->engine = expect(
                RecordEngine::create(Architecture::best, expect(crypto_device->make_queue(0))));
        }
        for (unsigned i = 0; i < keys; ++i) {
            const KeyMaterial material = make_material(suite, i);
            here_.add(material, nullptr);
            if (there_) {
                there_->add(material, crypto_device);
            }
            if (suite == Suite::aes_128_gcm_sha256) {
                evp_.push_back(std::make_unique<EvpRecord>(material));
            }
        }
        SeededRandom random{1};
        for (Buffer& buffer : buffers_) {
            random.fill(buffer.octets);
        }
    }

    // size 0: the mix of signalling.
    Round round(uint32_t size) {
        for (uint32_t i = 0; i < kBurst; ++i) {
            sizes_[i] = size != 0 ? size : imix_size(i);
        }
        Round result{};
        result[batch] = run_batch(here_);
        result[direct] = run_raw(RawCall::direct);
        result[job] = run_raw(RawCall::job);
        if (!evp_.empty()) {
            result[evp] = run_evp();
        }
        if (there_) {
            result[device] = run_batch(*there_);
        }
        return result;
    }

 private:
    struct alignas(64) Buffer {
        std::array<uint8_t, kBufferSize> octets;
        // As in a packet: the content is aligned to 4, the record starts 3 octets before.
        [[nodiscard]] uint8_t* record() { return octets.data() + 61; }
    };
    struct Engine {
        void add(const KeyMaterial& material, AeadProvider* provider) {
            SealContext::Options sealing;
            sealing.provider = provider;
            OpenContext::Options opening;
            opening.provider = provider;
            seal.push_back(expect(SealContext::create(material, 3, false, sealing)));
            open.push_back(expect(OpenContext::create(material, 3, false, opening)));
        }
        std::unique_ptr<RecordEngine> engine;
        std::vector<std::unique_ptr<SealContext>> seal;
        std::vector<std::unique_ptr<OpenContext>> open;
    };

    [[nodiscard]] Cost per_packet(uint64_t seal, uint64_t open) const {
        const double packets = double{kBurst} * settings_.bursts * ticks_per_ns_;
        return {static_cast<double>(seal) / packets, static_cast<double>(open) / packets};
    }
    // The next of the keys: with one key a burst is all of that association's.
    unsigned next_key() {
        key_ = key_ + 1 == keys_ ? 0 : key_ + 1;
        return key_;
    }

    Cost run_batch(Engine& with) {
        uint64_t seal_ticks = 0;
        uint64_t open_ticks = 0;
        std::array<SealRequest, kBurst> seals;
        std::array<OpenRequest, kBurst> opens;
        for (unsigned burst = 0; burst < settings_.bursts; ++burst) {
            for (unsigned i = 0; i < kBurst; ++i) {
                const unsigned key = next_key();
                seals[i] = {.context = with.seal[key].get(),
                            .record = buffers_[i].record(),
                            .content_length = sizes_[i],
                            .room = kBufferSize - 64};
                opens[i] = {.context = with.open[key].get(),
                            .record = buffers_[i].record(),
                            .record_length = record_length(sizes_[i])};
            }
            {
                const Stopwatch watch{seal_ticks};
                with.engine->seal_burst(seals);
            }
            {
                const Stopwatch watch{open_ticks};
                with.engine->open_burst(opens);
            }
            for (unsigned i = 0; i < kBurst; ++i) {
                if (opens[i].outcome != OpenOutcome::opened ||
                    opens[i].content_length != sizes_[i]) {
                    throw std::runtime_error("batch: a record does not open");
                }
            }
        }
        return per_packet(seal_ticks, open_ticks);
    }

    Cost run_raw(RawCall call) {
        uint64_t seal_ticks = 0;
        uint64_t open_ticks = 0;
        std::array<unsigned, kBurst> keys{};
        std::array<std::array<uint8_t, kTagLength>, kBurst> tags;
        for (unsigned burst = 0; burst < settings_.bursts; ++burst) {
            for (unsigned& key : keys) {
                key = next_key();
            }
            {
                const Stopwatch watch{seal_ticks};
                for (unsigned i = 0; i < kBurst; ++i) {
                    uint8_t* text = buffers_[i].record() + kRecordHeader;
                    raw_.run(call, true, keys[i], text, sizes_[i] + 1, text + sizes_[i] + 1);
                }
                finish(call);
            }
            bool authentic = true;
            {
                const Stopwatch watch{open_ticks};
                for (unsigned i = 0; i < kBurst; ++i) {
                    uint8_t* text = buffers_[i].record() + kRecordHeader;
                    raw_.run(call, false, keys[i], text, sizes_[i] + 1, tags[i].data());
                }
                finish(call);
                for (unsigned i = 0; i < kBurst; ++i) {
                    const uint8_t* tag = buffers_[i].record() + kRecordHeader + sizes_[i] + 1;
                    authentic &= std::memcmp(tags[i].data(), tag, kTagLength) == 0;
                }
            }
            if (!authentic) {
                throw std::runtime_error("raw: a buffer does not open");
            }
        }
        return per_packet(seal_ticks, open_ticks);
    }
    void finish(RawCall call) {
        if (call == RawCall::job) {
            raw_.finish();
        }
    }

    Cost run_evp() {
        uint64_t seal_ticks = 0;
        uint64_t open_ticks = 0;
        std::array<EvpRecord*, kBurst> keys{};
        std::array<uint32_t, kBurst> lengths{};
        for (unsigned burst = 0; burst < settings_.bursts; ++burst) {
            for (EvpRecord*& key : keys) {
                key = evp_[next_key()].get();
            }
            {
                const Stopwatch watch{seal_ticks};
                for (unsigned i = 0; i < kBurst; ++i) {
                    lengths[i] = keys[i]->seal(buffers_[i].record(), sizes_[i]);
                }
            }
            bool opened = true;
            {
                const Stopwatch watch{open_ticks};
                for (unsigned i = 0; i < kBurst; ++i) {
                    opened &= keys[i]->open(buffers_[i].record(), lengths[i]) == sizes_[i];
                }
            }
            if (!opened) {
                throw std::runtime_error("EVP: a record does not open");
            }
        }
        return per_packet(seal_ticks, open_ticks);
    }

    Settings settings_;
    unsigned keys_;
    double ticks_per_ns_;
    RawAead raw_;
    Engine here_;
    std::optional<Engine> there_;
    std::vector<std::unique_ptr<EvpRecord>> evp_;
    std::vector<Buffer> buffers_;
    std::array<uint32_t, kBurst> sizes_{};
    unsigned key_ = 0;
};

struct Line {
    std::string suite;
    const char* direction = "";
    unsigned keys = 0;
    uint32_t size = 0;
    std::array<double, kWays> cost{};
    double to_floor = 0;   // packets/s of batch over packets/s of the floor
    double to_evp = 0;     // 0: not measured
    double to_device = 0;  // 0: not measured
};

Line summarise(const std::vector<Round>& rounds, double Cost::*way) {
    const auto middle = [&](auto pick) {
        std::vector<double> values;
        values.reserve(rounds.size());
        for (const Round& round : rounds) {
            values.push_back(pick(round));
        }
        return median(std::move(values));
    };
    Line line;
    for (size_t i = 0; i < kWays; ++i) {
        line.cost[i] = middle([&](const Round& round) { return round[i].*way; });
    }
    line.to_floor = middle([&](const Round& round) {
        return std::min(round[direct].*way, round[job].*way) / (round[batch].*way);
    });
    line.to_evp = middle([&](const Round& round) { return round[evp].*way / (round[batch].*way); });
    line.to_device =
        middle([&](const Round& round) { return round[device].*way / (round[batch].*way); });
    return line;
}

std::string cell(double value, const char* format) {
    return value == 0 ? "-" : fmt::format(fmt::runtime(format), value);
}

void print(std::FILE* out, const std::vector<Line>& lines) {
    fmt::print(out, "ns per packet; ratios are of speeds\n{:<29}{:<5}{:>5}{:>7}", "suite", "way",
               "keys", "octets");
    for (const char* name : kWayNames) {
        fmt::print(out, "{:>8}", name);
    }
    fmt::print(out, "{:>13}{:>11}{:>14}\n", "batch/floor", "batch/EVP", "batch/device");
    for (const Line& line : lines) {
        fmt::print(out, "{:<29}{:<5}{:>5}{:>7}", line.suite, line.direction, line.keys,
                   line.size == 0 ? "mix" : std::to_string(line.size));
        for (const double cost : line.cost) {
            fmt::print(out, "{:>8}", cell(cost, "{:.1f}"));
        }
        fmt::print(out, "{:>13.2f}{:>11}{:>14}\n", line.to_floor, cell(line.to_evp, "{:.2f}"),
                   cell(line.to_device, "{:.2f}"));
    }
}

nlohmann::json to_json(const std::vector<Line>& lines) {
    nlohmann::json out = nlohmann::json::array();
    for (const Line& line : lines) {
        nlohmann::json one{
            {"suite", line.suite},
            {"direction", line.direction},
            {"keys", line.keys},
            {"octets", line.size == 0 ? nlohmann::json("mix") : nlohmann::json(line.size)},
            {"batch_packets_per_second", 1e9 / line.cost[batch]},
            {"batch_to_floor", line.to_floor}};
        for (size_t i = 0; i < kWays; ++i) {
            if (line.cost[i] != 0) {
                one[fmt::format("{}_ns", kWayNames[i])] = line.cost[i];
            }
        }
        if (line.to_evp != 0) {
            one["batch_to_evp"] = line.to_evp;
        }
        if (line.to_device != 0) {
            one["batch_to_device"] = line.to_device;
        }
        out.push_back(std::move(one));
    }
    return out;
}

void run(const Settings& settings) {
    std::unique_ptr<port::Eal> eal;
    std::unique_ptr<CryptoDevice> crypto_device;
    if (!settings.crypto_device.empty()) {
        port::EalSettings eal_settings;
        eal_settings.memory_mib = 128;
        eal = expect(port::Eal::start(eal_settings));
        crypto_device = expect(
            CryptoDevice::open({.device = settings.crypto_device, .workers = 1, .sessions = 64}));
    }
    stay_on_this_core();
    std::vector<Line> lines;
    for (const std::string& name : settings.suites) {
        for (const unsigned keys : settings.keys) {
            Bench bench{settings, suite_from_name(name).value(), keys, crypto_device.get()};
            for (const uint32_t size : settings.sizes) {
                std::vector<Round> rounds;
                bench.round(size);  // warms up
                for (unsigned i = 0; i < settings.rounds; ++i) {
                    rounds.push_back(bench.round(size));
                }
                for (const bool seal : {true, false}) {
                    Line line = summarise(rounds, seal ? &Cost::seal : &Cost::open);
                    line.suite = name;
                    line.direction = seal ? "seal" : "open";
                    line.keys = keys;
                    line.size = size;
                    lines.push_back(line);
                }
            }
        }
    }
    // Standard output is left to the JSON when that goes there.
    print(settings.json == "-" ? stderr : stdout, lines);
    if (!settings.json.empty()) {
        write_json(settings.json, {{"burst", kBurst},
                                   {"rounds", settings.rounds},
                                   {"crypto_device", settings.crypto_device},
                                   {"results", to_json(lines)}});
    }
}

}  // namespace
}  // namespace sdg::perf

int main(int argc, char** argv) {
    sdg::perf::Settings settings;
    bool quick = false;
    CLI::App app{
        "Cost of sealing and opening records against IPsec-MB alone, OpenSSL EVP and DPDK "
        "crypto devices."};
    std::vector<std::string> suites;
    for (const auto suite : sdg::record::supported_suites()) {
        suites.emplace_back(sdg::record::traits(suite)->name);
    }
    std::erase(suites, "TLS_AES_128_CCM_SHA256");  // no floor: it has no direct call
    app.add_option("--suites", settings.suites, "suites")->check(CLI::IsMember(suites));
    app.add_option("--sizes", settings.sizes, "octets of content; 0: a mix of signalling")
        ->check(CLI::Range(0, 1400))
        ->capture_default_str();
    app.add_option("--keys", settings.keys, "keys used in turn; 1: a burst has one key")
        ->check(CLI::Range(1, 32))
        ->capture_default_str();
    app.add_option("--rounds", settings.rounds, "rounds, each of all ways in turn")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    app.add_option("--crypto-device", settings.crypto_device, "DPDK crypto device; empty: none")
        ->capture_default_str();
    app.add_option("--json", settings.json, "also write the figures as JSON to FILE, - for stdout");
    app.add_flag("--quick", quick, "few rounds: shows that it runs, not what it costs");
    CLI11_PARSE(app, argc, argv);
    if (quick) {
        settings.rounds = 3;
        settings.bursts = 5;
        settings.keys = {1, 8};
    }
    return sdg::perf::exit_code_of("record-bench", [&] { sdg::perf::run(settings); });
}
