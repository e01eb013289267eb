/// A swarm of SwimCores in virtual time: a network that delays, loses and splits.
#pragma once

#include "node/gossip/swim_core.h"

#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <tuple>
#include <vector>

namespace starling::tests {

class VirtualSwarm {
 public:
  VirtualSwarm(std::size_t size, std::uint64_t seed, double loss);

  void run_for(std::chrono::milliseconds duration);

  /// Runs until `is_true` or `most` has passed; the time that it took, or nothing.
  std::optional<std::chrono::milliseconds> run_until(const std::function<bool()>& is_true,
                                                     std::chrono::milliseconds most);

  void crash(std::size_t node);
  void restart(std::size_t node);

  /// Stops a node's clock and ears for a while; what arrives meanwhile is read afterwards.
  void freeze(std::size_t node, std::chrono::milliseconds duration);

  /// Nodes below `first_of_second` hear only each other, and so do the rest. 0: one network.
  void split(std::size_t first_of_second) { split_ = first_of_second; }

  bool is_up(std::size_t node) const { return cores_[node] != nullptr; }

  node::MemberState seen(std::size_t by, std::size_t node) const;

  /// Whether every running node but itself sees `node` in `state`.
  bool all_see(std::size_t node, node::MemberState state) const;
  bool all_see_all_alive() const;

  /// Whether every running node has heard of the present life of `node`, and holds it for alive.
  bool all_know_restarted(std::size_t node) const;

  /// How many times a running node was called dead.
  std::size_t false_deaths() const { return false_deaths_; }

  std::size_t largest_datagram() const { return largest_datagram_; }

 private:
  struct Event {
    MonoTime at{0};
    std::uint64_t order = 0;
    std::size_t to = 0;
    std::optional<node::SwimMessage> message;
    std::size_t push_pull_from = 0;        // if there is no message
    std::optional<node::SwimCall> call{};  ///< for a sign of life, by `push_pull_from`

    bool operator<(const Event& other) const {
      return std::tie(other.at, other.order) < std::tie(at, order);
    }
  };

  static NodeId id_of(std::size_t node);
  std::string address_of(std::size_t node) const;
  void start(std::size_t node);
  void carry_out(std::size_t node, const node::SwimEffects& effects);
  void push_pull(std::size_t from, std::size_t to);
  bool step(MonoTime until);
  bool can_hear(std::size_t a, std::size_t b) const;

  Random random_;
  double loss_;
  MonoTime now_{0};
  std::uint64_t next_order_ = 0;
  std::size_t split_ = 0;
  std::vector<std::unique_ptr<node::SwimCore>> cores_;
  std::vector<std::uint64_t> incarnations_;
  std::vector<MonoTime> frozen_until_;
  std::vector<MonoTime> due_;
  std::priority_queue<Event> events_;
  std::size_t false_deaths_ = 0;
  std::size_t largest_datagram_ = 0;
};

}  // namespace starling::tests
