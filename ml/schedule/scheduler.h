/// What the leader should commit next: draw trials, put them into nodes' queues, take them back
/// from the dead. What is queued at a node, that node starts itself (ml/schedule/own_queue.h).
///
/// Pure: the same state, nodes and time give the same commands, so a new leader goes on where the
/// old one stopped. Nothing is remembered between calls.
#pragma once

#include "ml/schedule/node_load.h"
#include "ml/study/command.h"
#include "ml/study/study_state.h"
#include "node/base/ids.h"

#include <cstdint>
#include <vector>

namespace starling::ml {

struct SchedulerInput {
  const StateView& view;
  std::vector<NodeRoom> alive;  ///< may be given work
  std::vector<NodeRoom> away;   ///< may come back: what one of them could hold is not refused
  bool knows_all = true;        ///< of the members; else nothing is refused as too large for them
  std::vector<NodeId> gone;     ///< dead: what runs there is taken back
  std::uint64_t now_ms = 0;     ///< cluster time
};

/// Commands in the order to propose them. Each is refused by the state machine, without harm, if
/// the state has moved on since.
///
/// Drawing: trial k is drawn when all trials <= k - P are final, from exactly those (design
/// section 6.3), so a study's parameters do not depend on which nodes ran it.
/// Giving: in turn (ml/schedule/node_load.h), to a node that can start it now, best to the one that
/// had it last and may have a checkpoint, else to the one with the fewest in hand by slot, then the
/// most memory; at most one queued for each slot. A trial whose prediction is above 90 % of every
/// node's budget ends as infeasible. Below feature level 7 the leader starts trials itself.
std::vector<CommandBody> plan(const SchedulerInput& input);

}  // namespace starling::ml
