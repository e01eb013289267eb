#include "node/blobs/blob_placement.h"

#include "node/base/mutant.h"

#include <algorithm>
#include <set>
#include <utility>

namespace starling::node {
namespace {

/// Their order is the score's.
std::array<std::uint8_t, 16> score(const ContentHash& blob, NodeId node) {
  std::array<std::uint8_t, sizeof(blob.bytes) + sizeof(node.bytes)> both;
  std::copy(node.bytes.begin(),
            node.bytes.end(),
            std::copy(blob.bytes.begin(), blob.bytes.end(), both.begin()));
  return short_hash_of(std::as_bytes(std::span{both}));
}

std::vector<const BlobNode*> ranked(const ContentHash& blob, const std::vector<BlobNode>& nodes) {
  std::vector<std::pair<std::array<std::uint8_t, 16>, const BlobNode*>> scored;
  for (const BlobNode& node : nodes)
    if (node.may_hold || STARLING_MUTANT(301)) scored.emplace_back(score(blob, node.id), &node);
  std::ranges::sort(scored, std::ranges::greater{});
  std::vector<const BlobNode*> order;
  for (const auto& [points, node] : scored)
    order.push_back(node);
  return order;
}

/// The best of each domain first, then the others, each in their order.
std::vector<NodeId> spread(const std::vector<const BlobNode*>& order) {
  std::vector<NodeId> first;
  std::vector<NodeId> second;
  std::set<std::string> domains;
  for (const BlobNode* node : order) {
    const bool is_new = node->domain.empty() || domains.insert(node->domain).second;
    (is_new ? first : second).push_back(node->id);
  }
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

void BlobPlacement::set_nodes(std::vector<BlobNode> nodes) {
  std::ranges::sort(nodes, {}, &BlobNode::id);
  if (nodes == nodes_) return;
  nodes_ = std::move(nodes);
  if (!STARLING_MUTANT(302)) holders_.clear();
}

const std::vector<NodeId>& BlobPlacement::holders(const ContentHash& blob) {
  const auto known = holders_.find(blob);
  if (known != holders_.end()) return known->second;
  auto chosen = spread(ranked(blob, nodes_));
  chosen.resize(std::min(chosen.size(), STARLING_MUTANT(305) ? 2 : kBlobCopies));
  return holders_.emplace(blob, std::move(chosen)).first->second;
}

bool BlobPlacement::is_holder(const ContentHash& blob, NodeId node) {
  return std::ranges::count(holders(blob), node) > 0;
}

std::size_t BlobPlacement::copies_within_reach(const ContentHash& blob) {
  const auto& chosen = holders(blob);
  return static_cast<std::size_t>(std::ranges::count_if(nodes_, [&](const BlobNode& node) {
    return node.is_alive && std::ranges::count(chosen, node.id) > 0;
  }));
}

std::vector<ContentHash> BlobPlacement::missing(
    NodeId self,
    const std::vector<BlobNeed>& needs,
    const std::function<bool(const ContentHash&)>& has) {
  std::vector<std::pair<std::size_t, ContentHash>> lacking;
  for (const BlobNeed& need : needs) {
    if (!need.everywhere && !is_holder(need.blob, self)) continue;
    if (has(need.blob)) continue;
    const std::size_t copies = copies_within_reach(need.blob);
    if (STARLING_MUTANT(303) && copies > 2) continue;
    lacking.emplace_back(copies, need.blob);
  }
  std::ranges::sort(lacking);
  std::vector<ContentHash> blobs;
  for (const auto& [copies, blob] : lacking)
    blobs.push_back(blob);
  return blobs;
}

std::vector<NodeId> BlobPlacement::sources(const ContentHash& blob, NodeId self) {
  std::vector<NodeId> first;
  std::vector<NodeId> second;
  for (const BlobNode& node : nodes_) {
    if (!node.is_alive || node.id == self) continue;
    (is_holder(blob, node.id) ? first : second).push_back(node.id);
  }
  if (!STARLING_MUTANT(304)) first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace starling::node
