#include "bootstrap/voter_plan.h"

#include <algorithm>
#include <vector>

namespace starling::bootstrap {
namespace {

std::size_t voters_wanted(std::size_t alive) {
  return alive >= 5 ? 5 : alive >= 3 ? 3 : 1;
}

}  // namespace

std::optional<VoterChange> next_voters(const VoterInput& input) {
  VoterChange next{.voters = input.voters, .learners = input.learners};
  for (const NodeId node : input.alive) {
    if (!next.voters.contains(node)) next.learners.insert(node);
  }

  std::vector<NodeId> ready;
  for (const NodeId node : next.learners) {
    if (input.alive.contains(node) && input.caught_up.contains(node)) ready.push_back(node);
  }
  // Dead voters first: each is swapped for one that is ready, in one change.
  const auto is_dead = [&input](NodeId node) {
    return node != input.self && !input.alive.contains(node);
  };
  for (const NodeId voter : input.voters) {
    if (!is_dead(voter) || ready.empty()) continue;
    next.voters.erase(voter);
    next.voters.insert(ready.back());
    next.learners.erase(ready.back());
    ready.pop_back();
  }
  // Then growth, only to an odd number: four voters tolerate no more failures than three.
  const std::size_t wanted = std::max(voters_wanted(input.alive.size()), input.voters.size());
  if (next.voters.size() < wanted && next.voters.size() + ready.size() >= wanted) {
    while (next.voters.size() < wanted) {
      next.voters.insert(ready.back());
      next.learners.erase(ready.back());
      ready.pop_back();
    }
  }
  if (next.voters == input.voters && next.learners == input.learners) return std::nullopt;
  return next;
}

}  // namespace starling::bootstrap
