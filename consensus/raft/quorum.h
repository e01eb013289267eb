/// Counting: what a majority holds, and what both majorities hold while a change is under way.
#pragma once

#include "consensus/raft/config.h"
#include "node/base/ids.h"

#include <cstdint>
#include <functional>
#include <map>
#include <set>

namespace starling::consensus {

/// The highest number that most of `voters` have reached; with no voters, the highest there is.
std::uint64_t majority_value(const std::set<NodeId>& voters,
                             const std::function<std::uint64_t(NodeId)>& reached);

/// The highest number that a quorum of each half has reached.
std::uint64_t quorum_value(const Config& config,
                           const std::function<std::uint64_t(NodeId)>& reached);

enum class VoteResult { pending, won, lost };

/// Won when each half has a majority of yes; lost when one half cannot get there any more.
VoteResult vote_result(const Config& config, const std::map<NodeId, bool>& votes);

}  // namespace starling::consensus
