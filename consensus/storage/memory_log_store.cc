#include "consensus/storage/memory_log_store.h"

#include "node/base/mutant.h"
#include "node/base/state_pairs.h"

#include <utility>

namespace starling::consensus {
namespace {

void write_to(MemoryLogStore::Disk& disk, const PersistBatch& batch, const MapView& staged) {
  if (batch.install) {
    disk.state = staged;
    disk.staged = {};
    disk.log.clear();
    disk.base = *batch.install;
    disk.applied = batch.install->index;
  }
  if (batch.truncate_from)
    disk.log.erase(disk.log.lower_bound(*batch.truncate_from), disk.log.end());
  for (const EntryRef& entry : batch.append)
    disk.log[entry->index] = entry;
  disk.hard = batch.hard;
}

}  // namespace

Result<RestoredState> MemoryLogStore::load() {
  RestoredState restored{live_.hard, RaftLog{live_.base}, live_.applied};
  for (const auto& [index, entry] : live_.log)
    restored.log.append(entry);
  return restored;
}

Result<std::vector<EntryRef>> MemoryLogStore::read_log(LogIndex after,
                                                       LogIndex until,
                                                       std::size_t bytes_max) const {
  std::vector<EntryRef> entries;
  std::size_t bytes = 0;
  for (LogIndex index = after.next(); index <= until; index = index.next()) {
    const auto found = live_.log.find(index);
    if (found == live_.log.end()) break;
    bytes += size_of(*found->second);
    if (!entries.empty() && bytes > bytes_max) break;
    entries.push_back(found->second);
  }
  return entries;
}

void MemoryLogStore::write(Change change, bool installs) {
  change(live_);
  unsynced_.push_back({std::make_shared<const Change>(std::move(change)), installs});
}

void MemoryLogStore::write(const PersistBatch& batch) {
  const MapView staged = batch.install ? live_.staged : MapView{};
  const auto change = [batch, staged](Disk& disk) { write_to(disk, batch, staged); };
  write(change, batch.install.has_value());
}

Result<> MemoryLogStore::persist(const PersistBatch& batch) {
  write(batch);
  if (next_failure_) {
    has_hole_ = true;
    const Error failure = *std::exchange(next_failure_, std::nullopt);
    if (!STARLING_MUTANT(22)) return failure;
  }
  if (!has_hole_) sync();
  return {};
}

void MemoryLogStore::make_durable(const LogWrite& write) {
  (*write.write)(durable_);
  if (write.installs) unflushed_.clear();
}

void MemoryLogStore::sync() {
  for (const LogWrite& each : unsynced_) {
    make_durable(each);
    if (truth_) lied_.push_back(each.write);
  }
  unsynced_.clear();
}

/// The applied state reaches the disk, unless a write before it did not.
void MemoryLogStore::flush() {
  for (const Write& each : unflushed_) {
    if (has_hole_)
      unsynced_.push_back({each, false});
    else
      make_durable({each, false});
    if (truth_ && !has_hole_) lied_.push_back(each);
  }
  unflushed_.clear();
}

void MemoryLogStore::lie(bool is_lying) {
  if (is_lying && !truth_) truth_ = durable_;
  if (!is_lying) truth_.reset();
  lied_.clear();
}

Result<> MemoryLogStore::apply(const Changes& changes, LogIndex applied) {
  const auto put = [this](Change change) {
    change(live_);
    unflushed_.push_back(std::make_shared<const Change>(std::move(change)));
  };
  if (STARLING_MUTANT(18)) put([changes](Disk& disk) { disk.state.commit(changes); });
  put([changes, applied](Disk& disk) {
    disk.state.commit(changes);
    disk.applied = applied;
  });
  return {};
}

Result<> MemoryLogStore::compact(const SnapshotMeta& base) {
  flush();
  const auto change = [base](Disk& disk) {
    disk.log.erase(disk.log.begin(), disk.log.upper_bound(base.index));
    disk.base = base;
  };
  write(change, false);
  return {};
}

std::shared_ptr<const StateView> MemoryLogStore::view() const {
  return std::make_shared<MapView>(live_.state);
}

std::unique_ptr<SnapshotReader> MemoryLogStore::read_snapshot() const {
  auto state = live_.state;
  if (STARLING_MUTANT(14)) {
    Changes lost;
    lost.erase_range("session/", end_of_prefix("session/"));
    state.commit(lost);
  }
  return reader_of(std::make_shared<const MapView>(std::move(state)));
}

Result<> MemoryLogStore::begin_staging() {
  live_.staged = {};
  return {};
}

Result<> MemoryLogStore::stage(std::string_view pairs) {
  Changes changes;
  const bool whole = for_each_pair(pairs, [&](std::string_view key, std::string_view value) {
    changes.put(std::string{key}, std::string{value});
  });
  if (!whole) return Error{Errc::corrupt, "a snapshot chunk ends inside a pair"};
  live_.staged.commit(changes);
  return {};
}

std::size_t MemoryLogStore::crash(Random& random, double loss) {
  std::vector<LogWrite> at_risk;
  for (Write& each : std::exchange(lied_, {}))
    at_risk.push_back({std::move(each), false});
  if (!at_risk.empty() || has_hole_) unflushed_.clear();  // They follow what may be lost now.
  at_risk.insert(at_risk.end(), unsynced_.begin(), unsynced_.end());
  if (truth_) durable_ = *truth_;
  std::size_t kept = 0;
  while (kept < at_risk.size() && !random.chance(loss))
    make_durable(at_risk[kept++]);
  const std::size_t flushed = random.below(unflushed_.size() + 1);
  for (std::size_t i = 0; i < flushed; ++i)
    (*unflushed_[i])(durable_);
  unsynced_.clear();
  unflushed_.clear();
  durable_.staged = {};
  live_ = durable_;
  if (truth_) truth_ = durable_;
  next_failure_.reset();
  has_hole_ = false;
  return at_risk.size() - kept;
}

void MemoryLogStore::make_true() {
  if (truth_) truth_ = durable_;
  lied_.clear();
}

bool MemoryLogStore::roll_back() {
  if (!image_) return false;
  durable_ = *image_;
  durable_.staged = {};
  live_ = durable_;
  if (truth_) truth_ = durable_;
  lied_.clear();
  unsynced_.clear();
  unflushed_.clear();
  return true;
}

}  // namespace starling::consensus
