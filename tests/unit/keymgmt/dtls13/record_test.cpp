// Records on the wire: known octets from an independent implementation, and what is not a record.
#include <gtest/gtest.h>

#include "control/keymgmt/dtls13/record_layer.h"
#include "foundation/random.h"
#include "tests/support/hex.h"

namespace sdg::keymgmt::dtls13 {
namespace {

using sdg::test::from_hex;

Octets counting(size_t length) {
    Octets out(length);
    for (size_t i = 0; i < length; ++i) {
        out[i] = static_cast<uint8_t>(i);
    }
    return out;
}

struct Known {
    record::Suite suite;
    const char* record;
};
// record_vectors.py prints them.
const Known kKnown[] = {
    {record::Suite::aes_128_gcm_sha256,
     "2f45cd0019b050b1e0afa2c3c8a69544b190f67da3e52672c18cfe41578a"},
    {record::Suite::aes_256_gcm_sha384,
     "2f9b0b0019372be3ddda76035cbde16063ebb125454076f2de057bf24672"},
    {record::Suite::chacha20_poly1305_sha256,
     "2fcc910019831533bd8ea5f50e8d886b2a14da2cbfe0677d82199d4c0971"},
};

TEST(Dtls13Record, known_octets_of_every_suite) {
    for (const Known& known : kKnown) {
        const Octets secret = counting(Hash::of(known.suite).length);
        auto seal =
            RecordProtection::create(known.suite, RecordProtection::Direction::seal, secret);
        auto open =
            RecordProtection::create(known.suite, RecordProtection::Direction::open, secret);
        ASSERT_TRUE(seal && open);
        Octets made;
        ASSERT_TRUE(
            seal->seal({3, 0x1234567}, ContentType::application_data, octets_of("DTLS 1.3"), made));
        const Octets expected = from_hex(known.record);
        EXPECT_EQ(made, expected);
        View view = expected;
        const auto wire = take_record(view);
        ASSERT_TRUE(wire && view.empty());
        EXPECT_EQ(wire->epoch_bits, 3);
        EXPECT_EQ(open->sequence_of(*wire, 0x1234500), 0x1234567U);
        const auto inner = open->open(*wire, 0x1234567);
        ASSERT_TRUE(inner);
        EXPECT_EQ(inner->back(), 0x17);
        EXPECT_FALSE(open->open(*wire, 0x1234568));
        for (size_t i = 0; i < expected.size(); ++i) {
            Octets changed = expected;
            changed[i] = static_cast<uint8_t>(changed[i] ^ 1U << (i % 8));
            View changed_view = changed;
            const auto other = take_record(changed_view);
            if (!other || !other->is_protected) {
                continue;
            }
            const auto sequence = open->sequence_of(*other, 0x1234500);
            EXPECT_FALSE(sequence && open->open(*other, *sequence)) << "octet " << i;
        }
    }
}

TEST(Dtls13Record, known_exporter_values) {
    const auto sha256 =
        tls_exporter({"SHA256", 32}, counting(32), "EXPORTER-test", octets_of("context"), 40);
    const auto sha384 = tls_exporter({"SHA384", 48}, counting(48), "EXPORTER-test", {}, 40);
    ASSERT_TRUE(sha256 && sha384);
    EXPECT_TRUE(std::ranges::equal(
        sha256->bytes(), from_hex("e2945bcbfd6bb8143189947758e6c7a89eaa95f7105bd0199c2d0d6645c23786"
                                  "6564ac4fcff9203f")));
    EXPECT_TRUE(std::ranges::equal(
        sha384->bytes(), from_hex("d50ea0f8e40bad89828aff3d9c6776a62f4cb584d08cdf72779c26b71269b4f0"
                                  "c1089cecc9c1b028")));
}

TEST(Dtls13Record, sequence_numbers_are_the_nearest) {
    const Octets secret = counting(32);
    auto seal = RecordProtection::create(record::Suite::aes_128_gcm_sha256,
                                         RecordProtection::Direction::seal, secret);
    ASSERT_TRUE(seal);
    for (const uint64_t sequence : {uint64_t{0}, uint64_t{65535}, uint64_t{65536}, uint64_t{98304},
                                    uint64_t{0xffffffff}, record::kMaxSequence}) {
        Octets made;
        ASSERT_TRUE(seal->seal({3, sequence}, ContentType::ack, {}, made));
        View view = made;
        const auto wire = take_record(view);
        ASSERT_TRUE(wire);
        for (const int64_t distance : {-30000, -1, 0, 1, 30000}) {
            const auto next = static_cast<int64_t>(sequence) + distance;
            if (next >= 0) {
                EXPECT_EQ(seal->sequence_of(*wire, static_cast<uint64_t>(next)), sequence)
                    << distance;
            }
        }
    }
}

TEST(Dtls13Record, padding_is_taken_off_and_replays_are_dropped) {
    const Octets secret = counting(32);
    RecordLayer sender;
    RecordLayer receiver;
    ASSERT_TRUE(sender.install_send(3, secret));
    ASSERT_TRUE(receiver.install_receive(3, secret));
    Octets datagram;
    const Octets padded{7, 23, 0, 0, 0};  // content 7, type 23, and zeros of which the last is
                                          // written as the type
    ASSERT_TRUE(sender.write(3, ContentType::invalid, padded, datagram));
    OpenedRecord record;
    View view = datagram;
    ASSERT_EQ(receiver.read(view, record), ReadOutcome::opened);
    EXPECT_EQ(record.type, ContentType::application_data);
    EXPECT_EQ(record.content, Octets{7});
    EXPECT_EQ(record.number, (RecordNumber{3, 0}));
    view = datagram;
    EXPECT_EQ(receiver.read(view, record), ReadOutcome::replayed);
    datagram.back() ^= 1;
    view = datagram;
    EXPECT_EQ(receiver.read(view, record), ReadOutcome::replayed);
    datagram[0] ^= 1;
    view = datagram;
    EXPECT_EQ(receiver.read(view, record), ReadOutcome::no_keys);
}

TEST(Dtls13Record, short_forms_of_the_header_are_understood) {
    // A record as others may send it: eight bits of sequence number, no length.
    const Octets secret = counting(32);
    auto open = RecordProtection::create(record::Suite::aes_128_gcm_sha256,
                                         RecordProtection::Direction::open, secret);
    ASSERT_TRUE(open);
    Octets datagram = from_hex("2345 00112233445566778899aabbccddeeff0011");
    View view = datagram;
    const auto wire = take_record(view);
    ASSERT_TRUE(wire && wire->is_protected);
    EXPECT_TRUE(view.empty());
    EXPECT_EQ(wire->sequence_length, 1U);
    EXPECT_EQ(wire->header.size(), 2U);
    EXPECT_EQ(wire->payload.size(), 18U);
    const auto sequence = open->sequence_of(*wire, 1000);
    ASSERT_TRUE(sequence);
    EXPECT_LE(*sequence > 1000 ? *sequence - 1000 : 1000 - *sequence, 128U);
    EXPECT_FALSE(open->open(*wire, *sequence));
}

TEST(Dtls13Record, what_is_no_record_ends_the_datagram) {
    for (const char* text : {
             "", "00", "16fefd", "16fefd00000000000000000001",  // too short
             "17fefd00000000000000000001aa",                    // application data in clear
             "19fefd00000000000000000001aa",                    // tls12_cid
             "16030300000000000000000001aa",                    // another version
             "3f0000000000",                                    // a connection ID
             "2f00000001", "2c", "2f0000",                      // longer than the datagram
         }) {
        const Octets octets = from_hex(text);
        View view = octets;
        EXPECT_FALSE(take_record(view)) << text;
    }
    for (const char* version : {"fefd", "feff"}) {
        const Octets octets = from_hex(std::string("16") + version + "00000000000000050001aa16");
        View view = octets;
        const auto record = take_record(view);
        ASSERT_TRUE(record);
        EXPECT_EQ(record->number, (RecordNumber{0, 5}));
        EXPECT_EQ(view.size(), 1U);
    }
}

TEST(Dtls13Record, records_that_do_not_open_are_dropped) {
    RecordLayer receiver;
    receiver.set_suite(record::Suite::chacha20_poly1305_sha256);
    ASSERT_TRUE(receiver.install_receive(3, counting(32)));
    OpenedRecord record;
    Octets datagram = from_hex("2f0000001200112233445566778899aabbccddeeff0011");
    for (int i = 0; i < 1000; ++i) {
        View view = datagram;
        packet::store_be16(datagram.data() + 1, static_cast<uint16_t>(i));
        ASSERT_EQ(receiver.read(view, record), ReadOutcome::not_authentic);
    }
}

TEST(Dtls13Record, acks) {
    const std::vector<RecordNumber> numbers{{2, 0}, {3, 0x123456789abc}};
    const Octets content = ack_content(numbers);
    EXPECT_EQ(content, from_hex("0020 0000000000000002 0000000000000000"
                                "     0000000000000003 0000123456789abc"));
    EXPECT_EQ(parse_ack(content, 10), numbers);
    EXPECT_EQ(parse_ack(content, 1)->size(), 1U);
    EXPECT_EQ(parse_ack(from_hex("0000"), 10)->size(), 0U);
    for (const char* text : {"", "00", "0001", "000101", "000000",
                             "000f000000000000000000000000000000", "0010000000000000000000"}) {
        EXPECT_FALSE(parse_ack(from_hex(text), 10)) << text;
    }
}

}  // namespace
}  // namespace sdg::keymgmt::dtls13
