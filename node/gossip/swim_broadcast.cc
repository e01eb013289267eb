#include "node/gossip/swim_broadcast.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace starling::node {

void SwimBroadcast::forget(NodeId id) {
  const auto found = queue_.find(id);
  if (found == queue_.end()) return;
  ranks_.erase(found->second.rank);
  by_age_.erase(found->second.rank.order);
  queue_.erase(found);
}

void SwimBroadcast::push(SwimUpdate update) {
  const NodeId id = update.member.id;
  forget(id);
  const Rank rank{.transmits = 0, .state = update.member.state, .order = next_order_++, .id = id};
  ranks_.insert(rank);
  by_age_.emplace(rank.order, id);
  queue_.emplace(id, Item{.update = std::move(update), .rank = rank});
  if (queue_.size() > kQueueMax) forget(by_age_.begin()->second);
}

void SwimBroadcast::fill(SwimMessage& message, int transmits_max) {
  std::size_t size = encoded_size_bound(message);
  int misses = 0;
  std::vector<NodeId> sent;
  for (const Rank& rank : ranks_) {
    const SwimUpdate& update = queue_.at(rank.id).update;
    const bool is_there = std::ranges::any_of(
        message.updates, [&rank](const SwimUpdate& known) { return known.member.id == rank.id; });
    if (is_there) continue;
    const std::size_t more = encoded_size_bound(update);
    if (size + more > kSwimDatagramBytesMax) {
      if (++misses == kMissesMax) break;
      continue;
    }
    size += more;
    message.updates.push_back(update);
    sent.push_back(rank.id);
  }
  for (const NodeId id : sent) {
    Item& item = queue_.at(id);
    ranks_.erase(item.rank);
    ++item.rank.transmits;
    ranks_.insert(item.rank);
    if (item.rank.transmits >= transmits_max) forget(id);
  }
}

}  // namespace starling::node
