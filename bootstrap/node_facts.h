/// What a node says of itself, and the members it remembers across restarts.
#pragma once

#include "bootstrap/settings.h"
#include "node/gossip/member.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <set>
#include <string>

namespace starling::bootstrap {

/// Reads the machine; one call a second is plenty.
class FactsSource {
 public:
  FactsSource(const Settings& settings, std::string http_url);

  const std::filesystem::path& data() const { return data_; }

  /// What it was given, or what its cgroup or machine has now if that is less.
  std::uint64_t memory_budget_mb() const;

  /// How long this node's disk took to make a write durable. Published is the median of the last
  /// five times that this was measured: one bad moment says nothing.
  void note_sync_time(std::chrono::microseconds taken);

  /// `key_generation`: the newest of the swarm's keys that this node knows.
  node::MemberFacts now(std::uint32_t trials_running,
                        bool memory_is_short,
                        std::uint64_t key_generation) const;

 private:
  std::filesystem::path data_;
  node::MemberFacts fixed_;
  std::uint64_t budget_mb_ = 0;
  std::deque<std::chrono::microseconds> sync_times_;  ///< the newest last
};

/// The file `peers` of the data directory: one HOST:PORT a line, of members seen alive, 256 at
/// most. Lost or damaged, it costs only that --join is needed again.
class KnownPeers {
 public:
  explicit KnownPeers(std::filesystem::path file);

  const std::set<std::string>& addresses() const { return addresses_; }

  /// Writes those down that are new, `self` excepted.
  void note(const std::vector<node::Member>& members, NodeId self);

 private:
  std::filesystem::path file_;
  std::set<std::string> addresses_;
};

}  // namespace starling::bootstrap
