// record-bench: what sealing and opening cost on one core, AES-128-GCM, in three ways measured in
// the same run and in turns, so that whatever else the machine does falls on all of them alike:
//
//   batch  the record layer's bursts: number, nonce, AEAD, record-number mask, replay window
//   raw    IPsec-MB's AES-GCM call alone, on the same buffers and the same octets (a record
//   encrypts
//          its content and the content type, one octet): the floor
//   EVP    OpenSSL doing the same record work as batch, contexts reused
//
// Figures are medians over rounds; a ratio is the median of the rounds' ratios. The last column is
// against a raw call on the content without that octet, which no record can do: a length that is a
// multiple of the cipher's stride is some nanoseconds cheaper than one octet more.
#include <fmt/format.h>
#include <sched.h>
#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "dataplane/record/record.h"
#include "foundation/random.h"
#include "perf/evp_record.h"

namespace sdg::perf {
namespace {

using namespace record;

constexpr uint32_t kBurst = 32;
constexpr std::array<uint32_t, 6> kSizes{64, 128, 256, 512, 1024, 1400};
// From one packet to the next in a pool of mbufs with the default data room: 37 cache lines. (A
// power of two would put the first lines of all packets into the same few sets of the cache.)
constexpr uint32_t kBufferSize = 2368;

struct Settings {
    unsigned rounds = 101;
    unsigned bursts = 100;  // per round and way
    unsigned keys = 1;
};

// Nanoseconds per packet.
struct Cost {
    double seal = 0;
    double open = 0;
};

struct Round {
    Cost batch;
    Cost raw;
    Cost raw_content;  // without the content type's octet
    Cost evp;
};

double ticks_per_ns() {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const uint64_t first = __rdtsc();
    while (Clock::now() - start < std::chrono::milliseconds(50)) {
    }
    const uint64_t last = __rdtsc();
    const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
    return static_cast<double>(last - first) / elapsed.count();
}

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

KeyMaterial make_material(Random& random) {
    KeyMaterial material{Suite::aes_128_gcm_sha256, SecretBytes{16}, SecretBytes{kIvLength},
                         SecretBytes{16}};
    random.fill(material.key.mutable_bytes());
    random.fill(material.iv.mutable_bytes());
    random.fill(material.sn_key.mutable_bytes());
    return material;
}

template <class T>
T value_or_throw(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

class Bench {
 public:
    explicit Bench(const Settings& settings)
        : settings_(settings),
          ticks_per_ns_(ticks_per_ns()),
          engine_(value_or_throw(RecordEngine::create())),
          library_(value_or_throw(make_ipsec_mb(Architecture::best))),
          buffers_(kBurst) {
        SeededRandom random{1};
        raw_keys_.resize(settings.keys);
        for (unsigned i = 0; i < settings.keys; ++i) {
            const KeyMaterial material = make_material(random);
            seal_.push_back(value_or_throw(SealContext::create(material, 3, false)));
            open_.push_back(value_or_throw(OpenContext::create(material, 3, false)));
            evp_.push_back(std::make_unique<EvpRecord>(material));
            IMB_AES128_GCM_PRE(library_, material.key.bytes().data(), &raw_keys_[i]);
        }
        for (Buffer& buffer : buffers_) {
            random.fill(buffer.octets);
        }
    }

    Round round(uint32_t size) {
        Round result;
        result.batch = batch(size);
        result.raw = raw(size + 1);
        result.raw_content = raw(size);
        result.evp = evp(size);
        return result;
    }

 private:
    struct alignas(64) Buffer {
        std::array<uint8_t, kBufferSize> octets;
        // As in a packet: the content is aligned to 4, the record starts 3 octets before.
        [[nodiscard]] uint8_t* record() { return octets.data() + 61; }
    };

    [[nodiscard]] Cost per_packet(uint64_t seal, uint64_t open) const {
        const double packets = double{kBurst} * settings_.bursts * ticks_per_ns_;
        return {static_cast<double>(seal) / packets, static_cast<double>(open) / packets};
    }
    // The next of the keys: with one key a burst is all of that association's.
    unsigned next_key() {
        key_ = key_ + 1 == settings_.keys ? 0 : key_ + 1;
        return key_;
    }

    Cost batch(uint32_t size) {
        uint64_t seal_ticks = 0;
        uint64_t open_ticks = 0;
        std::array<SealRequest, kBurst> seals;
        std::array<OpenRequest, kBurst> opens;
        for (unsigned burst = 0; burst < settings_.bursts; ++burst) {
            for (unsigned i = 0; i < kBurst; ++i) {
                const unsigned key = next_key();
                seals[i] = {.context = seal_[key].get(),
                            .record = buffers_[i].record(),
                            .content_length = size,
                            .room = kBufferSize - 64};
                opens[i] = {.context = open_[key].get(),
                            .record = buffers_[i].record(),
                            .record_length = record_length(size)};
            }
            {
                const Stopwatch watch{seal_ticks};
                engine_->seal_burst(seals);
            }
            {
                const Stopwatch watch{open_ticks};
                engine_->open_burst(opens);
            }
            for (unsigned i = 0; i < kBurst; ++i) {
                if (opens[i].outcome != OpenOutcome::opened || opens[i].content_length != size) {
                    throw std::runtime_error("batch: a record does not open");
                }
            }
        }
        return per_packet(seal_ticks, open_ticks);
    }

    Cost raw(uint32_t size) {
        uint64_t seal_ticks = 0;
        uint64_t open_ticks = 0;
        alignas(64) const std::array<uint8_t, 16> nonce{1};
        std::array<const gcm_key_data*, kBurst> keys{};
        for (unsigned burst = 0; burst < settings_.bursts; ++burst) {
            for (unsigned i = 0; i < kBurst; ++i) {
                keys[i] = &raw_keys_[next_key()];
            }
            {
                const Stopwatch watch{seal_ticks};
                for (unsigned i = 0; i < kBurst; ++i) {
                    uint8_t* text = buffers_[i].record() + kRecordHeader;
                    IMB_AES128_GCM_ENC(library_, keys[i], &gcm_, text, text, size, nonce.data(),
                                       buffers_[i].record(), kRecordHeader, text + size,
                                       kTagLength);
                }
            }
            bool authentic = true;
            {
                const Stopwatch watch{open_ticks};
                for (unsigned i = 0; i < kBurst; ++i) {
                    uint8_t* text = buffers_[i].record() + kRecordHeader;
                    std::array<uint8_t, kTagLength> tag;
                    IMB_AES128_GCM_DEC(library_, keys[i], &gcm_, text, text, size, nonce.data(),
                                       buffers_[i].record(), kRecordHeader, tag.data(), kTagLength);
                    authentic &= std::memcmp(tag.data(), text + size, kTagLength) == 0;
                }
            }
            if (!authentic) {
                throw std::runtime_error("raw: a buffer does not open");
            }
        }
        return per_packet(seal_ticks, open_ticks);
    }

    Cost evp(uint32_t size) {
        uint64_t seal_ticks = 0;
        uint64_t open_ticks = 0;
        std::array<EvpRecord*, kBurst> keys{};
        std::array<uint32_t, kBurst> lengths{};
        for (unsigned burst = 0; burst < settings_.bursts; ++burst) {
            for (unsigned i = 0; i < kBurst; ++i) {
                keys[i] = evp_[next_key()].get();
            }
            {
                const Stopwatch watch{seal_ticks};
                for (unsigned i = 0; i < kBurst; ++i) {
                    lengths[i] = keys[i]->seal(buffers_[i].record(), size);
                }
            }
            bool opened = true;
            {
                const Stopwatch watch{open_ticks};
                for (unsigned i = 0; i < kBurst; ++i) {
                    opened &= keys[i]->open(buffers_[i].record(), lengths[i]) == size;
                }
            }
            if (!opened) {
                throw std::runtime_error("EVP: a record does not open");
            }
        }
        return per_packet(seal_ticks, open_ticks);
    }

    Settings settings_;
    double ticks_per_ns_;
    std::unique_ptr<RecordEngine> engine_;
    IpsecMb library_;
    std::vector<Buffer> buffers_;
    std::vector<std::unique_ptr<SealContext>> seal_;
    std::vector<std::unique_ptr<OpenContext>> open_;
    std::vector<std::unique_ptr<EvpRecord>> evp_;
    std::vector<gcm_key_data> raw_keys_;
    gcm_context_data gcm_{};
    unsigned key_ = 0;
};

template <class Pick>
double median(const std::vector<Round>& rounds, Pick pick) {
    std::vector<double> values;
    values.reserve(rounds.size());
    for (const Round& round : rounds) {
        values.push_back(pick(round));
    }
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

struct Line {
    uint32_t size = 0;
    double batch = 0;
    double raw = 0;
    double evp = 0;
    double raw_content = 0;
    double to_raw = 0;  // packets/s of batch over packets/s of raw
    double to_evp = 0;
    double to_raw_content = 0;
};

Line summarise(uint32_t size, const std::vector<Round>& rounds, double Cost::*way) {
    const auto cost = [&](Cost Round::*which) {
        return median(rounds, [=](const Round& round) { return round.*which.*way; });
    };
    const auto ratio = [&](Cost Round::*floor) {
        return median(rounds,
                      [=](const Round& round) { return round.*floor.*way / (round.batch.*way); });
    };
    return {size,
            cost(&Round::batch),
            cost(&Round::raw),
            cost(&Round::evp),
            cost(&Round::raw_content),
            ratio(&Round::raw),
            ratio(&Round::evp),
            ratio(&Round::raw_content)};
}

void print_table(std::FILE* out, const char* title, const std::vector<Line>& lines) {
    fmt::print(out, "{}: ns per packet (millions of packets per second)\n", title);
    fmt::print(out, "{:>6} {:>16} {:>16} {:>16} {:>10} {:>10} {:>24}\n", "octets", "batch", "raw",
               "EVP", "batch/raw", "batch/EVP", "batch/raw, content only");
    const auto cell = [](double ns) { return fmt::format("{:.1f} ({:.2f})", ns, 1e3 / ns); };
    for (const Line& line : lines) {
        fmt::print(out, "{:>6} {:>16} {:>16} {:>16} {:>10.2f} {:>10.2f} {:>24.2f}\n", line.size,
                   cell(line.batch), cell(line.raw), cell(line.evp), line.to_raw, line.to_evp,
                   line.to_raw_content);
    }
}

nlohmann::json to_json(const std::vector<Line>& lines) {
    nlohmann::json array = nlohmann::json::array();
    for (const Line& line : lines) {
        array.push_back({{"octets", line.size},
                         {"batch_ns", line.batch},
                         {"batch_packets_per_second", 1e9 / line.batch},
                         {"raw_ns", line.raw},
                         {"raw_packets_per_second", 1e9 / line.raw},
                         {"evp_ns", line.evp},
                         {"evp_packets_per_second", 1e9 / line.evp},
                         {"raw_content_only_ns", line.raw_content},
                         {"batch_to_raw", line.to_raw},
                         {"batch_to_evp", line.to_evp},
                         {"batch_to_raw_content_only", line.to_raw_content}});
    }
    return array;
}

void stay_on_this_core() {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &set);
    sched_setaffinity(0, sizeof set, &set);
}

int run(int argc, char** argv) {
    CLI::App app{"Cost of sealing and opening records against IPsec-MB alone and OpenSSL EVP."};
    std::string json_file;
    bool quick = false;
    Settings settings;
    app.add_option("--json", json_file, "also write the figures as JSON to FILE, - for stdout");
    app.add_flag("--quick", quick, "few rounds: shows that it runs, not what it costs");
    app.add_option("--rounds", settings.rounds, "rounds, each of all ways in turn")
        ->check(CLI::Range(1, 10000));
    app.add_option("--keys", settings.keys, "keys used in turn; 1: a burst has one key")
        ->check(CLI::Range(1, 100000));
    CLI11_PARSE(app, argc, argv);
    if (quick) {
        settings.rounds = 5;
        settings.bursts = 10;
    }

    stay_on_this_core();
    Bench bench{settings};
    std::vector<Line> seal;
    std::vector<Line> open;
    for (const uint32_t size : kSizes) {
        std::vector<Round> rounds;
        bench.round(size);  // warms up
        for (unsigned i = 0; i < settings.rounds; ++i) {
            rounds.push_back(bench.round(size));
        }
        seal.push_back(summarise(size, rounds, &Cost::seal));
        open.push_back(summarise(size, rounds, &Cost::open));
    }

    // Standard output is left to the JSON when that goes there.
    std::FILE* table = json_file == "-" ? stderr : stdout;
    fmt::print(table, "AES-128-GCM, bursts of {}, {} key(s), {} rounds\n", kBurst, settings.keys,
               settings.rounds);
    print_table(table, "seal", seal);
    print_table(table, "open", open);
    if (!json_file.empty()) {
        const nlohmann::json figures{
            {"suite", "TLS_AES_128_GCM_SHA256"}, {"burst", kBurst},       {"keys", settings.keys},
            {"rounds", settings.rounds},         {"seal", to_json(seal)}, {"open", to_json(open)}};
        if (json_file == "-") {
            fmt::print("{}\n", figures.dump(2));
        } else {
            std::ofstream file{json_file};
            file << figures.dump(2) << '\n';
            if (!file.flush()) {
                throw std::runtime_error(fmt::format("cannot write {}", json_file));
            }
        }
    }
    return 0;
}

}  // namespace
}  // namespace sdg::perf

int main(int argc, char** argv) {
    try {
        return sdg::perf::run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "record-bench: {}\n", error.what());
        return 1;
    }
}
