#include "bootstrap/client/demo_chaos.h"

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
constexpr std::chrono::milliseconds kPatience{1500};
constexpr auto kBetweenFaults = 1200ms;
constexpr std::size_t kLogMax = 24;  // a register holds 4 KB
constexpr std::array<const char*, 3> kFaults{"kill", "stop", "worker"};

std::int64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

/// The nodes in turn, but for one that hangs, until one answers: nothing is said twice, and the
/// next step says what is true then.
template <class Ask>
auto DemoChaos::ask(const Ask& asking) -> decltype(asking(std::declval<SwarmClient&>())) {
  Error why{Errc::unavailable, "no node answers"};
  for (const LocalNode& node : swarm_.nodes()) {
    if (!node.is_running || node.is_stopped) continue;
    SwarmClient client{
        node.http, swarm_.token(), {.attempts = 1, .pause = {}, .timeout = kPatience}};
    auto answer = asking(client);
    if (answer || answer.error().code == Errc::not_found) return answer;
    why = answer.error();
  }
  return why;
}

void DemoChaos::step(Time now) {
  notice_ended(now);
  mend(now);
  hear_wish(now);
  storm(now);
  tell(now);
}

/// Killed by hand, for example.
void DemoChaos::notice_ended(Time now) {
  for (std::size_t i = 0; i < swarm_.nodes().size(); ++i) {
    if (!swarm_.has_ended(i)) continue;
    note(swarm_.nodes()[i].name + " has ended");
    troubles_[i] = {.until = now + kDeadFor, .is_killed = true};
  }
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
      note(name + " starts again");
    } else {
      note(fmt::format("{} cannot be started again: {}", name, started.error().detail));
    }
    at = troubles_.erase(at);
  }
}

void DemoChaos::hear_wish(Time now) {
  const auto wish = ask([](SwarmClient& client) { return client.get(kWish); });
  if (!wish) return;  // none yet, or nobody can tell now
  const std::string id = text_field(*wish, "id");
  if (id.empty() || !heard_.insert(id).second) return;
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
  const auto chosen = victim(fault, node);
  if (!chosen) {
    if (!storm_until_)
      note(fault == "worker" ? "nothing is done: no trial runs there"
                             : "nothing is done: a majority of the nodes must work");
    return;
  }
  if (hurt(*chosen, fault, now)) ++counts_[fault];
}

/// One that works, and runs a trial if that is to be killed; else if one more may be in trouble.
std::optional<std::size_t> DemoChaos::victim(const std::string& fault, const std::string& name) {
  const auto& nodes = swarm_.nodes();
  const bool is_trial = fault == "worker";
  const std::size_t most = std::max<std::size_t>(1, (nodes.size() - 1) / 2);
  if (!is_trial && troubles_.size() >= most) return std::nullopt;
  const auto busy = is_trial ? names_of_busy() : std::set<std::string>{};
  std::vector<std::size_t> works;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const bool is_meant = name.empty() || nodes[i].name == name;
    if (is_meant && !troubles_.contains(i) && (!is_trial || busy.contains(nodes[i].name)))
      works.push_back(i);
  }
  if (works.empty()) return std::nullopt;
  return works[random_.below(works.size())];
}

/// Who runs trials, as gossip has it.
std::set<std::string> DemoChaos::names_of_busy() {
  std::set<std::string> names;
  const auto swarm = ask([](SwarmClient& client) { return client.get("/api/v1/swarm"); });
  if (!swarm) return names;
  for (const Json& member : field(*swarm, "members"))
    if (count_field(member, "trials_running") > 0) names.insert(text_field(member, "name"));
  return names;
}

bool DemoChaos::hurt(std::size_t node, const std::string& fault, Time now) {
  const std::string& name = swarm_.nodes()[node].name;
  if (fault == "worker") {
    const bool was_there = swarm_.kill_trial(node);
    if (was_there) note(fmt::format("killed a trial's process on {} (signal 9)", name));
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
  const std::string told = story(now).dump();
  if (ask([&](SwarmClient& client) { return client.put(kStory, told); })) has_news_ = false;
}

}  // namespace starling::bootstrap
