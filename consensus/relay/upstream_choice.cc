#include "consensus/relay/upstream_choice.h"

#include <algorithm>
#include <limits>

namespace starling::consensus {
namespace {

/// The lower the better.
int rank_of(const UpstreamView& view, NodeId node) {
  if (view.config.learners.contains(node)) return 0;
  if (node == view.leader) return 2;
  return view.config.is_voter(node) ? 1 : 3;
}

}  // namespace

std::optional<NodeId> UpstreamChoice::best(const UpstreamView& view, int better_than) {
  std::vector<NodeId> equals;
  for (const NodeId node : view.alive) {
    const int rank = rank_of(view, node);
    if (node == view.self || rank > better_than || left_alone_until_.contains(node)) continue;
    if (rank < better_than) equals.clear();
    better_than = rank;
    equals.push_back(node);
  }
  if (equals.empty()) return std::nullopt;
  return equals[random_.below(equals.size())];
}

std::optional<NodeId> UpstreamChoice::next(const UpstreamView& view) {
  std::erase_if(left_alone_until_, [&](const auto& each) { return each.second <= view.now; });
  const bool is_there = current_ && std::ranges::find(view.alive, *current_) != view.alive.end();
  if (!is_there) current_.reset();
  if (!current_) return best(view, std::numeric_limits<int>::max());
  if (view.now - looked_at_ < timings_.better_every) return current_;
  looked_at_ = view.now;
  const auto better = best(view, rank_of(view, *current_) - 1);
  return better ? better : current_;
}

void UpstreamChoice::answered(MonoTime now, NodeId upstream, bool says_something) {
  if (says_something) {
    if (current_ != upstream) looked_at_ = now;
    current_ = upstream;
    useful_at_ = now;
  } else if (current_ != upstream || now - useful_at_ >= timings_.useless_after) {
    failed(now, upstream);
  }
}

void UpstreamChoice::failed(MonoTime now, NodeId upstream) {
  if (current_ == upstream) current_.reset();
  left_alone_until_[upstream] = now + timings_.left_alone;
}

}  // namespace starling::consensus
