// Nodes that keep copies of blobs for each other by node/blobs/blob_placement.h alone.
#pragma once

#include "node/base/random.h"
#include "node/blobs/blob_placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace starling::node {

inline NodeId node_of(std::size_t number) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  id.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  return id;
}

inline ContentHash blob_of(std::size_t number) {
  return hash_of(to_bytes(std::to_string(number)));
}

/// Nodes that die, lose their disks, come back, join and leave, one step a minute. Each has its own
/// view, which is some steps behind.
class BlobWorld {
 public:
  explicit BlobWorld(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < 7; ++i)
      add_node();
  }

  /// Returns: what is wrong, empty if nothing.
  std::string run(int steps) {
    for (int step = 0; step < steps; ++step)
      if (const std::string broken = this->step(); !broken.empty()) return broken;
    return "";
  }

  void add_blob() {
    // Two disks have it before it is acknowledged.
    const ContentHash blob = blob_of(1000 + blobs_.size());
    std::vector<std::size_t> up;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].is_alive) up.push_back(i);
    if (up.size() < 2) return;
    const std::size_t first = random_.below(up.size());
    nodes_[up[first]].has.insert(blob);
    nodes_[up[(first + 1) % up.size()]].has.insert(blob);
    blobs_.emplace(blob, now_);
  }

  std::size_t blobs() const { return blobs_.size(); }

 private:
  std::string step() {
    ++now_;
    fail();
    if (random_.below(4) == 0) add_blob();
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].is_alive) repair(i);
    return check();
  }

  static constexpr std::uint64_t kGoneAfter = 15;
  static constexpr std::uint64_t kRepairTime = 20;  ///< from when a copy is short until it is not

  struct Peer {
    bool is_alive = true;
    std::uint64_t changed = 0;  ///< when it died or came
    std::set<ContentHash> has;
    std::uint64_t view_lag = 0;
    BlobPlacement placement;
  };

  void add_node() {
    nodes_.push_back({});
    nodes_.back().view_lag = random_.below(3);
    nodes_.back().changed = now_;
  }

  /// One disk at most is lost within the time of a repair, as three copies promise to bear two.
  void fail() {
    Peer& peer = nodes_[random_.below(nodes_.size())];
    const auto dice = random_.below(100);
    const auto down = std::ranges::count(nodes_, false, &Peer::is_alive);
    if (dice < 10 && peer.is_alive && down < 2) {
      peer.is_alive = false;
      peer.changed = now_;
    } else if (dice < 40 && !peer.is_alive) {
      peer.is_alive = true;
      peer.changed = now_;
    } else if (dice < 43 && now_ - disk_lost_ > kGoneAfter + kRepairTime) {
      peer.has.clear();
      disk_lost_ = now_;
    } else if (dice == 50 && nodes_.size() < 12) {
      add_node();
    }
  }

  std::vector<BlobNode> view_of(const Peer& viewer) const {
    std::vector<BlobNode> view;
    const std::uint64_t seen = now_ - std::min(now_, viewer.view_lag);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const Peer& peer = nodes_[i];
      const bool news_has_come = peer.changed <= seen;
      const bool is_alive = peer.is_alive == news_has_come;
      const bool is_gone = !peer.is_alive && now_ - peer.changed >= kGoneAfter;
      view.push_back({.id = node_of(i), .domain = "", .is_alive = is_alive, .may_hold = !is_gone});
    }
    return view;
  }

  /// At most two blobs a step, and one in ten fetches fails.
  void repair(std::size_t self) {
    Peer& peer = nodes_[self];
    BlobPlacement& placement = peer.placement;
    placement.set_nodes(view_of(peer));
    std::vector<BlobNeed> needs;
    for (const auto& [blob, since] : blobs_)
      needs.push_back({.blob = blob});
    const auto has = [&peer](const ContentHash& blob) { return peer.has.contains(blob); };
    std::size_t fetched = 0;
    for (const ContentHash& blob : placement.missing(node_of(self), needs, has)) {
      for (const NodeId source : placement.sources(blob, node_of(self))) {
        const Peer& other = nodes_[source.bytes[0]];
        if (!other.is_alive || !other.has.contains(blob) || random_.below(10) == 0) continue;
        peer.has.insert(blob);
        break;
      }
      if (++fetched == 2) return;
    }
  }

  std::string check() {
    for (const auto& [blob, since] : blobs_) {
      const auto holds = [&blob](const Peer& peer) { return peer.has.contains(blob); };
      const auto copies = std::ranges::count_if(nodes_, holds);
      if (copies == 0) return "a blob is lost";
      if (copies >= static_cast<std::ptrdiff_t>(kBlobCopies))
        short_since_.erase(blob);
      else
        short_since_.try_emplace(blob, now_);
      if (!short_since_.contains(blob)) continue;
      if (now_ - short_since_.at(blob) > kGoneAfter + kRepairTime)
        return fmt::format("a blob has {} copies at step {}", copies, now_);
    }
    return "";
  }

  Random random_;
  std::uint64_t now_ = 0;
  std::uint64_t disk_lost_ = 0;
  std::vector<Peer> nodes_;
  std::map<ContentHash, std::uint64_t> blobs_;
  std::map<ContentHash, std::uint64_t> short_since_;
};

}  // namespace starling::node
