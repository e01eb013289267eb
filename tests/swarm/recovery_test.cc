// The drill: most voters are lost for good, a person recovers, and an old voter comes back late.
#include "node/base/durable_file.h"
#include "node/blobs/blob_files.h"
#include "tests/support/scratch_folder.h"
#include "tests/swarm/node_client.h"
#include "tests/swarm/process_swarm.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Recovery : public testing::Test {
 protected:
  Recovery() : swarm_(SwarmPlan{.nodes = 5, .slots = 1}), token_(swarm_.token()) {}

  NodeClient nodes() const {
    std::vector<std::string> urls;
    for (std::size_t i = 0; i < swarm_.size(); ++i)
      urls.push_back(swarm_.url(i));
    return {urls, token_, 20s};
  }

  Json status(std::size_t node) {
    bootstrap::SwarmClient one{swarm_.url(node), token_, {.attempts = 1, .pause = 1ms}};
    const auto seen = one.get("/api/v1/swarm");
    return seen ? *seen : Json{{"members", Json::array()}, {"notes", Json::array()}};
  }

  std::size_t alive(std::size_t asked, const std::string& role) {
    const auto seen = status(asked);
    return static_cast<std::size_t>(std::ranges::count_if(seen["members"], [&](const Json& member) {
      return member["state"] == "alive" && member["role"] == role;
    }));
  }

  int recover(std::size_t node, bool is_sure) {
    std::vector<std::string> words{
        STARLING_PROGRAM, "recover", "--data", swarm_.data(node).string()};
    if (is_sure) words.emplace_back("--yes");
    return run_program(words, output_, 60s);
  }

  /// An upload is acknowledged by two disks and the third copy follows: until it is there, two
  /// lost machines can take a table with them.
  bool has_three_copies(const std::filesystem::path& csv) const {
    const auto digest = node::digest_of(csv);
    if (!digest) return false;
    std::size_t copies = 0;
    for (std::size_t node = 0; node < swarm_.size(); ++node)
      copies += std::filesystem::exists(node::blob_path(swarm_.data(node) / "blobs", digest->hash));
    return copies >= 3;
  }

  static bool has_state_aside(const std::filesystem::path& data) {
    return std::filesystem::exists(data / "state.lost-1");
  }

  ProcessSwarm swarm_;
  const std::string token_;
  std::string output_;
};

TEST_F(Recovery, OneOfTwoSurvivorsGoesOnAndEveryoneElseComesBackAsNew) {
  NodeClient all = nodes();
  const std::size_t first = swarm_.leader();
  for (int i = 0; i < 10; ++i) {
    const auto path = fmt::format("/api/v1/registers/key-{}", i);
    ASSERT_EQ(all.ask(first, "PUT", path, {}, std::to_string(i)).known, Known::ok);
  }
  auto client = swarm_.client(first);
  const auto study =
      swarm_.start_study(client, kInsurance, {{"target", "charges"}, {"trials", 4}, {"epochs", 3}});
  const auto index = status(first)["commit_index"].get<std::uint64_t>();

  // Two keep all of it; the leader and two more are lost, one of them only for now.
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < 5; ++i)
    if (i != first) rest.push_back(i);
  const std::size_t survivor = rest[0];
  const std::size_t other = rest[1];
  const std::size_t late = rest[2];
  for (const std::size_t node : {survivor, other}) {
    ASSERT_TRUE(wait_until(
        20s, [&] { return status(node)["applied_index"].get<std::uint64_t>() >= index; }));
  }
  ASSERT_TRUE(wait_until(30s, [&] { return has_three_copies(kInsurance); })) << swarm_.logs();
  for (const std::size_t lost : {first, late, rest[3]})
    swarm_.kill(lost);
  for (const std::size_t wiped : {first, rest[3]})
    std::filesystem::remove_all(swarm_.data(wiped));

  // They say so, answer what they know, and take no writes.
  ASSERT_TRUE(wait_until(40s, [&] {
    const auto notes = status(survivor)["notes"].dump();
    return notes.find("3 of 5 voters cannot be reached") != std::string::npos;
  })) << status(survivor).dump(1);
  EXPECT_EQ(all.ask(survivor, "GET", "/api/v1/registers/key-9").body, "9");
  EXPECT_EQ(all.ask(survivor, "PUT", "/api/v1/registers/key-9", {}, "x").status, 503U);

  // Not while it runs, not without being sure, and not by the one that holds less.
  EXPECT_EQ(recover(survivor, true), 1);
  EXPECT_THAT(output_, HasSubstr("another starling process uses this directory"));
  std::size_t chosen = survivor;
  std::size_t witness = other;
  swarm_.kill(chosen);
  int ended = recover(chosen, false);
  if (ended == 1 && output_.find("recover there") != std::string::npos) {
    swarm_.start(chosen);
    std::swap(chosen, witness);
    swarm_.kill(chosen);
    ended = recover(chosen, false);
  }
  ASSERT_EQ(ended, 2) << output_;
  EXPECT_THAT(output_, HasSubstr("Nothing was changed"));
  ASSERT_EQ(recover(chosen, true), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("is the only voter now"));

  swarm_.start(chosen);
  ASSERT_TRUE(wait_until(30s, [&] { return status(chosen)["leader"].is_string(); }))
      << status(chosen).dump(1) << swarm_.output(chosen);
  for (int i = 0; i < 10; ++i) {
    const auto path = fmt::format("/api/v1/registers/key-{}?consistency=linearizable", i);
    EXPECT_TRUE(wait_until(20s, [&] {
      return all.ask(chosen, "GET", path).body == std::to_string(i);
    })) << path;
  }
  EXPECT_GE(status(chosen)["commit_index"].get<std::uint64_t>(), index + (1 << 20));
  // The other survivor meets it and is a new member.
  EXPECT_TRUE(wait_until(90s, [&] { return has_state_aside(swarm_.data(witness)); }))
      << swarm_.logs();

  // An old voter comes back late, the lost machines get new disks: five voters again.
  swarm_.start(late);
  EXPECT_TRUE(wait_until(90s, [&] { return has_state_aside(swarm_.data(late)); }));
  for (int i = 0; i < 2; ++i)
    swarm_.add({"--join",
                swarm_.listen(chosen),
                "--secret-file",
                (swarm_.data(chosen) / "swarm-keys").string()});
  EXPECT_TRUE(wait_until(90s, [&] { return alive(chosen, "voter") == 5; }))
      << status(chosen).dump(1) << swarm_.logs();

  auto again = swarm_.client(late);
  const auto done = swarm_.wait_for_study(again, study, 120s);
  EXPECT_EQ(done["trials"]["completed"], 4) << done.dump(1);
}

TEST_F(Recovery, IsRefusedWhileAMajorityIsThere) {
  const std::size_t leader = swarm_.leader();
  const std::size_t node = (leader + 1) % 5;
  const auto peers = swarm_.data(node) / "peers";
  EXPECT_TRUE(wait_until(20s, [&] {
    const auto known = read_file(peers);
    return known && std::ranges::count(*known, '\n') == 4;
  }));
  swarm_.kill(node);
  EXPECT_EQ(recover(node, true), 1);
  EXPECT_THAT(output_, testing::AnyOf(HasSubstr("hears a leader"), HasSubstr("a majority")));
  // Nobody that could be asked is no sign that nobody is there.
  std::filesystem::rename(peers, peers.string() + ".away");
  EXPECT_EQ(recover(node, true), 1);
  EXPECT_THAT(output_, HasSubstr("knows the address of none of the 4 other voters"));
  std::filesystem::rename(peers.string() + ".away", peers);
  swarm_.start(node);
  EXPECT_TRUE(wait_until(30s, [&] { return alive(leader, "voter") == 5; }));
}

// GR-5: what was acknowledged and only the lost majority held.
TEST_F(Recovery, AnAcknowledgedResultThatTheSurvivorLacksIsSaidAgainOrReported) {
  const std::size_t leader = swarm_.leader();
  auto client = swarm_.client(leader);
  const auto id = swarm_.start_study(
      client,
      kInsurance,
      {{"target", "charges"}, {"trials", 1}, {"epochs", 300}, {"patience", 300}});
  const auto trial = [&](std::size_t asked) {
    bootstrap::SwarmClient one{swarm_.url(asked), token_, {.attempts = 1, .pause = 1ms}};
    const auto trials = one.get("/api/v1/studies/" + id + "/trials");
    return trials && !(*trials)["trials"].empty() ? (*trials)["trials"][0] : Json::object();
  };
  std::string runner;
  std::size_t survivor = leader;
  ASSERT_TRUE(wait_until(60s, [&] {
    const auto seen = trial(leader);
    if (seen.value("state", "") == "running") runner = seen["node_name"];
    return !runner.empty();
  })) << swarm_.logs();
  const auto worker = static_cast<std::size_t>(std::stoul(runner.substr(5))) - 1;
  while (survivor == leader || survivor == worker)
    survivor = (survivor + 1) % 5;
  ASSERT_TRUE(wait_until(20s, [&] { return trial(survivor).value("state", "") == "running"; }));
  swarm_.suspend(survivor);
  ASSERT_TRUE(wait_until(120s, [&] { return trial(leader).value("state", "") == "completed"; }))
      << swarm_.logs();
  for (std::size_t i = 0; i < 5; ++i)
    swarm_.kill(i);

  ASSERT_EQ(recover(survivor, true), 0) << output_;
  swarm_.start(survivor);
  swarm_.start(worker);
  EXPECT_TRUE(wait_until(90s, [&] {
    const auto said = swarm_.output(worker);
    return said.find("an acknowledged result stands after the recovery") != std::string::npos ||
           said.find("an acknowledged result is lost: trial") != std::string::npos;
  })) << swarm_.logs();
  EXPECT_TRUE(wait_until(90s, [&] { return trial(survivor).value("state", "") == "completed"; }))
      << swarm_.logs();
}

TEST(Outbox, AResultThatNobodyCanTakeOutlivesItsNodeAndIsNotWorkedOutAgain) {
  ProcessSwarm swarm{3};
  auto client = swarm.client(0);
  const auto id = swarm.start_study(client,
                                    kInsurance,
                                    {{"target", "charges"},
                                     {"families", {"mlp"}},  // takes longer than to kill the others
                                     {"trials", 1},
                                     {"epochs", 2000},
                                     {"patience", 2000}});
  std::string runner;
  ASSERT_TRUE(wait_until(60s, [&] {
    const auto trials = client.get("/api/v1/studies/" + id + "/trials");
    if (!trials || (*trials)["trials"].empty()) return false;
    const auto& trial = (*trials)["trials"][0];
    if (trial["state"] == "running") runner = trial["node_name"];
    return !runner.empty();
  })) << swarm.logs();
  const auto alone = static_cast<std::size_t>(std::stoul(runner.substr(5))) - 1;
  for (std::size_t i = 0; i < 3; ++i)
    if (i != alone) swarm.kill(i);
  const auto outbox = swarm.data(alone) / "outbox";
  const auto holds_one = [&outbox] {
    std::error_code none;
    const std::filesystem::directory_iterator files{outbox, none};
    return std::ranges::any_of(files, [](const auto& file) {
      return !file.path().filename().string().starts_with("said-");
    });
  };
  ASSERT_TRUE(wait_until(120s, holds_one)) << swarm.logs();
  swarm.kill(alone);
  for (std::size_t i = 0; i < 3; ++i)
    swarm.start(i);
  auto again = swarm.client(alone);
  const auto study = swarm.wait_for_study(again, id, 120s);
  EXPECT_EQ(study["status"], "completed") << study.dump(1);
  const auto trials = again.get("/api/v1/studies/" + id + "/trials").value();
  EXPECT_EQ(trials["trials"][0]["attempts"], 1) << "the first result counts";
  EXPECT_TRUE(wait_until(20s, [&] { return !holds_one(); }));
}

TEST(Backup, BecomesTheStateOfANewSwarm) {
  const ScratchFolder scratch;
  const auto file = scratch.path() / "state.backup";
  std::string output;
  std::string token;
  {
    ProcessSwarm swarm{3};
    token = swarm.token();
    NodeClient all{{swarm.url(0), swarm.url(1), swarm.url(2)}, token, 20s};
    for (int i = 0; i < 50; ++i) {
      const auto path = fmt::format("/api/v1/registers/key-{}", i);
      ASSERT_EQ(all.ask(0, "PUT", path, {}, std::to_string(i)).known, Known::ok);
    }
    ASSERT_EQ(
        run_program(
            {STARLING_PROGRAM, "backup", file.string(), "--url", swarm.url(0), "--token", token},
            output,
            60s),
        0)
        << output;
    EXPECT_THAT(output, HasSubstr("holds the state of swarm"));
    const auto mode = std::filesystem::status(file).permissions();
    EXPECT_EQ(mode & std::filesystem::perms::others_read, std::filesystem::perms::none);
  }
  ProcessSwarm swarm{1};
  const auto data = scratch.path() / "restored";
  const std::vector<std::string> words{
      STARLING_PROGRAM, "restore", file.string(), "--data", data.string()};
  ASSERT_EQ(run_program(words, output, 60s), 0) << output;
  EXPECT_EQ(run_program(words, output, 60s), 1) << "into what is in use";
  swarm.kill(0);
  std::filesystem::remove_all(swarm.data(0));
  std::filesystem::copy(data, swarm.data(0), std::filesystem::copy_options::recursive);
  swarm.start(0);
  NodeClient one{{swarm.url(0)}, token, 20s};
  for (const int i : {0, 49}) {
    const auto path = fmt::format("/api/v1/registers/key-{}?consistency=linearizable", i);
    EXPECT_TRUE(wait_until(20s, [&] { return one.ask(0, "GET", path).body == std::to_string(i); }))
        << swarm.logs();
  }
  EXPECT_EQ(one.ask(0, "PUT", "/api/v1/registers/new", {}, "x").known, Known::ok);
}

}  // namespace
}  // namespace starling::tests
