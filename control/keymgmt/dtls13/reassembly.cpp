#include "control/keymgmt/dtls13/reassembly.h"

#include <algorithm>
#include <utility>

namespace sdg::keymgmt::dtls13 {

Checked<Fragment> take_fragment(View& content) {
    Reader reader(content);
    Fragment out;
    out.type = static_cast<HandshakeType>(reader.u8());
    out.length = be24(reader);
    out.message_seq = reader.be16();
    out.offset = be24(reader);
    out.content = vector24(reader);
    if (!reader.ok() || out.offset > out.length || out.content.size() > out.length - out.offset) {
        return refuse(AlertDescription::decode_error, "a handshake fragment that makes no sense");
    }
    content = content.subspan(reader.offset());
    return out;
}

void append_fragment(Octets& out, const Fragment& fragment) {
    Writer writer;
    writer.u8(static_cast<uint8_t>(fragment.type))
        .be24(fragment.length)
        .be16(fragment.message_seq)
        .be24(fragment.offset)
        .vector<3>(fragment.content);
    const Octets octets = writer.take();
    out.insert(out.end(), octets.begin(), octets.end());
}

Checked<Reassembly::Outcome> Reassembly::add(const Fragment& fragment, uint64_t epoch) {
    if (fragment.message_seq < next_) {
        return Outcome::repeated;
    }
    if (fragment.length > kMaxMessage) {
        return refuse(AlertDescription::illegal_parameter, "a handshake message of {} octets",
                      fragment.length);
    }
    auto found = partial_.find(fragment.message_seq);
    if (found == partial_.end()) {
        if (fragment.message_seq >= next_ + kWindow) {
            return Outcome::dropped;
        }
        if (buffered_ + fragment.length > kMaxBuffered) {
            if (fragment.message_seq != next_) {
                return Outcome::dropped;
            }
            // The next message always has room, or the handshake would stand still.
            partial_.clear();
            buffered_ = 0;
        }
        found = partial_
                    .emplace(fragment.message_seq, Partial{.type = fragment.type,
                                                           .epoch = epoch,
                                                           .body = Octets(fragment.length),
                                                           .ranges = {}})
                    .first;
        buffered_ += fragment.length;
    }
    Partial& message = found->second;
    if (message.type != fragment.type || message.body.size() != fragment.length) {
        return refuse(AlertDescription::illegal_parameter,
                      "fragments of handshake message {} contradict each other",
                      fragment.message_seq);
    }
    if (message.epoch != epoch) {
        return refuse(AlertDescription::unexpected_message,
                      "handshake message {} is spread over two epochs", fragment.message_seq);
    }
    uint32_t begin = fragment.offset;
    uint32_t end = begin + static_cast<uint32_t>(fragment.content.size());
    if (begin == end) {
        return Outcome::taken;
    }
    auto& ranges = message.ranges;
    auto at = ranges.upper_bound(begin);
    if (at != ranges.begin() && std::prev(at)->second >= begin) {
        at = std::prev(at);
    }
    if (ranges.size() >= kMaxRanges && (at == ranges.end() || at->first > end)) {
        return Outcome::dropped;
    }
    std::copy(fragment.content.begin(), fragment.content.end(), message.body.begin() + begin);
    while (at != ranges.end() && at->first <= end) {
        begin = std::min(begin, at->first);
        end = std::max(end, at->second);
        at = ranges.erase(at);
    }
    ranges.emplace(begin, end);
    return Outcome::taken;
}

std::optional<Reassembly::Message> Reassembly::take() {
    const auto found = partial_.find(next_);
    if (found == partial_.end() || !found->second.is_complete()) {
        return std::nullopt;
    }
    Message out{.type = found->second.type,
                .epoch = found->second.epoch,
                .message_seq = static_cast<uint16_t>(next_),
                .body = std::move(found->second.body)};
    buffered_ -= out.body.size();
    partial_.erase(found);
    ++next_;
    return out;
}

bool Reassembly::has_gap() const {
    if (partial_.empty()) {
        return false;
    }
    const auto& [first, message] = *partial_.begin();
    return first != next_ || partial_.size() > 1 || message.ranges.size() > 1 ||
           (!message.ranges.empty() && message.ranges.begin()->first != 0);
}

}  // namespace sdg::keymgmt::dtls13
