/// What the leader should commit next: draw trials, give them out, take them back from the dead.
///
/// Pure: the same state, nodes and time give the same commands, so a new leader goes on where the
/// old one stopped. Nothing is remembered between calls.
#pragma once

#include "ml/study/command.h"
#include "ml/study/study_state.h"
#include "node/base/ids.h"

#include <cstdint>
#include <vector>

namespace starling::ml {

/// A node as the leader sees it now, by gossip.
struct NodeRoom {
  NodeId id;
  std::uint32_t slots = 0;
  std::uint64_t memory_budget_mb = 0;  ///< for trials: budget of the node less its own use
};

struct SchedulerInput {
  const StateView& view;
  std::vector<NodeRoom> alive;  ///< may be given work
  std::vector<NodeId> gone;     ///< dead: what runs there is taken back
  std::uint64_t now_ms = 0;     ///< cluster time
};

/// Commands in the order to propose them. Each is refused by the state machine, without harm, if
/// the state has moved on since.
///
/// Drawing: trial k is drawn when all trials <= k - P are final, from exactly those (design
/// section 6.3), so a study's parameters do not depend on which nodes ran it.
/// Starting: oldest study first; the node with the largest share of free slots, then the most
/// memory. A trial whose prediction is above 90 % of every node's budget ends as infeasible.
std::vector<CommandBody> plan(const SchedulerInput& input);

}  // namespace starling::ml
