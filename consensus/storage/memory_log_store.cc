#include "consensus/storage/memory_log_store.h"

#include "consensus/storage/snapshot_pairs.h"

namespace starling::consensus {
namespace {

class MemorySnapshotReader : public SnapshotReader {
 public:
  explicit MemorySnapshotReader(MapView state) : state_(std::move(state)) {}

  Result<std::string> next(std::size_t bytes_max) override {
    std::string pairs;
    state_.scan(from_, {}, [&](std::string_view key, std::string_view value) {
      if (!pairs.empty() && pairs.size() + key.size() + value.size() > bytes_max) return false;
      append_pair(pairs, key, value);
      from_ = std::string{key} + '\0';
      return true;
    });
    return pairs;
  }

 private:
  MapView state_;
  std::string from_;
};

void write_to(MemoryLogStore::Disk& disk, const PersistBatch& batch) {
  if (batch.install) {
    disk.state = std::move(disk.staged);
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

void MemoryLogStore::write(Write change) {
  change(live_);
  unsynced_.push_back(std::move(change));
}

void MemoryLogStore::write(const PersistBatch& batch) {
  write([batch](Disk& disk) { write_to(disk, batch); });
}

Result<> MemoryLogStore::persist(const PersistBatch& batch) {
  write(batch);
  for (const Write& each : unsynced_)
    each(durable_);
  unsynced_.clear();
  return {};
}

Result<> MemoryLogStore::apply(const Changes& changes, LogIndex applied) {
  write([changes, applied](Disk& disk) {
    disk.state.commit(changes);
    disk.applied = applied;
  });
  return {};
}

Result<> MemoryLogStore::compact(const SnapshotMeta& base) {
  write([base](Disk& disk) {
    disk.log.erase(disk.log.begin(), disk.log.upper_bound(base.index));
    disk.base = base;
  });
  return {};
}

std::shared_ptr<const StateView> MemoryLogStore::view() const {
  return std::make_shared<MapView>(live_.state);
}

std::unique_ptr<SnapshotReader> MemoryLogStore::read_snapshot() const {
  return std::make_unique<MemorySnapshotReader>(live_.state);
}

Result<> MemoryLogStore::begin_staging() {
  write([](Disk& disk) { disk.staged = {}; });
  return {};
}

Result<> MemoryLogStore::stage(std::string_view pairs) {
  Changes changes;
  const bool whole = for_each_pair(pairs, [&](std::string_view key, std::string_view value) {
    changes.put(std::string{key}, std::string{value});
  });
  if (!whole) return Error{Errc::corrupt, "a snapshot chunk ends inside a pair"};
  write([changes](Disk& disk) { disk.staged.commit(changes); });
  return {};
}

void MemoryLogStore::crash(Random& random) {
  const std::size_t kept = random.below(unsynced_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i)
    unsynced_[i](durable_);
  unsynced_.clear();
  live_ = durable_;
  live_.staged = durable_.staged = {};
}

}  // namespace starling::consensus
