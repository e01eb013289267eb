#include "consensus/raft/raft_log.h"

#include "node/base/assert.h"
#include "node/base/mutant.h"

#include <algorithm>
#include <utility>

namespace starling::consensus {

bool is_relayed(const Message& message) {
  const auto* append = std::get_if<AppendRequest>(&message.body);
  return append != nullptr && append->is_news && message.session == 0;
}

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
      cached_after_(base.index),
      configs_(base.config_index, std::move(base.config)) {
  for (const EntryRef& entry : entries)
    append(entry);
}

std::optional<Term> RaftLog::term_at(LogIndex index) const {
  if (index == base_index_) return base_term_;
  if (index < base_index_ || index > last_index()) return std::nullopt;
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), index, [](LogIndex sought, const TermRun& run) {
        return sought < run.first;
      });
  return std::prev(after)->term;
}

const EntryRef& RaftLog::at(LogIndex index) const {
  STARLING_ASSERT(is_in_memory(index), "the entry is in memory");
  return cache_[index.value - cached_after_.value - 1];
}

bool RaftLog::is_up_to_date(LogIndex index, Term term) const {
  return std::pair{term, index} >= std::pair{last_term(), last_index()};
}

LogIndex RaftLog::last_at_or_below(LogIndex index, Term term) const {
  LogIndex end = last_index();
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (run->first <= index && run->term <= term) return std::min(index, end);
    end = LogIndex{run->first.value - 1};
  }
  return std::min(index, base_index_);
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
  if (runs_.empty() || entry->term != runs_.back().term)
    runs_.push_back({entry->index, entry->term});
  if (entry->kind == EntryKind::config) configs_.append(entry->index, entry->config);
  cache_.push_back(std::move(entry));
}

void RaftLog::truncate_from(LogIndex from) {
  STARLING_ASSERT(from > base_index_, "what is compacted is never truncated");
  STARLING_ASSERT(from > cached_after_, "what is applied is never truncated");
  while (last_index() >= from) {
    bytes_ -= size_of(*cache_.back());
    cache_.pop_back();
  }
  while (!runs_.empty() && runs_.back().first >= from)
    runs_.pop_back();
  if (!STARLING_MUTANT(12)) configs_.truncate_from(from);
}

void RaftLog::drop_oldest_in_memory() {
  bytes_ -= size_of(*cache_.front());
  cache_.pop_front();
  cached_after_ = cached_after_.next();
}

void RaftLog::trim(LogIndex until, std::size_t bytes_max) {
  while (bytes_ > bytes_max && !cache_.empty() && cache_.front()->index <= until)
    drop_oldest_in_memory();
}

void RaftLog::compact(LogIndex index) {
  STARLING_ASSERT(index <= last_index(), "only what is in the log can be compacted");
  if (index <= base_index_) return;
  base_term_ = *term_at(index);
  base_index_ = index;
  while (!cache_.empty() && cache_.front()->index <= index)
    drop_oldest_in_memory();
  cached_after_ = std::max(cached_after_, index);
  while (runs_.size() > 1 && runs_[1].first <= index.next())
    runs_.pop_front();
  if (index == last_index())
    runs_.clear();
  else
    runs_.front().first = index.next();
  configs_.compact(index);
}

void RaftLog::reset(const SnapshotMeta& meta) {
  *this = RaftLog{meta};
}

SnapshotMeta RaftLog::meta_at(LogIndex index) const {
  const auto term = term_at(index);
  STARLING_ASSERT(term.has_value(), "a snapshot is of a point in the log");
  const auto& [config_index, config] = configs_.at(STARLING_MUTANT(13) ? last_index() : index);
  return {index, *term, config, config_index};
}

}  // namespace starling::consensus
