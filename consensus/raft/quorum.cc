#include "consensus/raft/quorum.h"

#include "node/base/mutant.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace starling::consensus {
namespace {

VoteResult majority_result(const std::set<NodeId>& voters, const std::map<NodeId, bool>& votes) {
  std::size_t yes = 0;
  std::size_t no = 0;
  for (const NodeId voter : voters) {
    const auto vote = votes.find(voter);
    if (vote == votes.end()) continue;
    ++(vote->second ? yes : no);
  }
  const std::size_t needed = voters.size() / 2 + 1;
  if (voters.empty() || yes >= needed) return VoteResult::won;
  return voters.size() - no < needed ? VoteResult::lost : VoteResult::pending;
}

}  // namespace

std::uint64_t majority_value(const std::set<NodeId>& voters,
                             const std::function<std::uint64_t(NodeId)>& reached) {
  if (voters.empty()) return std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> values;
  for (const NodeId voter : voters)
    values.push_back(reached(voter));
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) / 2];
}

std::uint64_t quorum_value(const Config& config,
                           const std::function<std::uint64_t(NodeId)>& reached) {
  if (STARLING_MUTANT(10)) return majority_value(config.members(), reached);
  if (STARLING_MUTANT(11)) return majority_value(config.voters, reached);
  return std::min(majority_value(config.voters, reached),
                  majority_value(config.voters_outgoing, reached));
}

VoteResult vote_result(const Config& config, const std::map<NodeId, bool>& votes) {
  const VoteResult incoming = majority_result(config.voters, votes);
  if (STARLING_MUTANT(11)) return incoming;
  const VoteResult outgoing = majority_result(config.voters_outgoing, votes);
  if (incoming == VoteResult::lost || outgoing == VoteResult::lost) return VoteResult::lost;
  const bool both = incoming == VoteResult::won && outgoing == VoteResult::won;
  return both ? VoteResult::won : VoteResult::pending;
}

}  // namespace starling::consensus
