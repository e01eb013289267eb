/// Which nodes should vote. Pure: members and the present configuration in, the next one out.
///
/// Rules: 1 voter below three live nodes, 3 below five, 5 from there on; everyone else who is alive
/// is a learner that holds the whole log, ready to be promoted. A dead voter is replaced by a
/// live learner that has caught up; without one it stays, because taking it away would not help.
#pragma once

#include "node/base/ids.h"

#include <optional>
#include <set>

namespace starling::bootstrap {

struct VoterInput {
  std::set<NodeId> alive;  ///< members that gossip says are alive, this node included
  std::set<NodeId> voters;
  std::set<NodeId> learners;
  std::set<NodeId> caught_up;  ///< hold (nearly) the whole log
  NodeId self;                 ///< the leader; it stays a voter
};

struct VoterChange {
  std::set<NodeId> voters;
  std::set<NodeId> learners;

  friend bool operator==(const VoterChange&, const VoterChange&) = default;
};

/// Nothing when all is as it should be. Adding learners comes first, promotion when they caught up.
std::optional<VoterChange> next_voters(const VoterInput& input);

}  // namespace starling::bootstrap
