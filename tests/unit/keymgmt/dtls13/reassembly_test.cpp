// Fragments put together in every order, repeated, overlapping, contradicting; flights packed and
// acknowledged.
#include "control/keymgmt/dtls13/reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "control/keymgmt/dtls13/flight.h"
#include "control/keymgmt/dtls13/message_transport.h"
#include "foundation/random.h"

namespace sdg::keymgmt::dtls13 {
namespace {

using Outcome = Reassembly::Outcome;

Octets pattern(size_t length) {
    Octets out(length);
    for (size_t i = 0; i < length; ++i) {
        out[i] = static_cast<uint8_t>(i * 7 + i / 256);
    }
    return out;
}

Fragment piece(const Octets& whole, uint16_t seq, uint32_t begin, uint32_t end) {
    return {.type = HandshakeType::certificate,
            .length = static_cast<uint32_t>(whole.size()),
            .message_seq = seq,
            .offset = begin,
            .content = View(whole).subspan(begin, end - begin)};
}

TEST(Dtls13Reassembly, any_order_and_overlap) {
    SeededRandom random(7);
    const Octets whole = pattern(1000);
    for (int round = 0; round < 200; ++round) {
        Reassembly reassembly;
        for (int i = 0; i < 10'000; ++i) {
            const uint32_t begin = random.u32() % 1000;
            const uint32_t end = begin + 1 + random.u32() % std::min(60U, 1000 - begin);
            ASSERT_TRUE(reassembly.add(piece(whole, 0, begin, end), 2));
            if (auto message = reassembly.take()) {
                EXPECT_EQ(message->body, whole);
                EXPECT_EQ(message->epoch, 2U);
                EXPECT_EQ(reassembly.buffered(), 0U);
                EXPECT_EQ(reassembly.add(piece(whole, 0, 0, 1), 2), Outcome::repeated);
                break;
            }
        }
        ASSERT_EQ(reassembly.next(), 1U);
    }
}

TEST(Dtls13Reassembly, messages_come_in_order) {
    const Octets a = pattern(10);
    Reassembly reassembly;
    EXPECT_EQ(reassembly.add(piece(a, 2, 0, 10), 2), Outcome::taken);
    EXPECT_TRUE(reassembly.has_gap());
    EXPECT_FALSE(reassembly.take());
    EXPECT_EQ(reassembly.add(piece(a, 0, 0, 5), 2), Outcome::taken);
    EXPECT_FALSE(reassembly.take());
    EXPECT_EQ(reassembly.add(piece(a, 0, 5, 10), 2), Outcome::taken);
    EXPECT_EQ(reassembly.take()->message_seq, 0);
    EXPECT_FALSE(reassembly.take());
    EXPECT_EQ(reassembly.add(piece(a, 1, 0, 10), 2), Outcome::taken);
    EXPECT_EQ(reassembly.take()->message_seq, 1);
    EXPECT_EQ(reassembly.take()->message_seq, 2);
    EXPECT_FALSE(reassembly.is_waiting());
}

TEST(Dtls13Reassembly, contradictions_are_refused) {
    const Octets a = pattern(10);
    const Octets b = pattern(11);
    Reassembly reassembly;
    ASSERT_TRUE(reassembly.add(piece(a, 0, 0, 5), 2));
    EXPECT_EQ(reassembly.add(piece(b, 0, 5, 10), 2).error().description,
              AlertDescription::illegal_parameter);
    Fragment other = piece(a, 0, 5, 10);
    other.type = HandshakeType::finished;
    EXPECT_EQ(reassembly.add(other, 2).error().description, AlertDescription::illegal_parameter);
    EXPECT_EQ(reassembly.add(piece(a, 0, 5, 10), 0).error().description,
              AlertDescription::unexpected_message);
    Fragment large = piece(a, 1, 0, 10);
    large.length = Reassembly::kMaxMessage + 1;
    EXPECT_EQ(reassembly.add(large, 2).error().description, AlertDescription::illegal_parameter);
}

TEST(Dtls13Reassembly, memory_is_bounded_and_the_next_message_always_has_room) {
    const Octets large = pattern(Reassembly::kMaxMessage);
    Reassembly reassembly;
    for (uint16_t seq = 1; seq < 100; ++seq) {
        const auto outcome = reassembly.add(piece(large, seq, 0, 100), 2);
        ASSERT_TRUE(outcome);
        EXPECT_EQ(*outcome, seq <= 2 ? Outcome::taken : Outcome::dropped);
        EXPECT_LE(reassembly.buffered(), Reassembly::kMaxBuffered);
    }
    EXPECT_EQ(reassembly.add(piece(large, 0, 0, Reassembly::kMaxMessage), 2), Outcome::taken);
    EXPECT_EQ(reassembly.take()->body, large);
    EXPECT_EQ(reassembly.buffered(), 0U);
}

TEST(Dtls13Reassembly, holes_are_bounded) {
    const Octets whole = pattern(4000);
    Reassembly reassembly;
    size_t dropped = 0;
    for (uint32_t at = 0; at < 4000; at += 2) {
        dropped += *reassembly.add(piece(whole, 0, at, at + 1), 2) == Outcome::dropped ? 1 : 0;
    }
    EXPECT_EQ(dropped, 2000 - Reassembly::kMaxRanges);
    for (uint32_t at = 0; at < 4000; at += 100) {
        EXPECT_EQ(reassembly.add(piece(whole, 0, at, at + 100), 2), Outcome::taken);
    }
    EXPECT_EQ(reassembly.take()->body, whole);
}

TEST(Dtls13Reassembly, fragments_that_make_no_sense) {
    const Octets good{1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7};
    View view = good;
    ASSERT_TRUE(take_fragment(view));
    EXPECT_TRUE(view.empty());
    for (size_t length = 0; length < good.size(); ++length) {
        view = View(good).first(length);
        EXPECT_FALSE(take_fragment(view)) << length;
    }
    const auto bad = [&](size_t at, uint8_t value) {
        Octets octets = good;
        octets[at] = value;
        View changed = octets;
        const auto taken = take_fragment(changed);
        return !taken && taken.error().description == AlertDescription::decode_error;
    };
    EXPECT_TRUE(bad(3, 1));  // longer than its message
    EXPECT_TRUE(bad(8, 1));  // begins within, ends behind it
    EXPECT_TRUE(bad(8, 3));  // begins behind it
    EXPECT_TRUE(bad(6, 1));  // far behind it
}

// Some send them when only a header fits.
TEST(Dtls13Reassembly, an_empty_fragment_is_taken_and_brings_nothing) {
    Octets octets{1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0};
    View view = octets;
    const auto fragment = take_fragment(view);
    ASSERT_TRUE(fragment);
    Reassembly reassembly;
    EXPECT_EQ(reassembly.add(*fragment, 0), Outcome::taken);
    EXPECT_FALSE(reassembly.take());
    octets = {1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7};
    view = octets;
    EXPECT_EQ(reassembly.add(*take_fragment(view), 0), Outcome::taken);
    EXPECT_EQ(reassembly.take()->body, (Octets{7, 7}));
}

class Dtls13Flight : public testing::Test {
 protected:
    Flight flight;
    RecordLayer layer;
    Packing packing;
    std::vector<Octets> datagrams;

    // What a receiver makes of the datagrams.
    std::vector<Octets> received() {
        Reassembly reassembly;
        std::vector<Octets> out;
        for (const Octets& datagram : datagrams) {
            EXPECT_LE(datagram.size(), packing.max_datagram);
            View view = datagram;
            while (!view.empty()) {
                OpenedRecord record;
                EXPECT_EQ(layer.read(view, record), ReadOutcome::opened);
                View content = record.content;
                while (!content.empty()) {
                    const auto fragment = take_fragment(content);
                    EXPECT_TRUE(fragment);
                    EXPECT_TRUE(reassembly.add(*fragment, record.number.epoch));
                }
                while (auto message = reassembly.take()) {
                    out.push_back(std::move(message->body));
                }
            }
        }
        return out;
    }
};

TEST_F(Dtls13Flight, is_packed_into_what_fits) {
    for (const size_t size : {128U, 200U, 1200U, 9000U}) {
        flight = {};
        datagrams.clear();
        packing.max_datagram = size;
        for (uint16_t seq = 0; seq < 5; ++seq) {
            flight.add(0, HandshakeType::certificate, seq, pattern(300U + seq * 97U));
        }
        ASSERT_TRUE(flight.transmit(layer, packing, datagrams));
        const auto messages = received();
        ASSERT_EQ(messages.size(), 5U);
        EXPECT_EQ(messages[4], pattern(300 + 4 * 97));
    }
}

TEST_F(Dtls13Flight, only_what_is_missing_goes_again) {
    packing.max_datagram = 200;
    flight.add(0, HandshakeType::certificate, 0, pattern(1000));
    flight.add(0, HandshakeType::finished, 1, pattern(32));
    ASSERT_TRUE(flight.transmit(layer, packing, datagrams));
    const size_t first = datagrams.size();
    ASSERT_GT(first, 5U);
    const std::vector<RecordNumber> some{{0, 0}, {0, 2}};
    EXPECT_TRUE(flight.acknowledge(some));
    EXPECT_FALSE(flight.acknowledge(some)) << "nothing new";
    EXPECT_FALSE(flight.acknowledge(std::vector<RecordNumber>{{3, 1}, {0, 99}}));
    datagrams.clear();
    ASSERT_TRUE(flight.transmit(layer, packing, datagrams));
    EXPECT_LT(datagrams.size(), first);
    // Old and new records together acknowledge everything.
    std::vector<RecordNumber> all;
    for (uint64_t i = 0; i < 40; ++i) {
        all.push_back({0, i});
    }
    EXPECT_TRUE(flight.acknowledge(all));
    EXPECT_TRUE(flight.empty());
    datagrams.clear();
    ASSERT_TRUE(flight.transmit(layer, packing, datagrams));
    EXPECT_TRUE(datagrams.empty());
}

TEST(Dtls13MessageTransport, an_ack_fits_a_datagram_and_names_the_newest_records) {
    Configuration configuration;
    configuration.packing.max_datagram = 200;
    ManualClock clock;
    MessageTransport transport(configuration, clock);
    const Octets whole = pattern(400);
    const uint64_t last = 99;
    // Its first octet is missing, so that each record is acknowledged at once.
    for (uint64_t i = 0; i <= last; ++i) {
        Octets content;
        append_fragment(content, piece(whole, 0, static_cast<uint32_t>(2 * i + 1),
                                       static_cast<uint32_t>(2 * i + 3)));
        ASSERT_TRUE(transport.on_handshake_record(
            {.number = {0, i}, .type = ContentType::handshake, .content = content}, false));
        ASSERT_TRUE(transport.end_of_datagram());
        const auto datagrams = transport.take_datagrams();
        ASSERT_EQ(datagrams.size(), 1U);
        EXPECT_LE(datagrams[0].size(), configuration.packing.max_datagram);
        const auto numbers = parse_ack(View(datagrams[0]).subspan(kClearHeader), 64);
        ASSERT_TRUE(numbers);
        EXPECT_EQ(numbers->back(), (RecordNumber{0, i}));
        EXPECT_EQ(numbers->size(), std::min<size_t>(i + 1, 11));
    }
}

// NSS uses record numbers of its HelloRetryRequest again.
TEST(Dtls13MessageTransport, what_a_flight_of_ours_answers_is_not_acknowledged_besides) {
    Configuration configuration;
    ManualClock clock;
    MessageTransport transport(configuration, clock);
    const Octets whole = pattern(40);
    const auto receive = [&](uint64_t sequence, uint16_t message, uint32_t begin, uint32_t end) {
        Octets content;
        append_fragment(content, piece(whole, message, begin, end));
        EXPECT_TRUE(transport.on_handshake_record(
            {.number = {0, sequence}, .type = ContentType::handshake, .content = content}, false));
        while (transport.next_message()) {
        }
        EXPECT_TRUE(transport.end_of_datagram());
    };
    receive(0, 0, 0, 40);
    ASSERT_TRUE(transport.add(0, HandshakeType::client_hello, pattern(40)));
    ASSERT_TRUE(transport.flush());
    receive(1, 0, 0, 40);
    static_cast<void>(transport.take_datagrams());
    receive(1, 1, 20, 40);
    const auto datagrams = transport.take_datagrams();
    ASSERT_EQ(datagrams.size(), 1U);
    EXPECT_EQ(parse_ack(View(datagrams[0]).subspan(kClearHeader), 64),
              (std::vector<RecordNumber>{{0, 1}}));
}

// NSS throws away what follows, in the same record, a message that it has had.
TEST(Dtls13MessageTransport, what_is_sent_a_third_time_has_a_record_for_each_message) {
    Configuration configuration;
    ManualClock clock;
    MessageTransport transport(configuration, clock);
    const auto records_of = [](const std::vector<Octets>& datagrams) {
        std::vector<size_t> messages;
        for (const Octets& datagram : datagrams) {
            View rest = datagram;
            while (const auto record = rest.empty() ? std::nullopt : take_record(rest)) {
                View content = record->payload;
                messages.push_back(0);
                while (!content.empty() && take_fragment(content)) {
                    ++messages.back();
                }
            }
        }
        return messages;
    };
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(transport.add(0, HandshakeType::certificate, pattern(40)));
    }
    ASSERT_TRUE(transport.flush());
    EXPECT_EQ(records_of(transport.take_datagrams()), (std::vector<size_t>{3}));
    const auto again = [&] {
        clock.advance(*transport.deadline() - clock.now());
        EXPECT_EQ(transport.on_time(), true);
        return records_of(transport.take_datagrams());
    };
    EXPECT_EQ(again(), (std::vector<size_t>{3}));
    EXPECT_EQ(again(), (std::vector<size_t>{1, 1, 1}));
    EXPECT_EQ(again(), (std::vector<size_t>{1, 1, 1}));
}

// NSS forgets the first fragments of a flight's first message when it acknowledges.
TEST(Dtls13MessageTransport, a_fragment_that_no_ack_ever_names_does_not_end_the_connection) {
    Configuration configuration;
    configuration.packing.max_datagram = 200;
    ManualClock clock;
    MessageTransport transport(configuration, clock);
    const auto acknowledge = [&](std::initializer_list<uint64_t> sequences) {
        std::vector<RecordNumber> numbers;
        for (const uint64_t sequence : sequences) {
            numbers.push_back({0, sequence});
        }
        return transport.on_ack(
            {.number = {0, 9}, .type = ContentType::ack, .content = ack_content(numbers)});
    };
    ASSERT_TRUE(transport.add(0, HandshakeType::certificate, pattern(400)));
    ASSERT_TRUE(transport.add(0, HandshakeType::finished, pattern(32)));
    ASSERT_TRUE(transport.flush());
    ASSERT_EQ(transport.take_datagrams().size(), 3U);
    EXPECT_EQ(acknowledge({1, 2}), false);
    unsigned again = 0;
    while (transport.deadline()) {
        clock.advance(*transport.deadline() - clock.now());
        ASSERT_EQ(transport.on_time(), true);
        EXPECT_EQ(acknowledge({1, 2}), false);
        again += transport.take_datagrams().empty() ? 0 : 1;
    }
    EXPECT_GE(again, configuration.max_retransmissions) << "it may really be missing";
    EXPECT_FALSE(transport.has_flight());
}

}  // namespace
}  // namespace sdg::keymgmt::dtls13
