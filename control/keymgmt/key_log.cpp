#include "control/keymgmt/key_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "control/log.h"

namespace sdg::keymgmt {
namespace {

void append_hex(std::string& out, const SecretBytes& octets) {
    out.push_back(' ');
    for (const uint8_t octet : octets.bytes()) {
        fmt::format_to(std::back_inserter(out), "{:02x}", octet);
    }
}

constexpr std::string_view kKeyLine = "DTLS_CHUNK ";
constexpr size_t kTagDigits = 8;

// Of a line as write() makes it; nullopt: it is none.
std::optional<uint32_t> tag_of(std::string_view line) {
    if (!line.starts_with(kKeyLine) || line.size() < kKeyLine.size() + kTagDigits) {
        return std::nullopt;
    }
    const char* const digits = line.data() + kKeyLine.size();
    uint32_t tag = 0;
    const auto [end, error] = std::from_chars(digits, digits + kTagDigits, tag, 16);
    return error == std::errc{} && end == digits + kTagDigits ? std::optional(tag) : std::nullopt;
}

}  // namespace

Result<std::shared_ptr<KeyLog>> KeyLog::open(const std::filesystem::path& path) {
    const int descriptor =
        ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
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
    std::string line = fmt::format("{}{:08x} {} {} {:04x}", kKeyLine, tag_on_wire, epoch,
                                   role == keys::KeyRole::primary ? 'P' : 'R',
                                   static_cast<uint16_t>(material.suite));
    line.reserve(line.size() + 2 * 2 * record::kMaxKeyLength + 2 * record::kIvLength + 8);
    append_hex(line, material.key);
    append_hex(line, material.iv);
    append_hex(line, material.sn_key);
    append(line);
    const std::span<const uint8_t> octets{reinterpret_cast<const uint8_t*>(line.data()),
                                          line.size()};
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
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) {
        return {};
    }
    const auto whole = static_cast<uint64_t>(status.st_size);
    const uint64_t begin = whole - std::min<uint64_t>(whole, kLookBack);
    SecretBytes end_of_file(whole - begin);
    const ssize_t got = ::pread(descriptor_, end_of_file.mutable_bytes().data(), end_of_file.size(),
                                static_cast<off_t>(begin));
    std::string_view rest(reinterpret_cast<const char*>(end_of_file.bytes().data()),
                          got > 0 ? static_cast<size_t>(got) : 0);
    if (begin != 0) {
        rest.remove_prefix(std::min(rest.size(), rest.find('\n') + 1));  // half a line
    }
    std::vector<std::string_view> found;
    size_t length = 0;
    while (const size_t line_end = rest.find('\n') + 1) {
        const std::string_view line = rest.substr(0, line_end);
        rest.remove_prefix(line_end);
        const auto tag = tag_of(line);
        if (tag && wanted(*tag)) {
            found.push_back(line);
            length += line.size();
        }
    }
    SecretBytes out(length);
    auto at = out.mutable_bytes().begin();
    for (const std::string_view line : found) {
        at = std::ranges::copy(line, at).out;
    }
    return out;
}

}  // namespace sdg::keymgmt
