#include "node/gossip/swim_broadcast.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace starling::node {

void SwimBroadcast::push(SwimUpdate update) {
  const NodeId id = update.member.id;
  queue_[id] = Item{.update = std::move(update), .transmits = 0, .order = next_order_++};
  if (queue_.size() <= kQueueMax) return;
  const auto oldest =
      std::min_element(queue_.begin(), queue_.end(), [](const auto& a, const auto& b) {
        return a.second.order < b.second.order;
      });
  queue_.erase(oldest);
}

void SwimBroadcast::fill(SwimMessage& message, int transmits_max) {
  std::vector<Item*> items;
  for (auto& [id, item] : queue_)
    items.push_back(&item);
  // Newest first among equals; good news before bad, so that a refutation overtakes.
  std::sort(items.begin(), items.end(), [](const Item* a, const Item* b) {
    return std::tuple{a->transmits, a->update.member.state, b->order} <
           std::tuple{b->transmits, b->update.member.state, a->order};
  });
  std::size_t size = encoded_size_bound(message);
  std::vector<NodeId> spent;
  for (Item* item : items) {
    const NodeId id = item->update.member.id;
    const bool is_there =
        std::any_of(message.updates.begin(), message.updates.end(), [id](const SwimUpdate& known) {
          return known.member.id == id;
        });
    const std::size_t more = encoded_size_bound(item->update);
    if (is_there || size + more > kSwimDatagramBytesMax) continue;
    size += more;
    message.updates.push_back(item->update);
    if (++item->transmits >= transmits_max) spent.push_back(id);
  }
  for (const NodeId id : spent)
    queue_.erase(id);
}

}  // namespace starling::node
