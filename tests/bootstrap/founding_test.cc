// Many nodes, started at once with the same command, make one swarm; every other case is said.
#include "bootstrap/founding.h"

#include "node/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <queue>
#include <set>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;
using node::BootId;
using testing::HasSubstr;
using Kind = FoundingStep::Kind;

BootId boot_number(std::uint64_t number) {
  BootId id;
  for (std::size_t i = 0; i < 8; ++i)
    id.bytes[15 - i] = static_cast<std::uint8_t>(number >> 8 * i);
  return id;
}

/// Machines whose nodes are empty at first, on a network with delays. Calls fail between those that
/// are apart. A machine keeps what its node wrote when the node is killed.
class VirtualNet {
 public:
  struct Machine {
    std::string address;
    std::vector<std::string> seeds;
    bool is_up = false;
    int life = 0;  ///< grows with each start: what was under way before is lost
    BootId boot;
    std::optional<FoundingCore> core;
    std::optional<int> swarm;  ///< durable
    MonoTime joined_at{0};
  };

  explicit VirtualNet(std::uint64_t seed) : random_(seed) {}

  std::size_t add(std::string address, std::vector<std::string> seeds) {
    Machine& one = machines_.emplace_back();
    one.address = std::move(address);
    one.seeds = std::move(seeds);
    return machines_.size() - 1;
  }

  Machine& machine(std::size_t i) { return machines_[i]; }

  void at(MonoTime when, std::function<void()> what) {
    agenda_.push({when, next_event_++, std::move(what)});
  }

  MonoTime now() const { return now_; }

  void start(std::size_t i) {
    Machine& one = machines_[i];
    one.is_up = true;
    ++one.life;
    one.boot = boot_number(next_boot_++);
    if (one.swarm) return dial_seeds(i, one.life);
    one.core.emplace(FoundingConfig{.seeds = one.seeds, .self = one.boot}, now_);
    step(i, one.life);
  }

  void kill(std::size_t i) {
    machines_[i].is_up = false;
    machines_[i].core.reset();
  }

  void wipe(std::size_t i) {
    kill(i);
    machines_[i].swarm.reset();
  }

  void split(std::set<std::size_t> island) { island_ = std::move(island); }

  /// What each name stands for; every other address is itself.
  void name(std::string address, std::vector<std::string> stands_for) {
    names_[std::move(address)] = std::move(stands_for);
  }

  /// Before a founder's or a joiner's swarm is durable, and after.
  std::function<void(std::size_t machine, bool is_durable)> on_write = [](std::size_t, bool) {};

  void run_until(MonoTime end) {
    while (!agenda_.empty() && agenda_.top().when <= end) {
      const Event event = agenda_.top();
      agenda_.pop();
      now_ = event.when;
      event.what();
    }
    now_ = end;
  }

  std::set<int> swarms() const {
    std::set<int> all;
    for (const Machine& one : machines_)
      if (one.swarm) all.insert(*one.swarm);
    return all;
  }

  std::size_t joined() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        machines_, [](const Machine& one) { return one.swarm.has_value() && one.is_up; }));
  }

 private:
  struct Event {
    MonoTime when;
    std::uint64_t order;
    std::function<void()> what;

    bool operator<(const Event& other) const {
      return std::pair{when, order} > std::pair{other.when, other.order};
    }
  };

  MonoTime delay() {
    return 100us + MonoTime{static_cast<MonoTime::rep>(random_.below(5'000'000))};
  }

  std::optional<std::size_t> listener(std::size_t from, const std::string& address) const {
    for (std::size_t i = 0; i < machines_.size(); ++i) {
      const bool is_near = island_.contains(from) == island_.contains(i);
      if (machines_[i].address == address && machines_[i].is_up && is_near) return i;
    }
    return std::nullopt;
  }

  std::vector<std::string> resolve(const std::string& address) const {
    const auto found = names_.find(address);
    return found == names_.end() ? std::vector{address} : found->second;
  }

  bool is_alive(std::size_t i, int life) const {
    return machines_[i].is_up && machines_[i].life == life && machines_[i].core;
  }

  void step(std::size_t i, int life) {
    if (!is_alive(i, life)) return;
    const FoundingStep next = machines_[i].core->next(now_);
    switch (next.kind) {
      case Kind::wait: at(std::max(next.at, now_ + 1us), [=, this] { step(i, life); }); break;
      case Kind::ask: at(now_ + delay(), [=, this] { ask(i, life, next.address); }); break;
      case Kind::probe: at(now_ + delay(), [=, this] { probe(i, life, next.address); }); break;
      case Kind::found: settle(i, next_swarm_++); break;
    }
  }

  void ask(std::size_t i, int life, const std::string& address) {
    if (!is_alive(i, life)) return;
    const auto endpoints = resolve(address);
    const auto other = listener(i, endpoints[random_.below(endpoints.size())]);
    if (other && machines_[*other].swarm) return settle(i, *machines_[*other].swarm);
    const Error why{Errc::unavailable,
                    other ? "that node has not joined a swarm itself yet" : "nobody there"};
    machines_[i].core->asked(address, why);
    at(now_ + delay(), [=, this] { step(i, life); });
  }

  void probe(std::size_t i, int life, const std::string& address) {
    if (!is_alive(i, life)) return;
    std::vector<OwnerProbe> answers;
    for (const auto& endpoint : resolve(address)) {
      const auto other = listener(i, endpoint);
      answers.push_back({.address = endpoint, .answered = {}});
      if (other) answers.back().answered = machines_[*other].boot;
    }
    machines_[i].core->probed(answers);
    at(now_ + delay(), [=, this] { step(i, life); });
  }

  void settle(std::size_t i, int swarm) {
    Machine& one = machines_[i];
    on_write(i, false);
    if (!one.is_up) return;
    one.swarm = swarm;
    one.joined_at = now_;
    one.core.reset();
    on_write(i, true);
    if (one.is_up) dial_seeds(i, one.life);
  }

  /// As the gossip core does: members call the addresses that they were started with, for ever.
  void dial_seeds(std::size_t i, int life) {
    const Machine& one = machines_[i];
    if (!one.is_up || one.life != life || !one.swarm) return;
    for (const auto& seed : one.seeds) {
      const auto other = listener(i, resolve(seed).front());
      if (other && *other != i && machines_[*other].core)
        machines_[*other].core->heard_of_member(now_, one.address);
    }
    at(now_ + 2s, [=, this] { dial_seeds(i, life); });
  }

  Random random_;
  std::deque<Machine> machines_;
  std::map<std::string, std::vector<std::string>> names_;
  std::set<std::size_t> island_;
  std::priority_queue<Event> agenda_;
  std::uint64_t next_event_ = 0;
  std::uint64_t next_boot_ = 1;
  int next_swarm_ = 1;
  MonoTime now_{0};
};

std::string host(std::size_t i) {
  return "10.0.0." + std::to_string(i + 1) + ":7400";
}

/// `count` machines with the same command, started within 50 ms in random order.
void add_all(VirtualNet& net, std::size_t count, Random& random) {
  for (std::size_t i = 0; i < count; ++i) {
    net.add(host(i), {host(0)});
    net.at(MonoTime{static_cast<MonoTime::rep>(random.below(50'000'000))},
           [&net, i] { net.start(i); });
  }
}

TEST(FoundingTest, nodes_started_at_once_with_the_same_command_form_one_swarm) {
  for (const std::size_t count : {2UL, 10UL, 100UL}) {
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
      VirtualNet net{seed};
      Random random{seed};
      add_all(net, count, random);
      net.run_until(30s);
      ASSERT_EQ(net.swarms().size(), 1U) << "nodes=" << count << " seed=" << seed;
      ASSERT_EQ(net.joined(), count) << "nodes=" << count << " seed=" << seed;
    }
  }
}

TEST(FoundingTest, a_founder_killed_at_any_moment_leaves_at_most_one_swarm_and_all_join_it) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    VirtualNet net{seed};
    Random random{seed};
    add_all(net, 5, random);
    int writes_left = static_cast<int>(random.below(12));  // also in the middle of others' joining
    net.on_write = [&](std::size_t, bool) {
      if (writes_left-- == 0) net.kill(0);
    };
    net.at(MonoTime{static_cast<MonoTime::rep>(random.below(15'000'000'000))},
           [&net] { net.kill(0); });
    for (const auto again : {20s, 40s}) {
      net.at(again, [&net] {
        if (!net.machine(0).is_up) net.start(0);
      });
    }
    net.run_until(70s);
    ASSERT_EQ(net.swarms().size(), 1U) << seed;
    ASSERT_EQ(net.joined(), 5U) << seed;
  }
}

TEST(FoundingTest, a_founder_that_lost_its_disk_is_adopted_and_founds_nothing) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    VirtualNet net{seed};
    Random random{seed};
    add_all(net, 3, random);
    net.run_until(30s);
    ASSERT_EQ(net.joined(), 3U) << seed;
    net.wipe(0);
    net.at(30s + MonoTime{static_cast<MonoTime::rep>(random.below(5'000'000'000))},
           [&net] { net.start(0); });
    net.run_until(90s);
    ASSERT_EQ(net.swarms().size(), 1U) << seed;
    ASSERT_EQ(net.joined(), 3U) << seed;
  }
}

/// Nobody can tell: the two swarms stay two, and are told so when they meet.
TEST(FoundingTest, a_founder_that_lost_its_disk_and_all_others_founds_another_swarm) {
  VirtualNet net{1};
  Random random{1};
  add_all(net, 3, random);
  net.run_until(30s);
  net.wipe(0);
  net.split({0});
  net.start(0);
  net.run_until(60s);
  EXPECT_EQ(net.swarms().size(), 2U);
}

TEST(FoundingTest, a_name_that_stands_for_two_machines_lets_nobody_found) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    VirtualNet net{seed};
    Random random{seed};
    net.name("swarm.example:7400", {host(0), host(1)});
    for (std::size_t i = 0; i < 2; ++i) {
      net.add(host(i), {"swarm.example:7400"});
      net.at(MonoTime{static_cast<MonoTime::rep>(random.below(50'000'000))},
             [&net, i] { net.start(i); });
    }
    net.run_until(60s);
    ASSERT_TRUE(net.swarms().empty()) << seed;
    EXPECT_THAT(net.machine(0).core->why_not(), HasSubstr("another node answers at"));
    EXPECT_THAT(net.machine(0).core->why_not(), HasSubstr("--found"));
  }
}

TEST(FoundingTest, a_name_one_of_whose_machines_is_silent_lets_nobody_found_before_it_speaks) {
  VirtualNet net{1};
  net.name("swarm.example:7400", {host(0), host(1)});
  net.add(host(0), {"swarm.example:7400"});
  net.start(0);
  net.run_until(60s);
  EXPECT_TRUE(net.swarms().empty());
  EXPECT_THAT(net.machine(0).core->why_not(), HasSubstr("nobody answers at"));
}

TEST(FoundingTest, two_that_name_each_other_found_nothing_and_say_why) {
  VirtualNet net{1};
  net.add(host(0), {host(1)});
  net.add(host(1), {host(0)});
  net.start(0);
  net.start(1);
  net.run_until(60s);
  EXPECT_TRUE(net.swarms().empty());
  for (const std::size_t i : {0UL, 1UL})
    EXPECT_THAT(net.machine(i).core->why_not(), HasSubstr("give --found to one node"));
}

TEST(FoundingTest, one_alone_with_its_own_address_founds_after_its_patience) {
  VirtualNet net{1};
  net.add(host(0), {host(0)});
  net.start(0);
  net.run_until(5900ms);
  EXPECT_TRUE(net.swarms().empty());
  net.run_until(8s);
  EXPECT_EQ(net.joined(), 1U);
}

TEST(FoundingTest, joins_through_any_seed_that_answers) {
  VirtualNet net{1};
  net.add(host(0), {host(0)});
  net.start(0);
  net.run_until(10s);
  net.add(host(1), {host(7), host(8), host(0)});
  net.start(1);
  net.run_until(12s);
  EXPECT_EQ(net.joined(), 2U);
}

}  // namespace
}  // namespace starling::bootstrap
