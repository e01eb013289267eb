/// Linearizable reads without the log: a read may go ahead at the commit index of its start once a
/// quorum has answered a heartbeat sent after that start.
///
/// The number of a round is the only thing that travels; callers' own contexts never do, so a
/// delayed answer cannot be taken for that of another read.
///
/// Source: Ongaro (2014), section 6.4.
#pragma once

#include "node/base/ids.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace starling::consensus {

struct ReadReady {
  std::uint64_t context = 0;
  std::optional<LogIndex> index;  ///< nothing: not the leader (any more)
};

class ReadQueue {
 public:
  void add(std::uint64_t context) { waiting_.push_back(context); }

  bool has_waiting() const { return !waiting_.empty(); }

  bool is_asking() const { return !asking_.empty(); }

  /// The newest round's number; 0 before the first.
  std::uint64_t seq() const { return seq_; }

  /// Starts a round for all that wait. The reads of an older round that got no quorum join it.
  void start_round(LogIndex commit);

  /// A quorum has answered `seq` or later: moves the reads that were asking to `ready`.
  void confirm(std::uint64_t seq, std::vector<ReadReady>& ready);

  /// Leadership is lost: all end without an index.
  void drop_all(std::vector<ReadReady>& ready);

 private:
  std::uint64_t seq_ = 0;
  LogIndex round_index_;
  std::vector<std::uint64_t> asking_;
  std::vector<std::uint64_t> waiting_;
};

}  // namespace starling::consensus
