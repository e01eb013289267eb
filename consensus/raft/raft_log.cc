#include "consensus/raft/raft_log.h"

#include "node/base/assert.h"

#include <algorithm>
#include <utility>

namespace starling::consensus {

std::size_t size_of(const Entry& entry) {
  constexpr std::size_t kFrameBytes = 24;
  constexpr std::size_t kMemberBytes = 18;
  const Config& config = entry.config;
  const std::size_t members =
      config.voters.size() + config.voters_outgoing.size() + config.learners.size();
  return kFrameBytes + entry.command.size() + kMemberBytes * members;
}

RaftLog::RaftLog(SnapshotMeta base, const std::vector<EntryRef>& entries)
    : base_index_(base.index),
      base_term_(base.term),
      configs_(base.config_index, std::move(base.config)) {
  for (const EntryRef& entry : entries)
    append(entry);
}

std::optional<Term> RaftLog::term_at(LogIndex index) const {
  if (index == base_index_) return base_term_;
  if (index < base_index_ || index > last_index()) return std::nullopt;
  return at(index)->term;
}

const EntryRef& RaftLog::at(LogIndex index) const {
  STARLING_ASSERT(index > base_index_ && index <= last_index(), "the entry is in memory");
  return entries_[index.value - base_index_.value - 1];
}

bool RaftLog::is_up_to_date(LogIndex index, Term term) const {
  return std::pair{term, index} >= std::pair{last_term(), last_index()};
}

LogIndex RaftLog::last_at_or_below(LogIndex index, Term term) const {
  index = std::min(index, last_index());
  while (index > base_index_ && at(index)->term > term)
    --index.value;
  return index;
}

std::vector<EntryRef> RaftLog::slice(LogIndex after, LogIndex until, std::size_t bytes_max) const {
  std::vector<EntryRef> taken;
  std::size_t bytes = 0;
  for (LogIndex index = after.next(); index <= until; index = index.next()) {
    const EntryRef& entry = at(index);
    bytes += size_of(*entry);
    if (!taken.empty() && bytes > bytes_max) break;
    taken.push_back(entry);
  }
  return taken;
}

void RaftLog::append(EntryRef entry) {
  STARLING_ASSERT(entry->index == last_index().next(), "the log has no gap");
  STARLING_ASSERT(entry->term >= last_term(), "terms never fall along the log");
  bytes_ += size_of(*entry);
  if (entry->kind == EntryKind::config) configs_.append(entry->index, entry->config);
  entries_.push_back(std::move(entry));
}

void RaftLog::truncate_from(LogIndex from) {
  STARLING_ASSERT(from > base_index_, "what is compacted is never truncated");
  while (last_index() >= from) {
    bytes_ -= size_of(*entries_.back());
    entries_.pop_back();
  }
  configs_.truncate_from(from);
}

void RaftLog::compact(LogIndex index) {
  STARLING_ASSERT(index <= last_index(), "only what is in the log can be compacted");
  if (index <= base_index_) return;
  base_term_ = at(index)->term;
  while (base_index_ < index) {
    bytes_ -= size_of(*entries_.front());
    entries_.pop_front();
    base_index_ = base_index_.next();
  }
  configs_.compact(index);
}

void RaftLog::reset(const SnapshotMeta& meta) {
  base_index_ = meta.index;
  base_term_ = meta.term;
  entries_.clear();
  bytes_ = 0;
  configs_ = ConfigHistory{meta.config_index, meta.config};
}

SnapshotMeta RaftLog::meta_at(LogIndex index) const {
  const auto term = term_at(index);
  STARLING_ASSERT(term.has_value(), "a snapshot is of a point in the log");
  const auto& [config_index, config] = configs_.at(index);
  return {index, *term, config, config_index};
}

}  // namespace starling::consensus
