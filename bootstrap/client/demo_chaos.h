/// Faults at will in a demo's swarm: somebody asks for them on the dashboard, and whoever started
/// the nodes carries them out.
///
/// Page and command speak by two registers of the swarm, so any node may be asked, and none needs
/// to know of it. The page knows by the second that there is a demo.
///
///     demo-chaos-wish  by the page: {"id": new with each wish, "fault": "kill", "stop", "worker",
///                      "storm" or "calm", "node": its name, "" for any}
///     demo-chaos       by this room: {"nodes": [names], "storm_s": seconds left, "counts": {fault:
///                      how often}, "log": [{"at_ms", "what"}, ...]}
///
/// More than a minority of the nodes is never in trouble at once, of one or two nodes one.
///
/// Threads: one.
#pragma once

#include "bootstrap/client/json_access.h"
#include "bootstrap/client/local_swarm.h"
#include "bootstrap/client/swarm_client.h"
#include "node/base/random.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace starling::bootstrap {

class DemoChaos {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `swarm` must outlive it.
  DemoChaos(LocalSwarm& swarm, std::uint64_t seed) : swarm_(swarm), random_(seed) {}

  /// Mends what is due, does what is asked for, and tells of it: several times a second.
  void step(Time now);

 private:
  struct Trouble {
    Time until;
    bool is_killed = false;  ///< else stopped
  };

  template <class Ask>
  auto ask(const Ask& asking) -> decltype(asking(std::declval<SwarmClient&>()));
  void notice_ended(Time now);
  void mend(Time now);
  void hear_wish(Time now);
  void storm(Time now);
  void tell(Time now);
  void make(const std::string& fault, const std::string& node, Time now);
  std::optional<std::size_t> victim(const std::string& fault, const std::string& name);
  std::set<std::string> names_of_busy();
  bool hurt(std::size_t node, const std::string& fault, Time now);
  void note(const std::string& what);
  Json story(Time now) const;

  LocalSwarm& swarm_;
  Random random_;
  std::map<std::size_t, Trouble> troubles_;  ///< by node
  std::map<std::string, std::uint64_t> counts_;
  std::vector<Json> log_;
  std::set<std::string> heard_;  ///< wishes, by id: a node that was away may show an old one
  std::optional<Time> storm_until_;
  Time next_fault_;
  bool has_news_ = true;
};

}  // namespace starling::bootstrap
