// Real nodes beyond the voters and standbys: what people do must work on each of them.
#include "tests/swarm/node_client.h"
#include "tests/swarm/process_swarm.h"
#include "tests/web/test_client.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kNodes = 9;  // five voters, two standbys, two leaves

class Leaves : public testing::Test {
 protected:
  Leaves() : swarm_(SwarmPlan{.nodes = kNodes, .slots = 1}) {}

  /// As the leader sees it.
  std::map<std::string, std::vector<std::size_t>> by_role() {
    std::map<std::string, std::vector<std::size_t>> roles;
    const auto status = swarm_.client(swarm_.leader()).get("/api/v1/swarm");
    if (!status) return roles;
    for (const auto& member : (*status)["members"])
      if (member["state"] == "alive") roles[member["role"]].push_back(number(member["name"]));
    return roles;
  }

  static std::size_t number(const std::string& name) {
    return static_cast<std::size_t>(std::stoul(name.substr(name.find('-') + 1))) - 1;
  }

  void wait_until_settled(std::size_t voters, std::size_t leaves) {
    ASSERT_TRUE(wait_until(60s, [&] {
      auto roles = by_role();
      leaves_ = roles["leaf"];
      return roles["voter"].size() == voters && roles["standby"].size() == 2 &&
             leaves_.size() == leaves;
    })) << swarm_.logs();
  }

  std::string upstream(std::size_t leaf) {
    const auto status = swarm_.client(leaf).get("/api/v1/swarm");
    if (!status || (*status)["upstream"].is_null()) return {};
    return (*status)["upstream"];
  }

  /// To all that happens after `cursor`, as `node` tells it.
  TestClient listen(std::size_t node, const std::string& cursor) const {
    const std::string host = swarm_.url(node).substr(swarm_.url(node).find("//") + 2);
    TestClient events{static_cast<std::uint16_t>(std::stoul(host.substr(host.rfind(':') + 1)))};
    const std::string headers =
        fmt::format("Authorization: Bearer {}\r\nLast-Event-ID: {}\r\n", swarm_.token(), cursor);
    EXPECT_TRUE(events.send(request_text("GET", "/api/v1/events", host, headers)));
    EXPECT_EQ(events.read_head().headers["content-type"], "text/event-stream");
    return events;
  }

  NodeClient nodes() const {
    std::vector<std::string> urls;
    for (std::size_t i = 0; i < swarm_.size(); ++i)
      urls.push_back(swarm_.url(i));
    return {urls, swarm_.token(), 20s};
  }

  ProcessSwarm swarm_;
  std::vector<std::size_t> leaves_;
};

TEST_F(Leaves, WriteReadFollowAndFindAnotherUpstream) {
  wait_until_settled(5, 2);
  NodeClient all = nodes();
  for (const std::size_t leaf : leaves_) {
    EXPECT_NE(upstream(leaf), "") << "node " << leaf + 1;
    EXPECT_EQ(all.ask(leaf, "GET", "/").status, 200U) << "the dashboard";
    // Not while it applies what was committed this moment.
    EXPECT_TRUE(wait_until(10s, [&] { return all.ask(leaf, "GET", "/readyz").status == 200U; }));
  }
  // Written through one, read through the other, each time the newest.
  for (int i = 0; i < 20; ++i) {
    const auto value = std::to_string(i);
    const auto written = all.ask(leaves_[0], "PUT", "/api/v1/registers/turn", {}, value);
    ASSERT_EQ(written.known, Known::ok) << written.body;
    const auto read = all.ask(leaves_[1], "GET", "/api/v1/registers/turn?consistency=linearizable");
    EXPECT_EQ(read.body, value);
  }
  // What a leaf wrote, it reads: the client names the index of its write.
  auto client = swarm_.client(leaves_[0]);
  const auto id =
      swarm_.start_study(client, kInsurance, {{"target", "charges"}, {"trials", 2}, {"epochs", 3}});
  EXPECT_TRUE(client.get("/api/v1/studies/" + id));

  // Another leaf's stream of events tells of it, and goes on after the last that was heard.
  TestClient events = listen(leaves_[1], "0.0");
  const std::string created = events.read_until("event: study_created");
  ASSERT_THAT(created, HasSubstr("event: study_created"));
  const auto at = created.rfind("id: ") + 4;
  events.close();
  TestClient later = listen(leaves_[1], created.substr(at, created.find('\n', at) - at));
  const std::string rest = later.read_until("event: trial");
  EXPECT_THAT(rest, HasSubstr("event: trial"));
  EXPECT_THAT(rest, Not(HasSubstr("event: study_created")));

  const std::string dead = upstream(leaves_[0]);
  const auto status = swarm_.client(leaves_[0]).get("/api/v1/swarm").value();
  std::size_t killed = 0;
  for (const auto& member : status["members"])
    if (member["id"] == dead) killed = number(member["name"]);
  swarm_.kill(killed);
  EXPECT_TRUE(wait_until(20s, [&] {
    const auto next = upstream(leaves_[0]);
    return !next.empty() && next != dead;
  })) << swarm_.logs();

  auto other = swarm_.client(leaves_[killed == leaves_[1] ? 0 : 1]);  // it may have been a leaf
  const auto study = swarm_.wait_for_study(other, id, 120s);
  EXPECT_EQ(study["status"], "completed") << study.dump(1);
  EXPECT_TRUE(wait_until(30s, [&] {
    return other.ask("/api/v1/models/insurance/predict", kInsuredPerson).has_value();
  }));

  // If a voter or a standby is gone for good, a leaf takes its place.
  wait_until_settled(5, 1);
}

}  // namespace
}  // namespace starling::tests
