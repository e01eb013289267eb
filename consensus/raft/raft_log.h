/// What a member knows of its log without asking the disk: where it begins and ends, the term of
/// every entry, the configs that it implies, and the newest entries themselves.
///
/// Terms are kept as runs, so the whole log costs as many numbers as there were leaders. Entries
/// that are applied and durable may leave the memory (`trim`); a laggard's are read from the disk.
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
  explicit RaftLog(SnapshotMeta base = {}, const std::vector<EntryRef>& entries = {});

  LogIndex base_index() const { return base_index_; }

  Term base_term() const { return base_term_; }

  LogIndex last_index() const { return {cached_after_.value + cache_.size()}; }

  Term last_term() const { return runs_.empty() ? base_term_ : runs_.back().term; }

  /// Nothing before the compaction point and after the end.
  std::optional<Term> term_at(LogIndex index) const;

  bool matches(LogIndex index, Term term) const { return term_at(index) == term; }

  /// Raft section 5.4.1: the later term wins, then the longer log.
  bool is_up_to_date(LogIndex index, Term term) const;

  /// The greatest index at or before `index` whose term is not above `term`: where two logs may
  /// still agree, skipping whole terms.
  LogIndex last_at_or_below(LogIndex index, Term term) const;

  bool is_in_memory(LogIndex index) const { return index > cached_after_ && index <= last_index(); }

  /// The entry must be in memory.
  const EntryRef& at(LogIndex index) const;

  /// Entries after `after`, up to `until`, of at most `bytes_max` together but at least one. All
  /// must be in memory.
  std::vector<EntryRef> slice(LogIndex after, LogIndex until, std::size_t bytes_max) const;

  /// Bytes of the entries in memory.
  std::size_t bytes_in_memory() const { return bytes_; }

  /// Forgets the oldest entries in memory, none after `until`, as long as more than `bytes_max`
  /// bytes are held.
  void trim(LogIndex until, std::size_t bytes_max);

  /// Must be the next index.
  void append(EntryRef entry);

  /// Drops `from` and everything after it, all of which must be in memory.
  void truncate_from(LogIndex from);

  /// Drops everything up to `index`, which becomes the compaction point.
  void compact(LogIndex index);

  /// Drops everything; the log now follows `meta`.
  void reset(const SnapshotMeta& meta);

  /// The point `index` as a snapshot of it would name it.
  SnapshotMeta meta_at(LogIndex index) const;

  const ConfigHistory& configs() const { return configs_; }

 private:
  struct TermRun {
    LogIndex first;  ///< up to the next run's, or the end of the log
    Term term;
  };

  void drop_oldest_in_memory();

  LogIndex base_index_;
  Term base_term_;
  std::deque<TermRun> runs_;
  LogIndex cached_after_;  ///< entries after it are in memory
  std::deque<EntryRef> cache_;
  std::size_t bytes_ = 0;
  ConfigHistory configs_;
};

}  // namespace starling::consensus
