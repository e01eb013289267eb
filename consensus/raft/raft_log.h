/// The log since the last compaction, in memory, with the configs that it implies.
///
/// Entries before the compaction point are gone: who needs them gets a snapshot.
#pragma once

#include "consensus/raft/messages.h"

#include <deque>
#include <optional>
#include <vector>

namespace starling::consensus {

class RaftLog {
 public:
  /// `entries` follow `base` without a gap.
  RaftLog(SnapshotMeta base, const std::vector<EntryRef>& entries);

  LogIndex base_index() const { return base_index_; }

  Term base_term() const { return base_term_; }

  LogIndex last_index() const { return {base_index_.value + entries_.size()}; }

  Term last_term() const { return entries_.empty() ? base_term_ : entries_.back()->term; }

  std::size_t bytes() const { return bytes_; }

  /// Nothing before the compaction point and after the end.
  std::optional<Term> term_at(LogIndex index) const;

  /// The entry must be in memory.
  const EntryRef& at(LogIndex index) const;

  bool matches(LogIndex index, Term term) const { return term_at(index) == term; }

  /// Raft section 5.4.1: the later term wins, then the longer log.
  bool is_up_to_date(LogIndex index, Term term) const;

  /// The greatest index at or before `index` whose term is not above `term`: where two logs may
  /// still agree, skipping whole terms.
  LogIndex last_at_or_below(LogIndex index, Term term) const;

  /// Entries after `after`, up to `until`, of at most `bytes_max` together but at least one.
  std::vector<EntryRef> slice(LogIndex after, LogIndex until, std::size_t bytes_max) const;

  /// Must be the next index.
  void append(EntryRef entry);

  /// Drops `from` and everything after it.
  void truncate_from(LogIndex from);

  /// Drops everything up to `index`, which becomes the compaction point.
  void compact(LogIndex index);

  /// Drops everything; the log now follows `meta`.
  void reset(const SnapshotMeta& meta);

  /// The point `index` as a snapshot of it would name it.
  SnapshotMeta meta_at(LogIndex index) const;

  const ConfigHistory& configs() const { return configs_; }

 private:
  LogIndex base_index_;
  Term base_term_;
  std::deque<EntryRef> entries_;
  std::size_t bytes_ = 0;
  ConfigHistory configs_;
};

}  // namespace starling::consensus
