/// What goes wrong: nodes are killed and stopped, the network is cut, slowed and made lossy, for a
/// while each, chosen by a seed.
///
/// Threads: one; the swarm and the proxy are its own while it runs.
#pragma once

#include "node/base/random.h"
#include "tests/swarm/fault_proxy.h"
#include "tests/swarm/node_client.h"
#include "tests/swarm/process_swarm.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace starling::tests {

class Nemesis {
 public:
  Nemesis(ProcessSwarm& swarm, FaultProxy& proxy, std::uint64_t seed);

  /// One fault after the other, at times two at once.
  void run(std::chrono::milliseconds time);

  /// Everybody runs and everybody hears everybody.
  void heal();

  /// What was done and when, for a person.
  const std::vector<std::string>& log() const { return log_; }

  std::size_t faults() const { return faults_; }

 private:
  using Fault = void (Nemesis::*)();

  void begin_one();
  void kill_one();
  void kill_leader();
  void kill_most();
  void suspend_one();
  void suspend_leader();
  void split();
  void isolate_leader();
  void mute_leader();
  void deafen_leader();
  void cut_one_way();
  void leave_behind();
  void delay_bad_news();
  void slow_down();
  void lose_datagrams();

  void kill(std::size_t node);
  void suspend(std::size_t node);
  void cut(std::size_t from, std::size_t to, LinkRule::Way way);
  LinkRule::Way any_way();
  std::size_t any_node();

  /// By the word of whoever answers; any node if nobody does.
  std::size_t leader();
  void note(std::string what);

  ProcessSwarm& swarm_;
  FaultProxy& proxy_;
  NodeClient client_;
  Random random_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::vector<bool> is_suspended_;
  std::vector<std::string> log_;
  std::size_t faults_ = 0;
};

}  // namespace starling::tests
