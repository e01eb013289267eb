// Who gets into a swarm of real nodes, who does not, and who goes.
#include "bootstrap/member_watch.h"
#include "node/base/durable_file.h"
#include "tests/support/scratch_folder.h"
#include "tests/swarm/node_client.h"
#include "tests/swarm/process_swarm.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <set>
#include <thread>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Free a moment ago. A node that finds it taken waits for some seconds.
std::string free_address() {
  boost::asio::io_context io;
  const boost::asio::ip::tcp::acceptor probe{io, {boost::asio::ip::address_v4::loopback(), 0}};
  return fmt::format("127.0.0.1:{}", probe.local_endpoint().port());
}

class Membership : public testing::Test {
 protected:
  std::filesystem::path secret_file(char digit) {
    const auto path = scratch_.path() / std::string(1, digit);
    EXPECT_TRUE(write_file_atomically(path, std::string(64, digit), 0600));
    return path;
  }

  static std::size_t alive(ProcessSwarm& swarm, std::size_t asked) {
    const auto status = swarm.client(asked).get("/api/v1/swarm");
    if (!status) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(
        (*status)["members"], [](const Json& member) { return member["state"] == "alive"; }));
  }

  static std::string role(ProcessSwarm& swarm, std::size_t asked, const std::string& name) {
    const auto status = swarm.client(asked).get("/api/v1/swarm");
    if (!status) return "unknown";
    for (const auto& member : (*status)["members"])
      if (member["name"] == name && member["state"] != "left") return member["role"];
    return "absent";
  }

  static std::vector<std::string> join(ProcessSwarm& swarm,
                                       const std::string& secret_option,
                                       const std::string& secret) {
    return {"--join", swarm.listen(0), secret_option, secret};
  }

  int starling(ProcessSwarm& swarm, std::vector<std::string> words) {
    words.insert(words.begin(), STARLING_PROGRAM);
    words.insert(words.end(), {"--url", swarm.url(0), "--token", swarm.token()});
    return run_program(words, output_, 90s);
  }

  static bool has_key(ProcessSwarm& swarm, std::size_t node, std::uint64_t generation) {
    const auto ring = bootstrap::read_key_ring(swarm.data(node) / "swarm-keys");
    const auto used = ring ? node::key_in_use(*ring) : std::nullopt;
    return used && used->generation == generation;
  }

  const ScratchFolder scratch_;
  std::string output_;
};

TEST_F(Membership, TheSameCommandOnAllNodesAtOnceMakesOneSwarm) {
  const auto first = free_address();
  ProcessSwarm swarm{
      SwarmPlan{.nodes = 3,
                .secret_file = secret_file('a'),
                .at_once = true,
                .listen = [&](std::size_t node) { return node == 0 ? first : "127.0.0.1:0"; }}};
  std::set<std::string> swarms;
  for (std::size_t i = 0; i < 3; ++i)
    swarms.insert(swarm.client(i).get("/api/v1/swarm").value()["swarm_id"]);
  EXPECT_EQ(swarms.size(), 1U);
  EXPECT_THAT(swarm.output(0), HasSubstr("founded a swarm"));

  // The founder's disk is lost while the others are away: they come back and adopt it.
  swarm.kill(0);
  std::filesystem::remove_all(swarm.data(0));
  swarm.start(0);
  EXPECT_TRUE(wait_until(30s, [&] { return alive(swarm, 1) == 3; })) << swarm.logs();
  EXPECT_EQ(swarm.client(0).get("/api/v1/swarm").value()["swarm_id"], *swarms.begin());
}

TEST_F(Membership, ATokenLetsOneInAndIsUsedThen) {
  ProcessSwarm swarm{1};
  ASSERT_EQ(starling(swarm, {"member", "invite"}), 0) << output_;
  const std::string token = output_.substr(output_.find("starling-join-"), 14 + 96);
  const std::size_t second = swarm.add(join(swarm, "--join-token", token));
  ASSERT_TRUE(swarm.serves(second)) << swarm.logs();
  EXPECT_TRUE(has_key(swarm, second, 1)) << "it has the swarm's keys now";
  EXPECT_TRUE(wait_until(20s, [&] { return alive(swarm, 0) == 2; }));

  const std::size_t third = swarm.add(join(swarm, "--join-token", token));
  EXPECT_TRUE(wait_until(
      20s, [&] { return swarm.output(third).find("still trying") != std::string::npos; }));
  EXPECT_FALSE(std::filesystem::exists(swarm.data(third) / "state"));
  EXPECT_EQ(alive(swarm, 0), 2U);
}

TEST_F(Membership, WhoIsRemovedHandsItsVoteOverStopsAndIsRefusedFromThenOn) {
  ProcessSwarm swarm{4};
  const std::size_t leader = swarm.leader();
  const std::string name = fmt::format("node-{}", leader + 1);
  const std::size_t other = (leader + 1) % 4;
  std::vector<std::string> words{
      STARLING_PROGRAM, "member", "rm", name, "--url", swarm.url(other), "--token", swarm.token()};
  ASSERT_EQ(run_program(words, output_, 90s), 0) << output_ << swarm.logs();
  EXPECT_EQ(swarm.wait_for_end(leader), 0) << swarm.logs();
  EXPECT_THAT(swarm.output(leader), HasSubstr("was removed from the swarm"));
  EXPECT_EQ(alive(swarm, other), 3U);
  EXPECT_NE(swarm.leader(), leader);

  const std::size_t again = leader;
  std::vector<std::string> start{STARLING_PROGRAM,
                                 "node",
                                 "--data",
                                 swarm.data(again),
                                 "--listen",
                                 "127.0.0.1:0",
                                 "--http",
                                 "127.0.0.1:0",
                                 "--join",
                                 swarm.listen(other)};
  EXPECT_EQ(run_program(start, output_, 20s), 0) << "it does not try for ever";
  EXPECT_THAT(output_, HasSubstr("was removed from the swarm"));
  EXPECT_EQ(alive(swarm, other), 3U);
}

// GB-7: who founded a swarm because nobody else could be reached meets the other swarm at last.
TEST_F(Membership, OfTwoSwarmsWithOneSecretTheEmptyOneJoinsAndTheFullOneStaysApart) {
  const std::vector<std::string> addresses{free_address(), free_address(), free_address()};
  ProcessSwarm swarm{SwarmPlan{.nodes = 1,
                               .secret_file = secret_file('d'),
                               .listen = [&](std::size_t node) { return addresses.at(node); }}};
  ASSERT_TRUE(swarm.client(0).post("/api/v1/swarm/invites", {{"expires_s", 60}}));
  const std::string id = swarm.client(0).get("/api/v1/swarm").value()["swarm_id"];
  swarm.kill(0);
  const auto found_alone = [&] {
    const auto& own = addresses.at(swarm.size());
    return swarm.add({"--join", own, "--join", addresses[0], "--secret-file", secret_file('d')});
  };
  const std::size_t empty = found_alone();
  const std::size_t full = found_alone();
  ASSERT_TRUE(swarm.serves(empty) && swarm.serves(full)) << swarm.logs();
  const auto token = read_file(swarm.data(full) / "admin-token").value();
  bootstrap::SwarmClient of_full{swarm.url(full), token};
  // One register is enough; nothing else tells anybody of it.
  NodeClient writer{{swarm.url(full)}, token, 20s};
  ASSERT_TRUE(wait_until(20s, [&] {
    return writer.ask(0, "PUT", "/api/v1/registers/mine", {}, "kept").known == Known::ok;
  }));
  const std::string full_id = of_full.get("/api/v1/swarm").value()["swarm_id"];
  EXPECT_NE(full_id, id);

  swarm.start(0);
  EXPECT_TRUE(wait_until(60s, [&] { return alive(swarm, 0) == 2; })) << swarm.logs();
  EXPECT_THAT(swarm.output(empty), HasSubstr("holds nothing yet"));
  EXPECT_TRUE(wait_until(20s, [&] {
    const auto status = of_full.get("/api/v1/swarm");
    return status && (*status)["swarm_id"] == full_id &&
           (*status)["notes"].dump().find("that knows the same secret") != std::string::npos;
  })) << swarm.output(full);
  EXPECT_EQ(writer.ask(0, "GET", "/api/v1/registers/mine").body, "kept");
}

// G7: a data directory was copied, and both copies run.
TEST_F(Membership, WhoRunsOnACopyOfAnothersDirectoryStopsAndNobodyLosesAnything) {
  ProcessSwarm swarm{3};
  const std::size_t copied = (swarm.leader() + 1) % 3;
  EXPECT_EQ(swarm.stop(copied), 0);
  const auto copy = scratch_.path() / "copy";
  std::filesystem::copy(swarm.data(copied), copy, std::filesystem::copy_options::recursive);
  swarm.start(copied);
  const auto born = std::chrono::steady_clock::now();
  EXPECT_TRUE(wait_until(30s, [&] {
    const bool is_older = std::chrono::steady_clock::now() - born > 6s;  // than the copy, clearly
    return is_older && alive(swarm, copied) == 3;
  }));
  const std::vector<std::string> start{STARLING_PROGRAM,
                                       "node",
                                       "--data",
                                       copy,
                                       "--listen",
                                       "127.0.0.1:0",
                                       "--http",
                                       "127.0.0.1:0",
                                       "--join",
                                       swarm.listen((copied + 1) % 3)};
  EXPECT_EQ(run_program(start, output_, 20s), 1);
  EXPECT_THAT(output_, HasSubstr("and began earlier: this one stops"));
  EXPECT_THAT(output_, testing::Not(HasSubstr("serving http"))) << "it did nothing before";
  EXPECT_TRUE(swarm.is_running(copied));
  EXPECT_TRUE(wait_until(20s, [&] {
    return swarm.output(copied).find("it began later and has to stop") != std::string::npos;
  })) << swarm.output(copied);
  const auto address = [&] {
    const auto status = swarm.client(swarm.leader()).get("/api/v1/swarm");
    if (!status) return std::string{};
    for (const auto& member : (*status)["members"])
      if (member["name"] == fmt::format("node-{}", copied + 1))
        return std::string{member["address"]};
    return std::string{};
  };
  EXPECT_TRUE(wait_until(20s, [&] { return address() == swarm.listen(copied); }))
      << "the first one is believed again";
  EXPECT_TRUE(swarm.client(copied).post("/api/v1/swarm/invites", {{"expires_s", 1}}));
}

TEST_F(Membership, ANewSecretReachesAllAndShutsTheOldOneOut) {
  ProcessSwarm swarm{SwarmPlan{.nodes = 4, .secret_file = secret_file('b')}};
  // One is away meanwhile; it does not vote, so that three go on.
  std::size_t away = 0;
  for (std::size_t i = 0; i < 4; ++i)
    if (role(swarm, i, fmt::format("node-{}", i + 1)) != "voter") away = i;
  swarm.kill(away);
  const std::size_t asked = away == 0 ? 1 : 0;
  EXPECT_TRUE(wait_until(60s, [&] { return alive(swarm, asked) == 3; }));
  ASSERT_TRUE(swarm.client(asked).post("/api/v1/swarm/rotate-secret", Json::object()));
  for (std::size_t i = 0; i < 4; ++i) {
    if (i == away) continue;
    EXPECT_TRUE(wait_until(60s, [&] { return has_key(swarm, i, 2); })) << i << swarm.logs();
  }
  const std::vector<std::string> stale{
      "--join", swarm.listen(asked), "--secret-file", secret_file('b')};
  const std::size_t late = swarm.add(stale);
  EXPECT_TRUE(wait_until(20s, [&] {
    return swarm.output(late).find("the swarm's secret was changed since") != std::string::npos;
  })) << swarm.output(late);
  EXPECT_FALSE(std::filesystem::exists(swarm.data(late) / "state"));
  swarm.kill(late);

  swarm.start(away);
  EXPECT_TRUE(wait_until(60s, [&] { return has_key(swarm, away, 2); })) << swarm.logs();
  EXPECT_TRUE(wait_until(60s, [&] { return alive(swarm, asked) == 4; })) << swarm.logs();
}

/// Writes without a pause, to whoever answers, and knows the longest time in which nothing worked.
class SteadyWriter {
 public:
  explicit SteadyWriter(bootstrap::SwarmClient client)
      : client_(std::move(client)), thread_([this] { run(); }) {}

  ~SteadyWriter() { finish(); }

  struct Tally {
    int done = 0;
    std::chrono::milliseconds longest_gap{0};
  };

  Tally finish() {
    is_over_ = true;
    if (thread_.joinable()) thread_.join();
    return tally_;
  }

 private:
  void run() {
    using Clock = std::chrono::steady_clock;
    auto last = Clock::now();
    while (!is_over_) {
      if (!client_.post("/api/v1/swarm/invites", {{"expires_s", 1}})) continue;
      const auto gap = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - last);
      tally_.longest_gap = std::max(tally_.longest_gap, gap);
      last = Clock::now();
      ++tally_.done;
      std::this_thread::sleep_for(20ms);  // the invitations of a second must stay below their limit
    }
  }

  bootstrap::SwarmClient client_;
  std::atomic<bool> is_over_ = false;
  Tally tally_;
  std::thread thread_;
};

TEST_F(Membership, ARollingRestartUnderAStudyStopsNeitherStudyNorWrites) {
  ProcessSwarm swarm{5};
  auto client = swarm.client(0);
  const auto study = swarm.start_study(client,
                                       kInsurance,
                                       {{"target", "charges"},
                                        {"trials", 40},
                                        {"parallelism", 4},
                                        {"epochs", 150},
                                        {"patience", 150}});
  SteadyWriter writer{swarm.client(0)};
  for (std::size_t i = 0; i < swarm.size(); ++i) {
    EXPECT_EQ(swarm.stop(i), 0) << swarm.logs();
    swarm.start(i);
    bootstrap::SwarmClient one{swarm.url(i), swarm.token(), {.attempts = 1, .pause = 1ms}};
    EXPECT_TRUE(wait_until(30s, [&] { return one.get("/readyz").has_value(); })) << swarm.logs();
  }
  const auto tally = writer.finish();
  std::cout << tally.done << " writes, the longest gap " << tally.longest_gap.count() << " ms\n";
  EXPECT_GT(tally.done, static_cast<int>(swarm.size())) << "more than one for each restart";
  EXPECT_LT(tally.longest_gap, 20s) << "far above what it takes, for machines that are busy";
  const auto ended = swarm.wait_for_study(client, study, 240s);
  EXPECT_EQ(ended["trials"]["completed"], 40) << ended.dump(1) << swarm.logs();
}

}  // namespace
}  // namespace starling::tests
