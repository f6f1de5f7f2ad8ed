// Whole runs on DPDK's own virtual devices: captures in and out, and a soak on the null device.
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/hex.h"
#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
    Folder() {
        std::string name = fs::temp_directory_path() / "sdg-pcap-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("no temporary folder");
        }
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string file(const char* name) const { return path_ / name; }

 private:
    fs::path path_;
};

void write_capture(const std::string& file, const std::vector<Octets>& frames) {
    pcap_t* form = pcap_open_dead(DLT_EN10MB, 65535);
    pcap_dumper_t* out = pcap_dump_open(form, file.c_str());
    ASSERT_NE(out, nullptr);
    for (const Octets& one : frames) {
        pcap_pkthdr header{};
        header.caplen = static_cast<bpf_u_int32>(one.size());
        header.len = header.caplen;
        pcap_dump(reinterpret_cast<u_char*>(out), &header, one.data());
    }
    pcap_dump_close(out);
    pcap_close(form);
}

std::vector<Octets> read_capture(const std::string& file) {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    pcap_t* in = pcap_open_offline(file.c_str(), error.data());
    EXPECT_NE(in, nullptr) << error.data();
    std::vector<Octets> frames;
    pcap_pkthdr* header = nullptr;
    const u_char* octets = nullptr;
    while (in != nullptr && pcap_next_ex(in, &header, &octets) == 1) {
        frames.emplace_back(octets, octets + header->caplen);
    }
    if (in != nullptr) {
        pcap_close(in);
    }
    return frames;
}

// The parts of a gateway around one probed device.
struct Gateway {
    explicit Gateway(const std::string& device) {
        eal();
        port::PortSettings settings;
        settings.name = "port";
        settings.device = device;
        settings.addresses = {{ip("10.0.0.1"), 24}, {ip("fd00::1"), 64}};
        settings.neighbours = {{ip("10.0.0.2"), kMacB}};
        settings.mac = kMacA;
        settings.mbufs = 1023;
        settings.announce = false;
        ports = expect(port::PortTable::open({settings}, 1));
        protection = keys::test::protection();
        rings = expect(worker::WorkerRingSet::create(1, 256));
        worker = expect(worker::Worker::create({}, *ports, *protection, rings->all()));
        bridge = std::make_unique<worker::ControlBridge>(rings->all(), ports->control_pool());
    }
    std::unique_ptr<port::PortTable> ports;
    std::unique_ptr<keys::ChunkProtection> protection;
    std::unique_ptr<worker::WorkerRingSet> rings;
    std::unique_ptr<worker::Worker> worker;
    std::unique_ptr<worker::ControlBridge> bridge;
};

TEST(Capture, questions_in_a_file_are_answered_in_another) {
    const Folder folder;
    const std::vector<Octets> questions = {
        from_hex("ffffffffffff02000000000b0806000108000604000102000000000b0a0000020000000000000a"
                 "000001"),
        from_hex("02000000000a02000000000b080045000026000700003f0167ce0a0000020a0000010800ceb11234"
                 "00057369676e616c6c696e67"),
        from_hex("3333ff00000102000000000b86dd6000000000203afffd000000000000000000000000000002ff02"
                 "00000000000000000001ff00000187007d8e00000000fd0000000000000000000000000000010101"
                 "02000000000b")};
    const std::vector<Octets> answers = {
        from_hex("02000000000b02000000000a0806000108000604000202000000000a0a00000102000000000b0a00"
                 "0002"),
        from_hex("02000000000b02000000000a08004500002600004000400126d50a0000010a0000020000d6b11234"
                 "00057369676e616c6c696e67"),
        from_hex("02000000000b02000000000a86dd6000000000203afffd000000000000000000000000000001fd00"
                 "000000000000000000000000000288001c9360000000fd0000000000000000000000000000010201"
                 "02000000000a")};
    // Records of a peer, its last one a second time.
    std::vector<Octets> frames = questions;
    const Flow flow;
    {
        Rig peer;
        const auto id = peer.add(flow.reversed());
        peer.protect(id, 2, 1);
        Flow outbound = flow.reversed();
        outbound.peer = ip("10.0.0.2");
        for (size_t i = 0; i < 20; ++i) {
            peer.send(outbound, data_chunk(i), id);
        }
        peer.poll();
        for (const Octets& sent : peer.wires[0]->take()) {
            frames.push_back(frame(flow.reversed(), Octets(sent.begin() + 34, sent.end())));
        }
        ASSERT_EQ(frames.size(), questions.size() + 20);
        frames.push_back(frames.back());
    }
    write_capture(folder.file("in.pcap"), frames);
    {
        Gateway gateway("net_pcap0,rx_pcap=" + folder.file("in.pcap") +
                        ",tx_pcap=" + folder.file("out.pcap"));
        const auto id = expect(gateway.protection->add(flow.key(), 0));
        ASSERT_TRUE(
            gateway.protection->establish_receive_key(id, keys::KeyRole::primary, 3, material(2)));
        ASSERT_TRUE(
            gateway.protection->establish_send_key(id, keys::KeyRole::primary, 3, material(1)));
        ASSERT_TRUE(gateway.protection->select_send_key(id, keys::KeyRole::primary, 3));
        size_t opened = 0;
        for (int round = 0; round < 10; ++round) {
            gateway.worker->poll_once();
            // Every packet goes back sealed.
            gateway.bridge->poll(64, [&](const worker::ReceivedPacket& packet) {
                EXPECT_TRUE(packet.opened);
                EXPECT_EQ(Octets(packet.sctp.begin() + 12, packet.sctp.end()), data_chunk(opened));
                const Octets back = sctp(flow, data_chunk(opened));
                gateway.bridge->send({flow.local, flow.peer, 0, id, 0, false, back});
                ++opened;
            });
        }
        EXPECT_EQ(opened, 20U);
        EXPECT_EQ(gateway.worker->counters().drop(DropReason::record_replayed), 1U);
        EXPECT_EQ(rte_mempool_in_use_count(gateway.ports->control_pool()), 0U);
    }
    const auto out = read_capture(folder.file("out.pcap"));
    ASSERT_EQ(out.size(), answers.size() + 20);
    for (size_t i = 0; i < answers.size(); ++i) {
        EXPECT_EQ(out[i], answers[i]);
    }
    for (size_t i = answers.size(); i < out.size(); ++i) {
        EXPECT_EQ(out[i][46], packet::kChunkDtls);
        EXPECT_TRUE(packet::checksum_ok(std::span(out[i]).subspan(34)));
    }
}

TEST(NullDevice, a_soak_loses_no_buffer_and_miscounts_no_packet) {
    constexpr uint64_t kRounds = 20'000;
    Gateway gateway("net_null0,size=128,copy=1");
    const Flow flow;
    const auto id = expect(gateway.protection->add(flow.key(), 0));
    ASSERT_TRUE(gateway.protection->establish_send_key(id, keys::KeyRole::primary, 3, material(1)));
    ASSERT_TRUE(gateway.protection->select_send_key(id, keys::KeyRole::primary, 3));
    const Octets packet = sctp(flow, data_chunk(200));
    for (uint64_t round = 0; round < kRounds; ++round) {
        ASSERT_TRUE(gateway.bridge->send({flow.local, flow.peer, 0, id, 0, false, packet}));
        gateway.worker->poll_once();
    }
    const worker::WorkerCounters& counters = gateway.worker->counters();
    EXPECT_EQ(counters.sealed.load(), kRounds);
    EXPECT_EQ(counters.transmitted.load(), kRounds);
    // The null device makes frames of zeros without end.
    EXPECT_EQ(counters.received.load(), kRounds * 32);
    EXPECT_EQ(counters.drop(DropReason::ethertype_unknown), kRounds * 32);
    EXPECT_EQ(rte_mempool_in_use_count(gateway.ports->control_pool()), 0U);
}

}  // namespace
}  // namespace sdg::test
