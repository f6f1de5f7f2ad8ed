#include "endpoint/server.h"

#include <deque>
#include <list>
#include <utility>

#include "endpoint/report.h"
#include "endpoint/sctp_socket.h"
#include "foundation/clock.h"

namespace sdg::endpoint {
namespace {

constexpr size_t kMostQueued = 8U << 20;  // octets of answers that wait for one association

class Conversation {
 public:
    Conversation(size_t number, SctpSocket::Accepted accepted)
        : number_(number), socket_(std::move(accepted.socket)), peer_(accepted.peer) {}

    // Reads and answers as much as goes without waiting. False: the association is over.
    bool step(const ServerOptions& options, const AnswerBook& book, ServerReport& report);
    void shutdown() { closing_ = true; }
    void abort(ServerReport& report);

 private:
    bool flush(ServerReport& report);
    bool ended(AssociationEnd end, ServerReport& report) const;

    size_t number_;
    SctpSocket socket_;
    TransportAddress peer_;
    std::deque<UserMessage> answers_;
    size_t queued_ = 0;
    size_t messages_ = 0;
    size_t octets_ = 0;
    bool closing_ = false;
    bool shutdown_sent_ = false;
};

bool Conversation::ended(AssociationEnd end, ServerReport& report) const {
    const char* how = "shut down";
    switch (end) {
        case AssociationEnd::shutdown:
            ++report.ended_by_shutdown;
            break;
        case AssociationEnd::aborted:
            ++report.ended_by_abort;
            how = "aborted by the peer";
            break;
        default:
            ++report.lost;
            how = "lost";
            break;
    }
    say("association {} with {}: {} after {} messages, {} octets", number_, peer_.to_string(), how,
        messages_, octets_);
    return false;
}

bool Conversation::flush(ServerReport& report) {
    while (!answers_.empty()) {
        const auto sent = socket_.send(answers_.front());
        if (!sent) {
            // The end of the association comes through receive(); this answer has nowhere to go.
            return false;
        }
        if (!*sent) {
            return true;
        }
        ++report.answers;
        queued_ -= answers_.front().bytes.size();
        answers_.pop_front();
    }
    return true;
}

bool Conversation::step(const ServerOptions& options, const AnswerBook& book,
                        ServerReport& report) {
    while (true) {
        if (!flush(report)) {
            answers_.clear();
            queued_ = 0;
        }
        if (closing_ && answers_.empty() && !std::exchange(shutdown_sent_, true)) {
            socket_.shutdown();
        }
        if (queued_ >= kMostQueued) {
            return true;
        }
        auto received = socket_.receive();
        if (!received) {
            say("association {}: {}", number_, received.error().message);
            return ended(AssociationEnd::lost, report);
        }
        if (auto* message = std::get_if<UserMessage>(&*received)) {
            ++messages_;
            ++report.messages;
            octets_ += message->bytes.size();
            report.octets += message->bytes.size();
            if (options.abort_after != 0 && messages_ >= options.abort_after) {
                abort(report);
                return false;
            }
            UserMessage answer = book.answer_to(*message);
            queued_ += answer.bytes.size();
            answers_.push_back(std::move(answer));
            closing_ =
                closing_ || (options.shutdown_after != 0 && messages_ >= options.shutdown_after);
        } else if (const auto* up = std::get_if<AssociationUp>(&*received)) {
            say("association {} with {}: up, {} streams out, {} in", number_, peer_.to_string(),
                up->outgoing_streams, up->incoming_streams);
        } else if (const auto* end = std::get_if<AssociationEnd>(&*received)) {
            return ended(*end, report);
        } else if (std::holds_alternative<NothingYet>(*received)) {
            return true;
        }
    }
}

void Conversation::abort(ServerReport& report) {
    ++report.aborted_here;
    say("association {} with {}: aborted here after {} messages, {} octets", number_,
        peer_.to_string(), messages_, octets_);
    socket_.abort();
}

}  // namespace

Result<ServerReport> run_server(const ServerOptions& options, const AnswerBook& book,
                                Wakeup& wakeup) {
    auto listener = SctpSocket::create(options.listen.address.family, options.streams, wakeup);
    if (!listener) {
        return tl::unexpected(listener.error());
    }
    if (auto bound = listener->bind(options.listen); !bound) {
        return tl::unexpected(bound.error());
    }
    if (auto listening = listener->listen(); !listening) {
        return tl::unexpected(listening.error());
    }
    say("listening on {}", options.listen.to_string());

    ServerReport report;
    std::list<Conversation> conversations;
    const auto step_all = [&] {
        conversations.remove_if(
            [&](Conversation& one) { return !one.step(options, book, report); });
    };
    while (!wakeup.stop_asked()) {
        while (auto accepted = listener->accept()) {
            conversations.emplace_back(++report.associations, std::move(*accepted));
        }
        step_all();
        wakeup.wait(std::chrono::milliseconds(100));
    }

    for (Conversation& one : conversations) {
        one.shutdown();
    }
    const SteadyClock clock;
    const TimePoint deadline = clock.now() + options.drain;
    while (!conversations.empty() && clock.now() < deadline) {
        step_all();
        wakeup.wait(std::chrono::milliseconds(20));
    }
    for (Conversation& one : conversations) {
        one.abort(report);
    }
    return report;
}

}  // namespace sdg::endpoint
