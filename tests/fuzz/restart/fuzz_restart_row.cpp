// Any octets as a stored record, as a tuple and as a sealed row; and good rows with something
// changed: only the unchanged one opens.
#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

#include "control/restart/association_codec.h"
#include "control/restart/sealed_row.h"
#include "dataplane/packet/reader.h"
#include "tests/fuzz/packet/require.h"

using namespace sdg;
using namespace sdg::restart;
using fuzz::require;

namespace {

const sctp::FourTuple kTuple{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), 1, 2};

void a_record_has_one_encoding(std::span<const uint8_t> input) {
    const auto record = decode_record(input);
    if (!record) {
        require(record.error().code == ErrorCode::corrupt);
        return;
    }
    require(record->description.validate() && record->context.validate());
    const SecretBytes again = encode(record->description, record->context);
    require(std::equal(input.begin(), input.end(), again.bytes().begin(), again.bytes().end()));
}

void a_tuple_has_one_encoding(std::span<const uint8_t> input) {
    const auto tuple = decode_tuple(input.first(std::min(input.size(), kTupleLength)));
    if (tuple) {
        const EncodedTuple again = encode(*tuple);
        require(std::equal(again.begin(), again.end(), input.begin()));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::span<const uint8_t> input(data, size);
    a_record_has_one_encoding(input);
    a_tuple_has_one_encoding(input);

    // The key depends on the input: with one key for all, libFuzzer learns a good row from the
    // comparisons and hands it in.
    SeededRandom random(std::hash<std::string_view>{}({reinterpret_cast<const char*>(data), size}));
    SecretBytes key(kKeyEncryptionKeyLength);
    random.fill(key.mutable_bytes());
    const auto ring = KeyRing::make(key);
    require(ring.has_value());
    (void)parse_row_header(input);
    require(!open_row(*ring, {"g", kTuple}, input));

    AssociationDescription description;
    description.tuple = kTuple;
    description.attachment.assign(
        input.begin(), input.begin() + static_cast<ptrdiff_t>(size / 2 % kMaxAttachment));
    RestartContext context;
    for (auto* one : {&context.send, &context.receive}) {
        one->key = SecretBytes(16);
        one->iv = SecretBytes(12);
        one->sn_key = SecretBytes(16);
        random.fill(one->key.mutable_bytes());
    }
    const auto row = seal_row(ring->active(), {"g", kTuple}, {}, description, context, random);
    require(row.has_value());
    const auto opened = open_row(*ring, {"g", kTuple}, *row);
    require(opened && opened->record.description == description);
    const auto resealed = reseal_row(*ring, {"g", kTuple}, *row, random);
    require(resealed && *resealed != *row);
    require(open_row(*ring, {"g", kTuple}, *resealed)->record.description == description);
    require(!open_row(*ring, {"h", kTuple}, *row) &&
            !reseal_row(*ring, {"h", kTuple}, *row, random));
    packet::Reader changes(input);
    auto changed = *row;
    while (changes.left() >= 3) {
        changed[changes.be16() % changed.size()] = changes.u8();
    }
    require(changed == *row || !open_row(*ring, {"g", kTuple}, changed));
    return 0;
}
