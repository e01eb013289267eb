/// Whom a node follows that no leader sends the log to. Pure: candidates, outcomes, time and
/// randomness come in, the next one to ask goes out.
///
/// Standbys are asked first, then voters that do not lead, the leader, and other leaves; among
/// equals chance decides. Who refuses, is not reachable or has nothing to say is left alone for a
/// while. Once in a minute a better one is tried than the present.
#pragma once

#include "consensus/raft/config.h"
#include "node/base/ids.h"
#include "node/base/random.h"

#include <chrono>
#include <map>
#include <optional>
#include <vector>

namespace starling::consensus {

/// A member that hears no leader for so many waits for an election asks others what it missed.
inline constexpr int kSilentElections = 6;

struct UpstreamTimings {
  MonoTime left_alone = std::chrono::seconds{3};     ///< after it failed
  MonoTime useless_after = std::chrono::seconds{2};  ///< without anything new to say
  MonoTime better_every = std::chrono::seconds{60};  ///< another is tried than the present
};

/// What is known of the swarm when an upstream is looked for.
struct UpstreamView {
  MonoTime now{0};
  NodeId self;
  std::vector<NodeId> alive;  ///< by gossip
  Config config;              ///< as far as this node knows it
  std::optional<NodeId> leader;
};

class UpstreamChoice {
 public:
  explicit UpstreamChoice(std::uint64_t seed, UpstreamTimings timings = {})
      : timings_(timings), random_(seed) {}

  /// Whom to ask now; nothing if there is nobody.
  std::optional<NodeId> next(const UpstreamView& view);

  /// It answered. `says_something`: it knows a leader and is not behind this node.
  void answered(MonoTime now, NodeId upstream, bool says_something);

  /// It refused, or could not be reached.
  void failed(MonoTime now, NodeId upstream);

  /// Whom this node follows; nothing while it is looking for one.
  const std::optional<NodeId>& current() const { return current_; }

 private:
  std::optional<NodeId> best(const UpstreamView& view, int better_than);

  UpstreamTimings timings_;
  Random random_;
  std::optional<NodeId> current_;
  MonoTime useful_at_{0};
  MonoTime looked_at_{0};
  std::map<NodeId, MonoTime> left_alone_until_;
};

}  // namespace starling::consensus
