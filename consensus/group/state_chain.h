/// Finds a member whose state is not the others', though the log is the same.
///
/// Each entry's changes are hashed onto those before: members that decided alike have the same
/// chain. At every `kCheckEvery`-th entry a member keeps its link; the leader gathers those of
/// the voters and puts the one that most of them have into the log, where everyone compares. The
/// chain is part of the state, so a snapshot brings it along.
///
/// It shows decisions that differ (a fault of a program or of memory). Bytes that rot on a disk
/// fail their checksums instead.
///
/// Threads: none. Pure.
#pragma once

#include "consensus/raft/state_check.h"
#include "node/base/state_view.h"

#include <map>
#include <optional>
#include <string>

namespace starling::consensus {

inline constexpr std::uint64_t kCheckEvery = 1024;
inline constexpr std::size_t kChecksKept = 8;

class StateChain {
 public:
  /// Goes on from where the state is.
  explicit StateChain(const StateView& state, std::uint64_t check_every = kCheckEvery);

  /// Adds the changes that entry `index` made. Call it for every command, in order.
  /// Returns: the link to remember, at every `check_every`-th entry.
  std::optional<StateCheck> add(LogIndex index, const Changes& changes);

  /// Puts the chain as it is now into `changes`, to be written with them.
  void put_into(Changes& changes) const;

  /// Nothing, or the sentence that says how this member differs from most voters.
  std::optional<std::string> compare(const StateCheck& most) const;

 private:
  std::uint64_t check_every_;
  StateCheck last_;
  std::string scratch_;  ///< what is hashed; kept for its memory
  std::map<LogIndex, StateCheck> kept_;
};

}  // namespace starling::consensus
