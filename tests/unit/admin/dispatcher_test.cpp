// Commands carried out, and the audit log of those that change something.
#include "control/admin/dispatcher.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/admin/fake_operations.h"

namespace sdg::admin {
namespace {

using nlohmann::json;

class AdminDispatcher : public testing::Test {
 protected:
    AdminDispatcher() {
        std::string name = (std::filesystem::temp_directory_path() / "sdg-admin-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~AdminDispatcher() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::filesystem::path log() const { return folder_ / "audit.log"; }
    json ask(const std::string& command, const json& arguments = json::object()) {
        Dispatcher dispatcher(operations, AuditLog(log()));
        Caller caller;
        caller.peer = {.uid = 12, .gid = 34, .pid = 56};
        caller.client = 3;
        return json::parse(dispatcher.answer(
            json{{"version", 1}, {"id", 1}, {"command", command}, {"arguments", arguments}}.dump(),
            caller));
    }
    [[nodiscard]] std::vector<json> entries() const {
        std::vector<json> out;
        std::ifstream file(log());
        for (std::string line; std::getline(file, line);) {
            out.push_back(json::parse(line));
        }
        return out;
    }

    FakeOperations operations;
    std::filesystem::path folder_;
};

TEST_F(AdminDispatcher, reading_leaves_no_trace_in_the_audit_log) {
    for (const char* command : {"status", "associations", "busiest", "backends", "ports", "workers",
                                "certificates", "log"}) {
        EXPECT_TRUE(ask(command)["ok"].get<bool>()) << command;
    }
    EXPECT_TRUE(ask("association", {{"association", 7}})["ok"].get<bool>());
    EXPECT_FALSE(std::filesystem::exists(log()));
}

TEST_F(AdminDispatcher, authentication_anew_needs_an_association_and_is_audited) {
    EXPECT_EQ(ask("reauthenticate")["error"]["code"], "invalid_argument");
    EXPECT_TRUE(ask("reauthenticate", {{"association", 7}})["ok"].get<bool>());
    EXPECT_EQ(ask("reauthenticate", {{"association", 8}})["error"]["code"], "not_found");
    EXPECT_EQ(operations.done, std::vector<std::string>{"reauthenticate 7"});
    const auto written = entries();
    ASSERT_EQ(written.size(), 2U) << "a request that is none is not a change";
    EXPECT_EQ(written[0]["command"], "reauthenticate");
    EXPECT_EQ(written[1]["result"], "not_found");
}

TEST_F(AdminDispatcher, a_change_is_written_with_who_what_and_result) {
    EXPECT_TRUE(ask("close", {{"association", 7}, {"how", "abort"}})["ok"].get<bool>());
    EXPECT_EQ(operations.done, std::vector<std::string>{"abort 7"});
    const auto written = entries();
    ASSERT_EQ(written.size(), 1U);
    EXPECT_EQ(written[0]["uid"], 12);
    EXPECT_EQ(written[0]["gid"], 34);
    EXPECT_EQ(written[0]["pid"], 56);
    EXPECT_EQ(written[0]["command"], "close");
    EXPECT_EQ(written[0]["arguments"]["association"], 7);
    EXPECT_EQ(written[0]["result"], "ok");
    EXPECT_EQ(written[0]["time"].get<std::string>().size(), 20U);
    struct stat status {};
    ASSERT_EQ(::stat(log().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0137U, 0U) << "more rights than 0640";
}

TEST_F(AdminDispatcher, a_change_that_failed_is_written_too) {
    const auto answer = ask("close", {{"association", 8}});
    EXPECT_EQ(answer["error"]["code"], "not_found");
    ASSERT_EQ(entries().size(), 1U);
    EXPECT_EQ(entries()[0]["result"], "not_found");
    EXPECT_EQ(entries()[0]["message"], "no association 8");
}

TEST_F(AdminDispatcher, every_change_is_audited) {
    ask("rekey", {{"all", true}});
    ask("rekey", {{"association", 7}});
    ask("close", {{"association", 7}});
    ask("drain");
    ask("leave");
    ask("reload");
    ask("reload", {{"dry_run", true}});
    ask("log_level", {{"level", "debug"}, {"module", "relay"}});
    EXPECT_EQ(operations.done,
              (std::vector<std::string>{"rekey all", "rekey 7", "close 7", "drain", "leave",
                                        "reload", "reload, tried", "level relay debug"}));
    EXPECT_EQ(entries().size(), 8U);
}

TEST_F(AdminDispatcher, a_reload_that_is_refused_tells_people_and_programs_why) {
    operations.refusal = "gw.yaml:3: eal.memory_mib: needs a restart: DPDK is started once";
    const auto answer = ask("reload");
    EXPECT_EQ(answer["ok"], false);
    EXPECT_EQ(answer["error"]["code"], "refused");
    EXPECT_EQ(answer["error"]["message"], operations.refusal);
    EXPECT_EQ(answer["error"]["details"]["result"], "refused");
    ASSERT_EQ(entries().size(), 1U);
    EXPECT_EQ(entries()[0]["result"], "refused");
    EXPECT_EQ(entries()[0]["message"], operations.refusal);
}

TEST_F(AdminDispatcher, nothing_is_changed_while_the_audit_log_cannot_be_written) {
    std::filesystem::create_directory(log());
    const auto answer = ask("drain");
    ASSERT_FALSE(answer["ok"].get<bool>());
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("audit log"), std::string::npos);
    EXPECT_TRUE(operations.done.empty());
    EXPECT_TRUE(ask("status")["ok"].get<bool>());
}

TEST_F(AdminDispatcher, a_reload_by_signal_is_audited_with_its_sender) {
    Dispatcher dispatcher(operations, AuditLog(log()));
    const Peer sender{.uid = 12, .gid = std::nullopt, .pid = 56};
    EXPECT_TRUE(dispatcher.on_signal(CommandId::reload, "SIGHUP", sender));
    ASSERT_EQ(entries().size(), 1U);
    const json entry = entries()[0];
    EXPECT_EQ(entry["command"], "reload");
    EXPECT_EQ(entry["arguments"], json({{"signal", "SIGHUP"}}));
    EXPECT_EQ(entry["uid"], 12);
    EXPECT_EQ(entry["gid"], nullptr);
    EXPECT_EQ(entry["pid"], 56);
    EXPECT_EQ(entry["result"], "ok");
    EXPECT_EQ(operations.done, std::vector<std::string>{"reload"});
    std::filesystem::remove(log());
    std::filesystem::create_directory(log());  // nothing can be written there
    EXPECT_FALSE(dispatcher.on_signal(CommandId::reload, "SIGHUP", sender));
    EXPECT_EQ(operations.done.size(), 1U) << "carried out without a trace";
    EXPECT_TRUE(dispatcher.on_signal(CommandId::drain, "SIGTERM", sender)) << "it must end";
    EXPECT_EQ(operations.done.size(), 2U);
}

TEST_F(AdminDispatcher, a_message_without_end_is_cut_in_the_audit_log) {
    const AuditLog audit(log());
    ASSERT_TRUE(audit.reserve());
    ASSERT_TRUE(audit.write({}, "reload", {}, "refused", std::string(1'000'000, 'x')));
    EXPECT_LT(std::filesystem::file_size(log()), 4096U) << "what is reserved is never shown";
    ASSERT_EQ(entries().size(), 1U);
}

TEST_F(AdminDispatcher, a_symbolic_link_or_a_pipe_is_no_audit_log) {
    std::filesystem::create_symlink(folder_ / "elsewhere", log());
    EXPECT_FALSE(ask("drain")["ok"].get<bool>());
    EXPECT_FALSE(std::filesystem::exists(folder_ / "elsewhere"));
    std::filesystem::remove(log());
    ASSERT_EQ(::mkfifo(log().c_str(), 0600), 0);
    EXPECT_FALSE(ask("drain")["ok"].get<bool>());
    EXPECT_TRUE(operations.done.empty());
}

TEST_F(AdminDispatcher, all_associations_are_rekeyed_only_when_that_is_said) {
    EXPECT_FALSE(ask("rekey")["ok"].get<bool>());
    EXPECT_FALSE(ask("rekey", {{"all", false}})["ok"].get<bool>());
    EXPECT_FALSE(ask("rekey", {{"all", true}, {"association", 7}})["ok"].get<bool>());
    EXPECT_TRUE(operations.done.empty());
}

TEST_F(AdminDispatcher, pages_are_bounded) {
    ask("associations");
    EXPECT_EQ(operations.limit, kDefaultPage);
    ask("associations", {{"after", 40}, {"limit", 1'000'000}});
    EXPECT_EQ(operations.limit, kMaxPage);
    EXPECT_EQ(operations.after, 40U);
    ask("associations", {{"limit", 0}});
    EXPECT_EQ(operations.limit, 1U);
}

TEST_F(AdminDispatcher, a_capture_is_audited_with_what_was_asked_for) {
    EXPECT_TRUE(ask("capture", {{"association", 7}, {"leg", "backend"}, {"seconds", 5}})["ok"]);
    EXPECT_EQ(operations.done, std::vector<std::string>{"capture by client 3"});
    EXPECT_EQ(operations.wished.association, 7U);
    EXPECT_EQ(operations.wished.leg, "backend");
    EXPECT_EQ(operations.wished.seconds, 5U);
    EXPECT_EQ(operations.wished.packets, std::nullopt);
    EXPECT_FALSE(operations.wished.plaintext || operations.wished.keys);
    EXPECT_TRUE(ask("capture", {{"port", "n2"}, {"plaintext", true}, {"keys", true}})["ok"]);
    EXPECT_EQ(operations.wished.port, "n2");
    EXPECT_TRUE(operations.wished.plaintext && operations.wished.keys);
    EXPECT_FALSE(ask("capture_stop", {{"capture", 9}})["ok"].get<bool>());
    ask("captures");
    const auto written = entries();
    ASSERT_EQ(written.size(), 3U);
    EXPECT_EQ(written[0]["arguments"]["leg"], "backend");
    EXPECT_EQ(written[1]["arguments"]["plaintext"], true);
    EXPECT_EQ(written[2]["command"], "capture_stop");
    EXPECT_EQ(written[2]["result"], "not_found");
    EXPECT_FALSE(ask("capture", {{"leg", "both"}})["ok"].get<bool>());
}

TEST_F(AdminDispatcher, text_of_a_peer_that_is_no_utf8_does_not_break_the_answer) {
    operations.secret_of_peer = "\xc3\x28\n";
    EXPECT_TRUE(ask("status")["ok"].get<bool>());
}

}  // namespace
}  // namespace sdg::admin
