/// What the swarm knows of one node. Gossiped, so it may be some seconds old; never a decision.
#pragma once

#include "node/base/ids.h"
#include "node/secure/node_key.h"

#include <cstdint>
#include <map>
#include <string>

namespace starling::node {

enum class MemberState : std::uint8_t { alive = 1, suspect = 2, dead = 3, left = 4 };

/// What a node says about itself; at most `kMemberFactsBytesMax` when encoded.
struct MemberFacts {
  std::string name;
  std::string address;  ///< HOST:PORT for peers (TCP and UDP)
  std::string http;     ///< URL for people
  std::string version;
  std::uint32_t feature_level = 0;   ///< the newest kind of log command it understands
  std::uint64_t key_generation = 0;  ///< the newest of the swarm's keys that it knows
  std::uint32_t slots = 0;
  std::uint32_t trials_running = 0;
  std::uint64_t memory_budget_mb = 0;
  std::uint64_t memory_used_mb = 0;
  std::uint64_t disk_free_mb = 0;  ///< 0: not known
  std::uint64_t sync_us = 0;  ///< what a slow write takes to be durable (DiskProbe); 0: not known
  std::uint32_t speed_mflops = 0;  ///< of one core of it in training, as it measured; 0: not known
  bool memory_is_short = false;    ///< it begins no trials until it has room again
  bool disk_is_short = false;      ///< it takes nothing that grows
  std::map<std::string, std::string> labels;

  friend bool operator==(const MemberFacts&, const MemberFacts&) = default;
};

/// What fails together with it, by its label `zone`; empty: only itself.
std::string failure_domain(const MemberFacts& facts);

inline constexpr std::size_t kMemberFactsBytesMax = 512;

struct Member {
  NodeId id;
  NodeKey key;  ///< that `id` is the hash of; none while only others' claims against it are known
  std::uint64_t incarnation = 0;
  MemberState state = MemberState::alive;
  MemberFacts facts;
  std::uint64_t gone_s = 0;  ///< in push/pull: dead or left for so long, as the sender counts

  friend bool operator==(const Member&, const Member&) = default;
};

}  // namespace starling::node
