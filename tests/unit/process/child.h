// What a test does to its own process, done in a child: filters and dropped rights cannot be
// undone.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace sdg::test {

// Runs what in a child and returns its exit code: what() itself, 128 + N when signal N ended it.
inline int in_child(const std::function<int()>& what) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(what());
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace sdg::test
