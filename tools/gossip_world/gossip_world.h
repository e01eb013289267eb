/// A swarm of SwimCores in virtual time: a network that delays, loses and splits. For tests and
/// benchmarks.
#pragma once

#include "node/gossip/swim_core.h"

#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace starling::bench {

class GossipWorld {
 public:
  GossipWorld(std::size_t size, std::uint64_t seed, double loss);

  /// All learn of all at once, as after a long time together.
  void acquaint();

  /// Publishes something new about a node, as a new incarnation. Returns: that incarnation's least.
  std::uint64_t change_facts(std::size_t node);

  /// How many running nodes hold `node` to be in `incarnation` or later.
  std::size_t count_informed(std::size_t node, std::uint64_t incarnation) const;

  std::uint64_t incarnation(std::size_t node) const { return cores_[node]->incarnation(); }

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

  /// Nothing that `from` sends in a datagram reaches `to`; calls over TCP still do.
  void lose_all(std::size_t from, std::size_t to) { lost_.emplace(from, to); }

  /// A datagram that anybody may have recorded, to `to` once more.
  void replay(const node::SwimMessage& message, std::size_t to);

  node::Member record_of(std::size_t node) const { return *cores_[node]->member(id_of(node)); }

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

  /// Contents of datagrams and of exchanges over TCP since the start, without what sealing adds.
  std::uint64_t bytes_sent() const { return bytes_sent_; }

  std::uint64_t datagrams_sent() const { return datagrams_sent_; }

  /// Of those, what only carries news: none where all is told.
  std::uint64_t news_sent() const { return news_sent_; }

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
  static std::size_t number_of(const NodeId& id);
  std::string address_of(std::size_t node) const;
  void start(std::size_t node);
  void carry_out(std::size_t node, const node::SwimEffects& effects);
  void push_pull(std::size_t from, std::size_t to);
  bool step(MonoTime until);
  bool can_hear(std::size_t a, std::size_t b) const;
  void set_timer(std::size_t node);
  void deliver(Event event);

  Random random_;
  double loss_;
  MonoTime now_{0};
  std::uint64_t next_order_ = 0;
  std::size_t split_ = 0;
  std::set<std::pair<std::size_t, std::size_t>> lost_;
  std::vector<std::unique_ptr<node::SwimCore>> cores_;
  std::vector<std::uint64_t> incarnations_;
  std::vector<MonoTime> frozen_until_;
  std::vector<MonoTime> due_;                          ///< when each is in `timers_`
  std::set<std::pair<MonoTime, std::size_t>> timers_;  ///< of running nodes
  std::priority_queue<Event> events_;
  std::size_t false_deaths_ = 0;
  std::size_t largest_datagram_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t datagrams_sent_ = 0;
  std::uint64_t news_sent_ = 0;
};

}  // namespace starling::bench
