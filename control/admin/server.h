// The admin socket: newline-delimited requests in, one answer line for each, in their order.
//
// Lives in the control loop: poll() never waits and does a bounded amount for each client. Bounds:
// kMaxClients at a time, kMaxRequest octets of a request, one request of each client a round, and
// no reading from a client that has not taken its answer. A client that says nothing, or takes
// nothing, for idle_timeout is closed. One client more takes the place of the one that has been so
// longest, if for kIdleWhenFull, so that forgotten terminals do not refuse a health check; else it
// is told that there are too many and closed. Who connects is taken from the kernel once, at
// connect (SO_PEERCRED).
//
// A request may bring one open file (SCM_RIGHTS), which its answer may take; else it is closed with
// that answer. Of more than one the first counts.
//
// Control thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control/admin/audit_log.h"
#include "control/admin/operations.h"
#include "control/admin/request.h"
#include "control/admin/socket_file.h"
#include "foundation/clock.h"
#include "foundation/descriptor.h"
#include "foundation/result.h"

namespace sdg::admin {

class Server {
 public:
    static constexpr size_t kMaxClients = 16;
    static constexpr std::chrono::seconds kIdleWhenFull{30};

    struct Settings {
        std::filesystem::path socket;
        std::optional<std::string> group;
        std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);
    };
    // From a request line (without its end) to an answer line (with it).
    using Answer = std::function<std::string(std::string_view line, Caller& caller)>;
    // A client that had connected is not there any more; may be empty.
    using Gone = std::function<void(uint64_t client)>;

    // clock outlives the server. Clients that are there at the server's end are not told of.
    [[nodiscard]] static Result<std::unique_ptr<Server>> open(const Settings& settings,
                                                              Answer answer, const Clock& clock,
                                                              Gone gone = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // One round. Returns the number of requests answered.
    size_t poll();
    [[nodiscard]] size_t clients() const { return clients_.size(); }

 private:
    struct Client {
        explicit Client(int socket) : descriptor(socket) {}
        Descriptor descriptor;
        Caller caller;
        std::string input;   // at most kMaxRequest + 1
        std::string output;  // of one answer
        size_t sent = 0;     // of output
        TimePoint last_heard{};
        bool finished = false;  // says no more; closed once output is sent
    };

    Server(std::unique_ptr<SocketFile> file, Answer answer, const Clock& clock, Gone gone,
           std::chrono::nanoseconds idle_timeout)
        : file_(std::move(file)),
          answer_(std::move(answer)),
          gone_(std::move(gone)),
          clock_(clock),
          idle_timeout_(idle_timeout) {}

    void accept_clients(TimePoint now);
    // False: all are busy.
    bool make_room(TimePoint now);
    // False: the client is to be closed.
    bool serve(Client& client, short events, TimePoint now, size_t& answered);
    static bool read_input(Client& client, TimePoint now);
    static bool write_output(Client& client, TimePoint now);

    std::unique_ptr<SocketFile> file_;
    Answer answer_;
    Gone gone_;
    const Clock& clock_;
    std::chrono::nanoseconds idle_timeout_;
    std::list<Client> clients_;
    uint64_t last_client_ = 0;
};

}  // namespace sdg::admin
