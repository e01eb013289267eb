/// What a node does with its own queue, and with those of others when it is idle.
///
/// Every node holds the applied state, so a thief reads the loads and takes by one command; of two
/// who want the same trial the log decides, and nothing starts but by a committed `StartTrial`. A
/// view that is behind costs a refused command, never a trial.
///
/// Source: Mitzenmacher, "The power of two choices in randomized load balancing" (2001);
///         Blumofe and Leiserson, "Scheduling multithreaded computations by work stealing" (1999).
/// Threads: none. Pure.
#pragma once

#include "ml/schedule/node_load.h"
#include "ml/study/command.h"
#include "node/base/random.h"

#include <optional>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kStolenAtOnceMax = 8;

/// The trials of its own queue that `self` has room for now, in the order to start them. None while
/// a final model waits for room that this node could give.
std::vector<StartTrial> own_starts(const StateView& view, const NodeRoom& self);

/// What an idle node takes: of the fuller of two `others`, drawn by chance, that have more queued
/// than they have free slots, at most half of that, the last in its line first, and no more than
/// `self` has room for. Nothing while it has something of its own to start.
std::optional<MoveTrials> steal(const StateView& view,
                                const NodeRoom& self,
                                const std::vector<NodeRoom>& others,
                                Random& random);

}  // namespace starling::ml
