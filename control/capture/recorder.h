// Recorder: the thread that writes a capture's packets to its file, so that neither a worker nor
// the control loop ever waits for a disk or a pipe.
//
// One capture at a time. begin() hands over the file and the taps; the thread takes packets out of
// their rings in the order of time, removes user data where it is told to, and writes pcapng. It
// stops by itself at a limit or when the file takes no more: progress().wants_end. In any case the
// owner then takes the taps from the workers and, when these have passed a quiescent state, calls
// finish(): what is left in the rings is written (as far as the limits allow) with the counts of
// what was not kept, and progress().finished becomes true.
//
// A file that hangs keeps the thread and nothing else: begin() then answers unavailable.
//
// Control thread, one owner; needs a started EAL, whose CPUs for control threads it runs on. The
// thread lives as long as the object and blocks SIGPIPE and SIGXFSZ; when it hangs at the end, it
// is left behind with what it needs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/capture/file_sink.h"
#include "control/capture/pcapng.h"
#include "dataplane/capture/tap.h"
#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::capture {

enum class EndReason : uint8_t {
    none,
    asked,        // by the client, or by the owner for a reason of its own
    packets,      // as many as were wanted
    octets,       // the file has the size that was wanted
    reader_gone,  // of a pipe
    stalled,      // a pipe that nobody reads
    failed,       // the file takes no more
};
[[nodiscard]] std::string_view name(EndReason reason);

struct Limits {
    uint64_t packets = 0;
    uint64_t octets = 0;  // of the file
};

struct Recording {
    FileSink file;
    std::vector<std::shared_ptr<Tap>> taps;
    Section section;
    std::vector<Interface> interfaces;  // by target
    SecretBytes secrets;                // lines of a key log for readers; may be empty
    bool remove_user_data = true;
    Limits limits;
};

struct Progress {
    bool busy = false;       // a capture has begun and has not finished
    bool wants_end = false;  // no packet is taken any more
    bool finished = false;   // the last one that has begun
    EndReason reason = EndReason::none;
    std::string error;  // of failed
    uint64_t packets = 0;
    uint64_t octets = 0;  // of the file
    uint64_t not_kept = 0;
};

class Recorder {
 public:
    Recorder();
    ~Recorder();
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    // unavailable: the one before has not finished.
    [[nodiscard]] Result<void> begin(Recording recording);
    // More lines for the file; dropped when nothing is recorded, or when too many wait.
    void add_secrets(SecretBytes lines);
    // No tap of the recording is a worker's any more.
    void finish();
    [[nodiscard]] Progress progress() const;
    // At the end of the program: waits for what finish() has begun, a few seconds at most.
    void wait_finished();

 private:
    struct Shared;
    static void* run(void* argument);

    std::shared_ptr<Shared> shared_;
};

}  // namespace sdg::capture
