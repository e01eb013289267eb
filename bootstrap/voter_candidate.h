/// What a leader's gossip and Raft say of one node, as the voter plan asks for it. Pure.
#pragma once

#include "bootstrap/voter_plan.h"
#include "consensus/group/raft_group.h"
#include "node/gossip/member.h"

namespace starling::bootstrap {

/// `status` is the leader's, `round_trip` to the node as gossip measured it. What the log of
/// members says, and whether the node is fit, is for the caller to add.
VoterCandidate candidate_of(const node::Member& member,
                            const consensus::RaftStatus& status,
                            NodeId leader,
                            std::optional<MonoTime> round_trip);

}  // namespace starling::bootstrap
