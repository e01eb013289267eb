#include "bootstrap/client/demo_chaos.h"

#include "bootstrap/client/swarm_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr const char* kStory = "/api/v1/registers/demo-chaos";
constexpr const char* kWish = "/api/v1/registers/demo-chaos-wish";
constexpr auto kDeadFor = 1500ms;
constexpr auto kStoppedFor = 4s;
constexpr auto kStorm = 30s;
constexpr auto kBetweenFaults = 1200ms;
constexpr std::size_t kLogMax = 24;  // a register holds 4 KB
constexpr std::array<const char*, 3> kFaults{"kill", "stop", "worker"};

std::int64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// Who can be asked: none that hangs, which would let us wait. Nothing is said twice; the next step
/// says what is true then.
std::optional<SwarmClient> client_of(const LocalSwarm& swarm) {
  for (const LocalNode& node : swarm.nodes())
    if (node.is_running && !node.is_stopped)
      return SwarmClient{node.http, swarm.token(), {.attempts = 1, .pause = {}}};
  return std::nullopt;
}

}  // namespace

void DemoChaos::step(Time now) {
  mend(now);
  hear_wish(now);
  storm(now);
  tell(now);
}

void DemoChaos::mend(Time now) {
  for (auto at = troubles_.begin(); at != troubles_.end();) {
    const auto [node, trouble] = *at;
    const std::string& name = swarm_.nodes()[node].name;
    if (now < trouble.until) {
      ++at;
      continue;
    }
    if (!trouble.is_killed) {
      swarm_.continue_node(node);
      note(name + " goes on");
    } else if (const auto started = swarm_.restart_node(node); started) {
      note(name + " is started again");
    } else {
      note(fmt::format("{} cannot be started again: {}", name, started.error().detail));
    }
    at = troubles_.erase(at);
  }
}

void DemoChaos::hear_wish(Time now) {
  auto client = client_of(swarm_);
  const auto wish = client ? client->get(kWish) : Error{Errc::unavailable, "no node answers"};
  if (!wish) return;  // none yet, or nobody can tell now
  const std::string id = text_field(*wish, "id");
  if (id.empty() || id == last_wish_) return;
  last_wish_ = id;
  const std::string fault = text_field(*wish, "fault");
  if (fault == "storm" || fault == "calm") {
    storm_until_.reset();
    if (fault == "storm") storm_until_ = next_fault_ = now;
    if (storm_until_) *storm_until_ += kStorm;
    note(fault == "storm" ? fmt::format("{} s of faults begin", kStorm / 1s) : "no more faults");
  } else if (std::ranges::find(kFaults, fault) != kFaults.end()) {
    make(fault, text_field(*wish, "node"), now);
  }
}

void DemoChaos::storm(Time now) {
  if (!storm_until_ || now < next_fault_) return;
  if (now >= *storm_until_) {
    storm_until_.reset();
    note("the storm is over");
    return;
  }
  next_fault_ = now + kBetweenFaults;
  has_news_ = true;  // the seconds that are left
  make(kFaults[random_.below(kFaults.size())], "", now);
}

void DemoChaos::make(const std::string& fault, const std::string& node, Time now) {
  const auto chosen = victim(node);
  if (!chosen) {
    if (!storm_until_) note("nothing is done: a majority of the nodes must work");
    return;
  }
  if (hurt(*chosen, fault, now)) ++counts_[fault];
}

/// One that works, if one more may be in trouble.
std::optional<std::size_t> DemoChaos::victim(const std::string& name) {
  const auto& nodes = swarm_.nodes();
  if (troubles_.size() >= std::max<std::size_t>(1, (nodes.size() - 1) / 2)) return std::nullopt;
  std::vector<std::size_t> works;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!troubles_.contains(i) && (name.empty() || nodes[i].name == name)) works.push_back(i);
  if (works.empty()) return std::nullopt;
  return works[random_.below(works.size())];
}

bool DemoChaos::hurt(std::size_t node, const std::string& fault, Time now) {
  const std::string& name = swarm_.nodes()[node].name;
  if (fault == "worker") {
    const bool was_there = swarm_.kill_trial(node);
    if (was_there) note(fmt::format("killed a trial's process on {} (signal 9)", name));
    if (!was_there && !storm_until_) note(name + " runs no trial");
    return was_there;
  }
  const bool is_kill = fault == "kill";
  if (is_kill)
    swarm_.kill_node(node);
  else
    swarm_.stop_node(node);
  const std::chrono::milliseconds lasts = is_kill ? kDeadFor : kStoppedFor;
  troubles_[node] = {.until = now + lasts, .is_killed = is_kill};
  note(is_kill ? fmt::format("killed {} (signal 9)", name)
               : fmt::format("stopped {} (it hangs)", name));
  return true;
}

void DemoChaos::note(const std::string& what) {
  log_.push_back({{"at_ms", wall_ms()}, {"what", what}});
  if (log_.size() > kLogMax) log_.erase(log_.begin());
  has_news_ = true;
}

Json DemoChaos::story(Time now) const {
  Json nodes = Json::array();
  for (const LocalNode& node : swarm_.nodes())
    nodes.push_back(node.name);
  const auto left = storm_until_ ? std::max(Time::duration{}, *storm_until_ - now) : 0s;
  return {{"nodes", nodes}, {"storm_s", left / 1s}, {"counts", counts_}, {"log", log_}};
}

void DemoChaos::tell(Time now) {
  if (!has_news_) return;
  auto client = client_of(swarm_);
  if (client && client->put(kStory, story(now).dump())) has_news_ = false;
}

}  // namespace starling::bootstrap
