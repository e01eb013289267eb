// Every wrong option names itself, its value and what to use instead.
#include "bootstrap/settings.h"

#include "bootstrap/node_sockets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <unistd.h>

namespace starling::bootstrap {
namespace {

using testing::HasSubstr;

TEST(ParseSize, ReadsBytesAndUnits) {
  EXPECT_EQ(parse_size("--memory", "512M").value(), std::uint64_t{512} << 20);
  EXPECT_EQ(parse_size("--memory", "2G").value(), std::uint64_t{2} << 30);
  EXPECT_EQ(parse_size("--memory", "2GiB").value(), std::uint64_t{2} << 30);
  EXPECT_EQ(parse_size("--memory", "1024").value(), 1024U);
  for (const char* bad : {"", "M", "1X", "-1", "1.5G", "99999999999999999999", "9999999999G"})
    EXPECT_FALSE(parse_size("--memory", bad)) << bad;
}

TEST(ParseHostPort, ReadsNamesAndBothKindsOfAddress) {
  EXPECT_EQ(parse_host_port("--listen", "127.0.0.1:7400")->port, 7400);
  EXPECT_EQ(parse_host_port("--listen", "[::1]:1")->host, "::1");
  EXPECT_EQ(parse_host_port("--listen", "localhost:0")->host, "localhost");
  for (const char* bad : {"", "7400", ":7400", "host:", "host:70000", "host:7a"})
    EXPECT_THAT(parse_host_port("--listen", bad).error().detail, HasSubstr("--listen")) << bad;
}

/// `starling node` with these arguments and this file.
struct Parsed {
  Settings settings;
  std::string error;
};

Parsed parse_node(std::vector<std::string> arguments, const std::string& file) {
  const std::string path = testing::TempDir() + "node-" + std::to_string(getpid()) + ".conf";
  std::ofstream{path} << file;
  Parsed parsed;
  CLI::App app;
  add_node_command(app, parsed.settings);
  arguments.insert(arguments.begin(), {"node", "--config", path});
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& failed) {
    parsed.error = failed.what();
  }
  std::filesystem::remove(path);
  return parsed;
}

TEST(NodeFile, HoldsTheSameOptionsAsTheCommandLine) {
  const auto parsed = parse_node({}, "data = \"/d\"\nfound = true\nslots = 3\nlabel = [\"a=b\"]\n");
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.settings.data, "/d");
  EXPECT_TRUE(parsed.settings.found);
  EXPECT_EQ(parsed.settings.slots, 3U);
  EXPECT_THAT(parsed.settings.labels, testing::ElementsAre("a=b"));
}

TEST(NodeFile, YieldsToTheEnvironmentAndThatToTheCommandLine) {
  const std::string file = "data = \"/d\"\nslots = 3\nname = \"file\"\nlog-level = \"warn\"\n";
  setenv("STARLING_SLOTS", "4", 1);
  setenv("STARLING_NAME", "environment", 1);
  const auto parsed = parse_node({"--name", "line"}, file);
  unsetenv("STARLING_SLOTS");
  unsetenv("STARLING_NAME");
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.settings.slots, 4U);
  EXPECT_EQ(parsed.settings.name, "line");
  EXPECT_EQ(parsed.settings.log_level, "warn");
}

TEST(NodeFile, MayBeNamedByTheEnvironment) {
  const std::string path = testing::TempDir() + "named-" + std::to_string(getpid()) + ".conf";
  std::ofstream{path} << "data = \"/named\"\n";
  setenv("STARLING_CONFIG", path.c_str(), 1);
  Settings settings;
  CLI::App app;
  add_node_command(app, settings);
  app.parse(std::vector<std::string>{"node"});
  EXPECT_EQ(settings.data, "/named");

  std::filesystem::remove(path);
  CLI::App without;
  add_node_command(without, settings);
  EXPECT_THROW(without.parse(std::vector<std::string>{"node"}), CLI::FileError);
  unsetenv("STARLING_CONFIG");
}

TEST(NodeFile, WithAnUnknownNameIsRefused) {
  EXPECT_THAT(parse_node({}, "data = \"/d\"\nslotz = 3\n").error, HasSubstr("slotz"));
}

struct BadCase {
  std::string name;
  std::function<void(Settings&)> spoil;
  std::string says;
};

class BadSettings : public testing::TestWithParam<BadCase> {};

TEST_P(BadSettings, AreRefusedNamingTheOption) {
  Settings settings;
  settings.data = "somewhere";
  ASSERT_TRUE(check(settings));
  GetParam().spoil(settings);
  const auto checked = check(settings);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Errc::invalid_argument);
  EXPECT_THAT(checked.error().detail, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Options,
    BadSettings,
    testing::Values(
        BadCase{"listen", [](auto& s) { s.listen = "0.0.0.0:7400"; }, "--listen 0.0.0.0:7400"},
        BadCase{"advertise", [](auto& s) { s.advertise = "0.0.0.0:1"; }, "nobody can connect"},
        BadCase{"join", [](auto& s) { s.join = {"10.0.0.1"}; }, "--join 10.0.0.1"},
        BadCase{"token", [](auto& s) { s.join_token = "abc"; }, "--join-token"},
        BadCase{"http", [](auto& s) { s.http = "0.0.0.0:80"; }, "--http 0.0.0.0:80"},
        BadCase{"slots", [](auto& s) { s.slots = 2000; }, "--slots 2000"},
        BadCase{"name", [](auto& s) { s.name = std::string(65, 'x'); }, "--name"},
        BadCase{"label", [](auto& s) { s.labels = {"novalue"}; }, "--label novalue"},
        BadCase{"memory", [](auto& s) { s.memory = "1M"; }, "at least 128M"},
        BadCase{"upload", [](auto& s) { s.upload_limit = "x"; }, "--upload-limit x"}),
    [](const auto& param_info) { return param_info.param.name; });

class Advertised : public testing::Test {
 protected:
  Result<std::string> advertised(const std::string& listen, std::vector<std::string> join) {
    settings_.listen = listen;
    settings_.http = "127.0.0.1:0";
    settings_.join = std::move(join);
    sockets_ = bind_sockets(settings_, core_, web_, std::chrono::milliseconds{100});
    EXPECT_TRUE(sockets_);
    return advertised_address(settings_, *sockets_, core_);
  }

  std::string port() const { return std::to_string(sockets_->peers.local_endpoint().port()); }

  Settings settings_;
  boost::asio::io_context core_;
  boost::asio::io_context web_;
  Result<NodeSockets> sockets_ = Error{Errc::unavailable, "not bound yet"};
};

TEST_F(Advertised, IsTheAddressThatIsListenedOn) {
  const auto told = advertised("127.0.0.1:0", {"127.0.0.1:9"});
  ASSERT_TRUE(told) << told.error().detail;
  EXPECT_EQ(*told, "127.0.0.1:" + port());
}

TEST_F(Advertised, IsTheOneThatLeadsToASeedWhereAllAre) {
  const auto told = advertised("0.0.0.0:0", {"nowhere.invalid:9", "127.0.0.1:9"});
  ASSERT_TRUE(told) << told.error().detail;
  EXPECT_EQ(*told, "127.0.0.1:" + port());
}

TEST_F(Advertised, MustBeSaidWhereNothingTells) {
  const auto told = advertised("0.0.0.0:0", {"nowhere.invalid:9"});
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().detail, HasSubstr("--advertise"));
}

}  // namespace
}  // namespace starling::bootstrap
