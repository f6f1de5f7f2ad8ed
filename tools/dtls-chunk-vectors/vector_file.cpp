#include "tools/dtls-chunk-vectors/vector_file.h"

#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "dataplane/packet/key_management_parameter.h"
#include "dataplane/record/record.h"

namespace sdg::vectors {
namespace {

using Json = nlohmann::json;

// Carries a message to read_vector_file(), which turns it into an Error.
struct Malformed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// A value and where it stands in the file.
class Node {
 public:
    Node(const Json& value, std::string place) : value_(value), place_(std::move(place)) {}

    [[noreturn]] void reject(std::string_view expected) const {
        throw Malformed(fmt::format("{}: expected {}", place_, expected));
    }
    [[nodiscard]] Node member(const char* name) const {
        if (!value_.is_object()) {
            reject("an object");
        }
        const auto found = value_.find(name);
        if (found == value_.end()) {
            throw Malformed(fmt::format("{}: member \"{}\" is missing", place_, name));
        }
        return {*found, fmt::format("{}.{}", place_, name)};
    }
    [[nodiscard]] std::vector<Node> elements() const {
        if (!value_.is_array()) {
            reject("an array");
        }
        std::vector<Node> nodes;
        nodes.reserve(value_.size());
        for (size_t i = 0; i < value_.size(); ++i) {
            nodes.emplace_back(value_[i], fmt::format("{}[{}]", place_, i));
        }
        return nodes;
    }
    [[nodiscard]] bool is_number() const { return value_.is_number(); }
    [[nodiscard]] uint64_t number(uint64_t most) const {
        if (!value_.is_number_unsigned() || value_.get<uint64_t>() > most) {
            reject(fmt::format("a number from 0 to {}", most));
        }
        return value_.get<uint64_t>();
    }
    [[nodiscard]] bool boolean() const {
        if (!value_.is_boolean()) {
            reject("true or false");
        }
        return value_.get<bool>();
    }
    [[nodiscard]] const std::string& word() const {
        if (!value_.is_string()) {
            reject("a string");
        }
        return value_.get_ref<const std::string&>();
    }
    [[nodiscard]] Octets octets() const {
        const std::string& text = word();
        Octets result(text.size() / 2);
        bool fine = text.size() % 2 == 0;
        for (size_t i = 0; fine && i < result.size(); ++i) {
            const char* pair = text.data() + 2 * i;
            fine = std::from_chars(pair, pair + 2, result[i], 16).ptr == pair + 2;
        }
        if (!fine) {
            reject("an even number of hex digits");
        }
        return result;
    }
    [[nodiscard]] const record::SuiteTraits* suite() const {
        const Octets id = octets();
        const auto known = id.size() == 2
                               ? record::suite_from_id(static_cast<uint16_t>(id[0] << 8 | id[1]))
                               : std::nullopt;
        if (!known) {
            reject("a cipher suite from 1301 to 1304");
        }
        return record::traits(*known);
    }
    [[nodiscard]] const std::string& place() const { return place_; }

 private:
    const Json& value_;
    std::string place_;
};

RecordVector read_record(const Node& node) {
    RecordVector vector;
    vector.material.suite = node.member("suite").suite()->suite;
    vector.material.key = SecretBytes::copy_of(node.member("key").octets());
    vector.material.iv = SecretBytes::copy_of(node.member("iv").octets());
    vector.material.sn_key = SecretBytes::copy_of(node.member("sn_key").octets());
    if (const auto valid = vector.material.validate(); !valid) {
        throw Malformed(fmt::format("{}: {}", node.place(), valid.error().message));
    }
    vector.epoch = static_cast<uint16_t>(node.member("epoch").number(UINT16_MAX));
    vector.sequence = node.member("seq").number(record::kMaxSequence);
    vector.restart = node.member("restart").boolean();
    vector.dtls_padding =
        static_cast<uint32_t>(node.member("dtls_padding").number(record::kMaxDtlsPadding));
    const Node content = node.member("content");
    vector.content = content.octets();
    if (vector.content.empty() || vector.content.size() > record::kMaxContent) {
        content.reject(fmt::format("1 to {} octets", record::kMaxContent));
    }
    vector.chunk = node.member("chunk").octets();
    return vector;
}

ExportVector read_export(const Node& node) {
    using namespace keymgmt::tls13;
    ExportVector vector;
    vector.suite = node.member("suite").suite();
    vector.exporter_secret = node.member("exporter_secret").octets();
    vector.client_parameter = node.member("client_param").octets();
    vector.server_parameter = node.member("server_param").octets();
    vector.direction = static_cast<ExportDirection>(node.member("direction").number(1));
    vector.role = static_cast<ExportRole>(node.member("role").number(1));
    vector.kind = static_cast<ExportKind>(node.member("kind").number(2));
    vector.out = node.member("out").octets();
    return vector;
}

Offer read_offer(const Node& node) {
    Offer offer;
    offer.tie_breaker = static_cast<uint32_t>(node.member("tie").number(UINT32_MAX));
    offer.flags = static_cast<uint8_t>(node.member("flags").number(
        packet::kKmFlagRestart | packet::kKmFlagServer | packet::kKmFlagClient));
    const Node ids = node.member("ids");
    for (const Node& id : ids.elements()) {
        offer.methods.push_back(static_cast<uint8_t>(id.number(UINT8_MAX)));
    }
    if (offer.methods.empty() ||
        offer.methods.size() > packet::KeyManagementParameter::kMaxMethods) {
        ids.reject("one method or more");
    }
    return offer;
}

NegotiationVector read_negotiation(const Node& node) {
    NegotiationVector vector;
    vector.local = read_offer(node.member("local"));
    vector.peer = read_offer(node.member("peer"));
    const Node result = node.member("result");
    if (result.is_number()) {
        vector.result = static_cast<uint16_t>(result.number(UINT16_MAX));
        return vector;
    }
    const auto parts = result.elements();
    if (parts.size() != 2 || (parts[0].word() != "client" && parts[0].word() != "server")) {
        result.reject("an error cause, or [\"client\" or \"server\", method]");
    }
    vector.result =
        ExpectedAgreement{parts[0].word(), static_cast<uint8_t>(parts[1].number(UINT8_MAX))};
    return vector;
}

template <class Vector>
std::vector<Vector> read_section(const Json& root, const char* name, Vector (*read)(const Node&)) {
    std::vector<Vector> vectors;
    if (const auto section = root.find(name); section != root.end()) {
        for (const Node& node : Node{*section, name}.elements()) {
            vectors.push_back(read(node));
        }
    }
    return vectors;
}

// The parser's message without its "[json.exception...]" tag and on one line.
std::string without_tag(std::string_view what) {
    const size_t end = what.find("] ");
    std::string text{end == std::string_view::npos ? what : what.substr(end + 2)};
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

}  // namespace

Result<VectorFile> read_vector_file(const std::filesystem::path& path) {
    std::ifstream stream{path, std::ios::binary};
    if (!stream || std::filesystem::is_directory(path)) {
        return fail(ErrorCode::not_found, "{}: cannot be read", path.string());
    }
    try {
        const Json root = Json::parse(stream);
        if (!root.is_object()) {
            return fail(ErrorCode::invalid_argument, "{}: expected an object at the top",
                        path.string());
        }
        VectorFile file;
        file.records = read_section(root, "records", read_record);
        file.exports = read_section(root, "export_192", read_export);
        file.negotiations = read_section(root, "negotiation", read_negotiation);
        if (file.records.empty() && file.exports.empty() && file.negotiations.empty()) {
            return fail(ErrorCode::invalid_argument,
                        "{}: holds no records, no export_192 and no negotiation", path.string());
        }
        return file;
    } catch (const Json::exception& error) {
        return fail(ErrorCode::invalid_argument, "{}: {}", path.string(),
                    without_tag(error.what()));
    } catch (const Malformed& error) {
        return fail(ErrorCode::invalid_argument, "{}: {}", path.string(), error.what());
    }
}

}  // namespace sdg::vectors
