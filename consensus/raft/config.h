/// Who votes and who only listens, as a function of the log: the last config entry in the log is
/// the active one, committed or not, and truncating the log brings back the one before.
///
/// Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), chapter 4 (joint consensus).
#pragma once

#include "node/base/error.h"
#include "node/base/ids.h"

#include <set>
#include <utility>
#include <vector>

namespace starling::consensus {

inline constexpr std::uint64_t kNumberMax = std::uint64_t{1} << 62;  ///< of any index or term
inline constexpr std::size_t kMembersMax = 4096;

struct Config {
  std::set<NodeId> voters;
  std::set<NodeId> voters_outgoing;  ///< not empty: joint, both halves must agree
  std::set<NodeId> learners;         ///< hold the log, do not count. May overlap the outgoing half.

  friend bool operator==(const Config&, const Config&) = default;

  bool is_joint() const { return !voters_outgoing.empty(); }

  bool is_voter(NodeId node) const {
    return voters.contains(node) || voters_outgoing.contains(node);
  }

  /// Everyone the leader sends the log to.
  std::set<NodeId> members() const;
};

/// The config that a change to `voters` and `learners` starts with: joint if a voter changes.
/// Errors: `invalid_argument` for no voters or a node in both sets; `conflict` while joint.
Result<Config> config_towards(const Config& from,
                              const std::set<NodeId>& voters,
                              const std::set<NodeId>& learners);

/// What follows a committed joint config.
Config config_after_joint(const Config& joint);

/// The configs of the log, oldest first; the first one is that of the compaction point.
class ConfigHistory {
 public:
  ConfigHistory(LogIndex index, Config config) : stack_{{index, std::move(config)}} {}

  const Config& active() const { return stack_.back().second; }

  LogIndex active_index() const { return stack_.back().first; }

  /// The last one at or before `index`, with its own index.
  const std::pair<LogIndex, Config>& at(LogIndex index) const;

  void append(LogIndex index, Config config);
  void truncate_from(LogIndex index);
  void compact(LogIndex index);

 private:
  std::vector<std::pair<LogIndex, Config>> stack_;
};

}  // namespace starling::consensus
