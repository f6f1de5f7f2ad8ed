#include "tests/unit/restart/child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace sdg::restart::test {
namespace {

void write_all(int file, const std::string& text) {
    size_t done = 0;
    while (done < text.size()) {
        const ssize_t n = ::write(file, text.data() + done, text.size() - done);
        if (n < 0 && errno != EINTR) {
            ::_exit(3);
        }
        done += n > 0 ? static_cast<size_t>(n) : 0;
    }
}

}  // namespace

Child::Child(const std::function<std::string(const Say&)>& body) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        std::abort();
    }
    pid_ = ::fork();
    if (pid_ < 0) {
        std::abort();
    }
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::close(ends[0]);
        const int out = ends[1];
        write_all(out, body([out](const std::string& text) { write_all(out, text); }));
        ::_exit(0);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
}

Child::~Child() {
    if (pid_ > 0) {
        kill();
        finish();
    }
}

const std::string& Child::read(size_t octets) {
    std::array<char, 4096> buffer{};
    while (said_.size() < octets) {
        const ssize_t n = ::read(pipe_, buffer.data(), buffer.size());
        if (n == 0 || (n < 0 && errno != EINTR)) {
            break;
        }
        said_.append(buffer.data(), n > 0 ? static_cast<size_t>(n) : 0);
    }
    return said_;
}

void Child::kill() {
    ::kill(pid_, SIGKILL);
}

const std::string& Child::finish() {
    if (pid_ > 0) {
        read(SIZE_MAX);
        ::close(pipe_);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        killed_ = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        exited_well_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return said_;
}

std::string in_child(const std::function<std::string()>& body) {
    Child child([&](const Child::Say&) { return body(); });
    const std::string said = child.finish();
    return said.empty() && !child.exited_well() ? "the child has crashed" : said;
}

bool own_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace sdg::restart::test
