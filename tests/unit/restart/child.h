// A piece of a test in a process of its own: to be killed, limited, or put into a namespace.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace sdg::restart::test {

// Reads what the child writes and waits for its end, at the latest when the object goes.
class Child {
 public:
    // body's argument writes to the parent; its return value is written, too. The child ends
    // without destructors of the parent's objects.
    using Say = std::function<void(const std::string&)>;
    explicit Child(const std::function<std::string(const Say&)>& body);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Blocks until the child has written that much in all, or has ended.
    const std::string& read(size_t octets);
    void kill();
    // Everything the child has written. Blocks until it has ended.
    const std::string& finish();
    [[nodiscard]] bool was_killed() const { return killed_; }
    [[nodiscard]] bool exited_well() const { return exited_well_; }

 private:
    pid_t pid_ = -1;
    int pipe_ = -1;
    std::string said_;
    bool killed_ = false;
    bool exited_well_ = false;
};

// Runs body in a child; its text, or what else went wrong. Empty is good.
std::string in_child(const std::function<std::string()>& body);

// Gives this process mounts of its own; false when the system does not let us.
bool own_mounts();

}  // namespace sdg::restart::test
