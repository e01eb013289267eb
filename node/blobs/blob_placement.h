/// Which nodes keep a copy of a blob: a pure function of its name and the swarm's members, so
/// that every node computes the same and nobody has to be told. When a node comes or goes, only its
/// share of the copies moves.
///
/// Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998),
///         rendezvous hashing.
///
/// Threads: none. Pure.
#pragma once

#include "node/base/hash.h"
#include "node/base/ids.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace starling::node {

inline constexpr std::size_t kBlobCopies = 3;

/// A member as far as blobs are concerned.
struct BlobNode {
  NodeId id;
  std::string domain;    ///< what fails together; empty: only itself
  bool is_alive = true;  ///< can be asked now
  bool may_hold = true;  ///< is not gone for long, leaving, or out of disk

  friend bool operator==(const BlobNode&, const BlobNode&) = default;
};

struct BlobNeed {
  ContentHash blob;
  bool everywhere = false;  ///< wanted by every node, as models are

  friend bool operator==(const BlobNeed&, const BlobNeed&) = default;
};

class BlobPlacement {
 public:
  /// In any order. What was computed is kept while they stay the same.
  void set_nodes(std::vector<BlobNode> nodes);

  /// The `kBlobCopies` nodes, or all that may hold one, best first: in different domains where
  /// there are so many.
  const std::vector<NodeId>& holders(const ContentHash& blob);

  bool is_holder(const ContentHash& blob, NodeId node);

  /// What `self` should hold and does not, first those of which the fewest holders can be
  /// asked.
  std::vector<ContentHash> missing(NodeId self,
                                   const std::vector<BlobNeed>& needs,
                                   const std::function<bool(const ContentHash&)>& has);

  /// Whom `self` may ask for it, best first: those that should have it, then everybody.
  std::vector<NodeId> sources(const ContentHash& blob, NodeId self);

 private:
  std::size_t copies_within_reach(const ContentHash& blob);

  std::vector<BlobNode> nodes_;  ///< by id
  std::map<ContentHash, std::vector<NodeId>> holders_;
};

}  // namespace starling::node
