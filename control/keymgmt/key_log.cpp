#include "control/keymgmt/key_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string>

#include "control/log.h"

namespace sdg::keymgmt {
namespace {

void append_hex(std::string& out, const SecretBytes& octets) {
    out.push_back(' ');
    for (const uint8_t octet : octets.bytes()) {
        fmt::format_to(std::back_inserter(out), "{:02x}", octet);
    }
}

}  // namespace

Result<std::shared_ptr<KeyLog>> KeyLog::open(const std::filesystem::path& path) {
    const int descriptor =
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
               S_IRUSR | S_IWUSR);
    if (descriptor < 0) {
        return fail(ErrorCode::io, "{}: key log cannot be opened: {}", path.string(),
                    std::strerror(errno));
    }
    std::shared_ptr<KeyLog> log(new KeyLog(descriptor));
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
        (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return fail(ErrorCode::permission_denied,
                    "{}: a key log must be a regular file of mode 0600", path.string());
    }
    log::of("keymgmt").warn(
        "LAB: keys are written to {} in clear: whoever reads it reads all traffic", path.string());
    return log;
}

KeyLog::~KeyLog() {
    ::close(descriptor_);
}

void KeyLog::write(uint32_t tag_on_wire, uint16_t epoch, keys::KeyRole role,
                   const record::KeyMaterial& material) {
    std::string line = fmt::format("DTLS_CHUNK {:08x} {} {} {:04x}", tag_on_wire, epoch,
                                   role == keys::KeyRole::primary ? 'P' : 'R',
                                   static_cast<uint16_t>(material.suite));
    line.reserve(line.size() + 2 * 2 * record::kMaxKeyLength + 2 * record::kIvLength + 8);
    append_hex(line, material.key);
    append_hex(line, material.iv);
    append_hex(line, material.sn_key);
    append(line);
    const std::span<const uint8_t> octets{reinterpret_cast<const uint8_t*>(line.data()),
                                          line.size()};
    if (kept_.size() == kKept) {
        kept_.pop_front();
    }
    kept_.push_back({tag_on_wire, SecretBytes::copy_of(octets)});
    if (watch_) {
        watch_(tag_on_wire, octets);
    }
    wipe(line.data(), line.size());
}

void KeyLog::write_line(std::string_view secret) {
    std::string line;
    line.reserve(secret.size() + 1);
    line = secret;
    append(line);
    wipe(line.data(), line.size());
}

void KeyLog::append(std::string& line) {
    line.push_back('\n');
    // One write per line keeps lines whole when two gateways share a file.
    const ssize_t written = ::write(descriptor_, line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size()) && !failed_) {
        failed_ = true;
        log::of("keymgmt").error("key log: cannot write: {}", std::strerror(errno));
    }
}

SecretBytes KeyLog::lines(const Wanted& wanted) const {
    size_t length = 0;
    for (const Line& line : kept_) {
        length += wanted(line.tag) ? line.text.size() : 0;
    }
    SecretBytes out(length);
    auto at = out.mutable_bytes().begin();
    for (const Line& line : kept_) {
        if (wanted(line.tag)) {
            at = std::ranges::copy(line.text.bytes(), at).out;
        }
    }
    return out;
}

}  // namespace sdg::keymgmt
