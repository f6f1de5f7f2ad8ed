#include "endpoint/exchange_file.h"

#include <yaml-cpp/yaml.h>

#include <fstream>
#include <initializer_list>
#include <map>
#include <sstream>
#include <utility>

namespace sdg::endpoint {
namespace {

// Carries a finished error line out of the nested reading below; never leaves this file.
struct Bad {
    std::string message;
};

class Reader {
 public:
    explicit Reader(std::string_view origin) : origin_(origin) {}

    template <class... Args>
    [[noreturn]] void complain(const YAML::Node& at, fmt::format_string<Args...> format,
                               Args&&... args) const {
        throw Bad{fmt::format("{}:{}: {}", origin_, at.Mark().line + 1,
                              fmt::format(format, std::forward<Args>(args)...))};
    }

    void keys(const YAML::Node& map, std::initializer_list<std::string_view> known) const {
        if (!map.IsMap()) {
            complain(map, "expected a map of keys and values");
        }
        std::map<std::string, int> seen;
        for (const auto& pair : map) {
            const auto key = pair.first.as<std::string>();
            bool found = false;
            for (const auto name : known) {
                found = found || name == key;
            }
            if (!found) {
                complain(pair.first, "unknown key '{}'", key);
            }
            if (seen[key]++ != 0) {
                complain(pair.first, "key '{}' is there twice", key);
            }
        }
    }

    template <class T>
    T value(const YAML::Node& map, const char* key, const std::optional<T>& otherwise) const {
        const YAML::Node node = map[key];
        if (!node) {
            if (!otherwise) {
                complain(map, "key '{}' is missing", key);
            }
            return *otherwise;
        }
        try {
            return node.as<T>();
        } catch (const YAML::Exception&) {
            complain(node, "key '{}' has a value of the wrong kind or out of range", key);
        }
    }

    Bytes hex(const YAML::Node& map) const {
        const auto text = value<std::string>(map, "hex", std::nullopt);
        Bytes bytes;
        int high = -1;
        for (const char c : text) {
            if (c == ' ') {
                continue;
            }
            const int digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) {
                complain(map["hex"], "'{}' is not a hexadecimal digit", c);
            }
            if (high < 0) {
                high = digit;
            } else {
                bytes.push_back(static_cast<uint8_t>(high << 4 | digit));
                high = -1;
            }
        }
        if (high >= 0) {
            complain(map["hex"], "odd number of hexadecimal digits");
        }
        if (bytes.empty()) {
            complain(map["hex"], "a user message has at least one octet");
        }
        return bytes;
    }

    Exchange exchange(const YAML::Node& root) const {
        keys(root, {"name", "port", "ppid", "ordered", "messages"});
        Exchange out;
        out.name = value<std::string>(root, "name", std::string());
        out.port = value<uint16_t>(root, "port", uint16_t{0});
        const auto ppid = value<uint32_t>(root, "ppid", uint32_t{0});
        const auto ordered = value<bool>(root, "ordered", true);
        const YAML::Node list = root["messages"];
        if (!list || !list.IsSequence() || list.size() == 0) {
            complain(list ? list : root, "'messages' must be a list of at least one message");
        }

        std::map<std::string, std::pair<YAML::Node, UserMessage>> answers;
        std::map<std::string, bool> names;
        for (const YAML::Node& node : list) {
            keys(node, {"name", "from", "stream", "ppid", "ordered", "hex", "answer"});
            const auto name = value<std::string>(node, "name", std::nullopt);
            if (!names.emplace(name, true).second) {
                complain(node, "two messages are named '{}'", name);
            }
            UserMessage message;
            message.stream = value<uint16_t>(node, "stream", std::nullopt);
            if (message.stream == 65535) {
                complain(node["stream"], "stream 65535 does not exist");
            }
            message.ordered = value<bool>(node, "ordered", ordered);
            message.ppid = value<uint32_t>(node, "ppid", ppid);
            message.bytes = hex(node);
            const auto from = value<std::string>(node, "from", std::nullopt);
            if (from == "client") {
                out.steps.push_back({name, std::move(message), std::nullopt});
            } else if (from == "server") {
                if (node["answer"]) {
                    complain(node["answer"], "an answer has no answer");
                }
                answers.emplace(name, std::pair{node, std::move(message)});
            } else {
                complain(node["from"], "'from' is '{}', expected client or server", from);
            }
        }
        pair_up(list, out, answers);
        return out;
    }

 private:
    using Answers = std::map<std::string, std::pair<YAML::Node, UserMessage>>;

    void pair_up(const YAML::Node& list, Exchange& out, const Answers& answers) const {
        std::map<std::string, bool> used;
        std::map<std::pair<uint32_t, Bytes>, size_t> requests;
        size_t index = 0;
        for (const YAML::Node& node : list) {
            if (node["from"].as<std::string>() != "client") {
                continue;
            }
            ExchangeStep& step = out.steps[index];
            if (node["answer"]) {
                const auto wanted = value<std::string>(node, "answer", std::nullopt);
                const auto found = answers.find(wanted);
                if (found == answers.end()) {
                    complain(node["answer"], "no message from the server is named '{}'", wanted);
                }
                used[wanted] = true;
                step.answer = found->second.second;
            }
            const auto [twin, fresh] =
                requests.emplace(std::pair{step.request.ppid, step.request.bytes}, index);
            if (!fresh && out.steps[twin->second].answer != step.answer) {
                complain(node, "'{}' has the octets of '{}' but another answer", step.name,
                         out.steps[twin->second].name);
            }
            ++index;
        }
        for (const auto& [name, entry] : answers) {
            if (!used.contains(name)) {
                complain(entry.first, "no request names '{}' as its answer", name);
            }
        }
        if (out.steps.empty()) {
            complain(list, "no message is from the client");
        }
    }

    std::string origin_;
};

}  // namespace

Result<Exchange> parse_exchange(std::string_view text, std::string_view origin) {
    try {
        return Reader(origin).exchange(YAML::Load(std::string(text)));
    } catch (const Bad& bad) {
        return fail(ErrorCode::invalid_argument, "{}", bad.message);
    } catch (const YAML::Exception& error) {
        return fail(ErrorCode::invalid_argument, "{}:{}: {}", origin, error.mark.line + 1,
                    error.msg);
    }
}

Result<Exchange> load_exchange(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    if (!in || !(text << in.rdbuf())) {
        return fail(ErrorCode::not_found, "{}: cannot be read", file.string());
    }
    return parse_exchange(text.view(), file.string());
}

}  // namespace sdg::endpoint
