#include "tests/swarm/nemesis.h"

#include <fmt/format.h>

#include <array>
#include <thread>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Way = LinkRule::Way;

constexpr auto kPatience = 500ms;  // to learn who leads
constexpr auto kFaultMin = 400ms;
constexpr std::uint64_t kFaultSpreadMs = 2'200;
constexpr std::uint64_t kBehindMaxMs = 600;
constexpr auto kCalmMin = 200ms;
constexpr std::uint64_t kCalmSpreadMs = 1'000;

std::vector<std::string> urls_of(const ProcessSwarm& swarm) {
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < swarm.size(); ++i)
    urls.push_back(swarm.url(i));
  return urls;
}

std::string_view to_string(Way way) {
  return way == Way::hold ? "held" : way == Way::refuse ? "refused" : "open";
}

}  // namespace

Nemesis::Nemesis(ProcessSwarm& swarm, FaultProxy& proxy, std::uint64_t seed)
    : swarm_(swarm),
      proxy_(proxy),
      client_(urls_of(swarm), swarm.token(), kPatience),
      random_(seed),
      is_suspended_(swarm.size()) {}

void Nemesis::run(std::chrono::milliseconds time) {
  const auto end = Clock::now() + time;
  while (Clock::now() < end) {
    begin_one();
    if (random_.chance(0.25)) begin_one();
    const auto lasts = kFaultMin + std::chrono::milliseconds{random_.below(kFaultSpreadMs)};
    std::this_thread::sleep_until(std::min(Clock::now() + lasts, end));
    heal();
    const auto calm = kCalmMin + std::chrono::milliseconds{random_.below(kCalmSpreadMs)};
    std::this_thread::sleep_until(std::min(Clock::now() + calm, end));
  }
}

void Nemesis::begin_one() {
  constexpr std::array<Fault, 14> kFaults{&Nemesis::kill_one,
                                          &Nemesis::kill_leader,
                                          &Nemesis::kill_most,
                                          &Nemesis::suspend_one,
                                          &Nemesis::suspend_leader,
                                          &Nemesis::split,
                                          &Nemesis::isolate_leader,
                                          &Nemesis::mute_leader,
                                          &Nemesis::deafen_leader,
                                          &Nemesis::cut_one_way,
                                          &Nemesis::leave_behind,
                                          &Nemesis::delay_bad_news,
                                          &Nemesis::slow_down,
                                          &Nemesis::lose_datagrams};
  ++faults_;
  (this->*kFaults[random_.below(kFaults.size())])();
}

void Nemesis::heal() {
  proxy_.heal();
  for (std::size_t i = 0; i < swarm_.size(); ++i) {
    if (is_suspended_[i]) swarm_.resume(i);
    is_suspended_[i] = false;
  }
  for (std::size_t i = 0; i < swarm_.size(); ++i)
    if (!swarm_.is_running(i)) swarm_.start(i);
  note("healed");
}

void Nemesis::kill_one() {
  kill(any_node());
}

void Nemesis::kill_leader() {
  note("the leader:");
  kill(leader());
}

void Nemesis::kill_most() {
  const std::size_t count = swarm_.size() / 2 + 1 + random_.below(swarm_.size() / 2 + 1);
  const std::size_t first = any_node();
  for (std::size_t i = 0; i < std::min(count, swarm_.size()); ++i)
    kill((first + i) % swarm_.size());
}

void Nemesis::suspend_one() {
  suspend(any_node());
}

void Nemesis::suspend_leader() {
  note("the leader:");
  suspend(leader());
}

void Nemesis::split() {
  const Way way = any_way();
  const std::size_t alone = 1 + random_.below(swarm_.size() / 2);
  const std::size_t first = random_.chance(0.5) ? leader() : any_node();
  std::vector<bool> is_apart(swarm_.size());
  for (std::size_t i = 0; i < alone; ++i)
    is_apart[(first + i) % swarm_.size()] = true;
  for (std::size_t from = 0; from < swarm_.size(); ++from) {
    for (std::size_t to = 0; to < swarm_.size(); ++to)
      if (is_apart[from] != is_apart[to]) cut(from, to, way);
  }
  note(fmt::format("{} nodes from {} on are apart, {}", alone, first + 1, to_string(way)));
}

void Nemesis::isolate_leader() {
  const Way way = any_way();
  const std::size_t node = leader();
  for (std::size_t other = 0; other < swarm_.size(); ++other) {
    cut(node, other, way);
    cut(other, node, way);
  }
  note(fmt::format("the leader {} is alone, {}", node + 1, to_string(way)));
}

void Nemesis::mute_leader() {
  const std::size_t node = leader();
  for (std::size_t other = 0; other < swarm_.size(); ++other)
    cut(node, other, Way::hold);
  note(fmt::format("the leader {} is not heard", node + 1));
}

void Nemesis::deafen_leader() {
  const std::size_t node = leader();
  for (std::size_t other = 0; other < swarm_.size(); ++other)
    cut(other, node, Way::hold);
  note(fmt::format("the leader {} hears nobody", node + 1));
}

void Nemesis::cut_one_way() {
  const Way way = any_way();
  const std::size_t from = any_node();
  const std::size_t to = any_node();
  cut(from, to, way);
  note(fmt::format("nothing goes from {} to {}, {}", from + 1, to + 1, to_string(way)));
}

/// The one who missed the latest entries is the first to want to lead.
void Nemesis::leave_behind() {
  const std::size_t old_leader = leader();
  const std::size_t node = (old_leader + 1 + random_.below(swarm_.size() - 1)) % swarm_.size();
  for (std::size_t other = 0; other < swarm_.size(); ++other)
    cut(other, node, Way::hold);
  std::this_thread::sleep_for(kFaultMin + std::chrono::milliseconds{random_.below(kBehindMaxMs)});
  note(fmt::format("{} was deaf for a while; the leader:", node + 1));
  kill(old_leader);
  proxy_.heal();
}

/// The leader is not heard any more, and hears late that there is another one.
void Nemesis::delay_bad_news() {
  const std::size_t node = leader();
  const std::chrono::milliseconds delay{100 + random_.below(300)};
  for (std::size_t other = 0; other < swarm_.size(); ++other) {
    cut(node, other, Way::hold);
    if (other != node) proxy_.set_rule(other, node, {.delay = delay});
  }
  note(fmt::format("the leader {} is not heard and hears {} ms late", node + 1, delay.count()));
}

void Nemesis::slow_down() {
  const std::size_t node = any_node();
  const std::chrono::milliseconds delay{10 + random_.below(120)};
  for (std::size_t other = 0; other < swarm_.size(); ++other) {
    proxy_.set_rule(node, other, {.delay = delay});
    proxy_.set_rule(other, node, {.delay = delay});
  }
  note(fmt::format("{} is {} ms away from all", node + 1, delay.count()));
}

void Nemesis::lose_datagrams() {
  const double loss = 0.2 + 0.6 * random_.unit();
  for (std::size_t from = 0; from < swarm_.size(); ++from) {
    for (std::size_t to = 0; to < swarm_.size(); ++to)
      proxy_.set_rule(from, to, {.loss = loss});
  }
  note(fmt::format("{:.0f} % of all datagrams are lost", 100 * loss));
}

void Nemesis::kill(std::size_t node) {
  swarm_.kill(node);
  is_suspended_[node] = false;
  note(fmt::format("{} is killed", node + 1));
}

void Nemesis::suspend(std::size_t node) {
  swarm_.suspend(node);
  is_suspended_[node] = true;
  note(fmt::format("{} is suspended", node + 1));
}

void Nemesis::cut(std::size_t from, std::size_t to, Way way) {
  if (from != to) proxy_.set_rule(from, to, {.way = way});
}

Way Nemesis::any_way() {
  return random_.chance(0.5) ? Way::hold : Way::refuse;
}

std::size_t Nemesis::any_node() {
  return random_.below(swarm_.size());
}

std::size_t Nemesis::leader() {
  const std::size_t first = any_node();
  for (std::size_t i = 0; i < swarm_.size(); ++i) {
    const std::size_t node = (first + i) % swarm_.size();
    if (!swarm_.is_running(node) || is_suspended_[node]) continue;
    const Json seen = client_.get_json(node, "/api/v1/swarm");
    if (!seen.is_object()) continue;
    for (const auto& member : seen["members"]) {
      for (std::size_t j = 0; j < swarm_.size(); ++j)
        if (member["is_leader"] == true && member["http"] == swarm_.url(j)) return j;
    }
  }
  return first;
}

void Nemesis::note(std::string what) {
  const auto at = std::chrono::duration<double>(Clock::now() - start_).count();
  log_.push_back(fmt::format("{:7.3f} s {}", at, what));
}

}  // namespace starling::tests
