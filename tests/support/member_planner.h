/// Draws and proposes changes of a virtual swarm's voters and learners, as an operator would.
#pragma once

#include "consensus/raft/config.h"
#include "node/base/random.h"
#include "tests/support/virtual_swarm.h"

#include <optional>

namespace starling::tests {

/// Any change that makes sense from here: somebody joins, leaves, is promoted, demoted, replaced.
/// Machines that were wiped are never kept under their old id.
std::optional<consensus::Config> draw_change(VirtualSwarm& swarm,
                                             const consensus::Config& now,
                                             Random& random);

/// The next step from `now` to these voters and all others as learners; nothing: it is reached.
std::optional<consensus::Config> step_towards(VirtualSwarm& swarm,
                                              const consensus::Config& now,
                                              const std::set<NodeId>& voters);

/// Asks the leader, if there is one that is awake.
/// Returns: whether it began the change.
bool propose_change(VirtualSwarm& swarm, const consensus::Config& config);

/// Asks one that leads, or thinks so.
bool propose_change(VirtualSwarm& swarm, SimMember& leader, const consensus::Config& config);

}  // namespace starling::tests
