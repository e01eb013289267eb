#include "consensus/storage/disk_log_store.h"

#include "node/base/log.h"

#include <fmt/format.h>

#include <cstdlib>

namespace starling::consensus {
namespace {

constexpr std::size_t kLogBytesInMemory = 4 << 20;
constexpr std::size_t kReadBytes = 1 << 20;
constexpr const char* kAdvice =
    "move the state directory aside and let the node join the swarm again as a new one";

Error damaged(std::string_view what) {
  return Error{Errc::corrupt,
               fmt::format("the state of this node is damaged: {}; {}", what, kAdvice)};
}

Error with_advice(const Error& error) {
  return error.code == Errc::corrupt ? damaged(error.detail) : error;
}

/// The folder is there, and still is after a power failure.
Result<std::string> made_dir(rocksdb::Env& env, const std::filesystem::path& dir) {
  std::unique_ptr<rocksdb::Directory> parent;
  auto status = env.CreateDirIfMissing(dir.string());
  if (status.ok()) status = env.NewDirectory(dir.parent_path().string(), &parent);
  if (status.ok()) status = parent->Fsync();
  if (status.ok()) return dir.string();
  return Error{Errc::io, fmt::format("make {}: {}", dir.string(), status.ToString())};
}

}  // namespace

Result<std::unique_ptr<DiskLogStore>> DiskLogStore::open(const std::filesystem::path& dir,
                                                         SwarmId swarm,
                                                         NodeId self,
                                                         rocksdb::Env* env,
                                                         const SegmentLogOptions& options) {
  rocksdb::Env& disk = env != nullptr ? *env : *rocksdb::Env::Default();
  const auto root = made_dir(disk, dir);
  if (!root) return root.error();
  if (disk.FileExists((dir / "CURRENT").string()).ok()) {
    return Error{Errc::conflict,
                 fmt::format("{} is of an earlier build, which kept log and state in one database; "
                             "go on with that build, or found the swarm anew in an empty data "
                             "directory",
                             dir.string())};
  }
  const auto log_dir = made_dir(disk, dir / "log");
  if (!log_dir) return log_dir.error();
  auto state = AppliedState::open((dir / "applied").string(), disk);  // takes RocksDB's lock, too
  if (!state) return with_advice(state.error());
  const std::string owner = fmt::format("swarm {} node {}", swarm.hex(), self.hex());
  auto log = SegmentLog::open(disk, *log_dir, owner, options);
  if (!log) return with_advice(log.error());
  if ((*log)->torn_end())
    Logger{"storage", "log"}.warn("cut off what a power failure tore: {}", *(*log)->torn_end());
  const std::string& known = (*log)->contents().owner();
  if (known != owner) {
    return Error{Errc::conflict,
                 fmt::format("the state directory belongs to {}, but this is {}; use another data "
                             "directory, or the identity that belongs to this one",
                             known,
                             owner)};
  }
  const auto selected = (*state)->select((*log)->contents().generation());
  if (!selected) return with_advice(selected.error());
  return std::unique_ptr<DiskLogStore>{new DiskLogStore{std::move(*state), std::move(*log)}};
}

Result<> DiskLogStore::audit_log(RestoredState& restored) const {
  const LogContents& contents = log_->contents();
  LogIndex last = restored.log.base_index();
  Term term = restored.log.base_term();
  while (last < contents.last()) {
    const auto entries = log_->read(last, contents.last(), kReadBytes);
    if (!entries) return with_advice(entries.error());
    if (entries->empty()) return damaged(fmt::format("entry {} is missing", last.next().value));
    for (const EntryRef& entry : *entries) {
      if (entry->term < term || entry->term > restored.hard.term) {
        return damaged(fmt::format("entry {} has term {}, between {} and {} is possible",
                                   entry->index.value,
                                   entry->term.value,
                                   term.value,
                                   restored.hard.term.value));
      }
      last = entry->index;
      term = entry->term;
      restored.log.append(entry);
      restored.log.trim(restored.applied, kLogBytesInMemory);
    }
  }
  return {};
}

Result<RestoredState> DiskLogStore::load() {
  const LogContents& contents = log_->contents();
  const auto applied = state_->applied();
  if (!applied) return with_advice(applied.error());
  RestoredState restored;
  restored.hard = contents.hard().value_or(HardState{});
  restored.log = RaftLog{contents.base()};
  restored.applied = *applied;
  const auto log = audit_log(restored);
  if (!log) return log.error();
  const LogIndex base = restored.log.base_index();
  const LogIndex last = restored.log.last_index();
  if (restored.applied < base || restored.applied > last) {
    return damaged(fmt::format("entries are applied up to {}, but the log reaches from {} to {}",
                               restored.applied.value,
                               base.value,
                               last.value));
  }
  if (restored.hard.commit > last) {
    return damaged(fmt::format("entries are committed up to {}, but the log ends at {}",
                               restored.hard.commit.value,
                               last.value));
  }
  return restored;
}

Result<std::vector<EntryRef>> DiskLogStore::read_log(LogIndex after,
                                                     LogIndex until,
                                                     std::size_t bytes_max) const {
  auto entries = log_->read(after, until, bytes_max);
  if (!entries) return with_advice(entries.error());
  return entries;
}

/// The last wanted compaction point up to which the state is on the disk.
Result<std::optional<SnapshotMeta>> DiskLogStore::base_that_is_safe() {
  const std::lock_guard lock{mutex_};
  std::optional<SnapshotMeta> base;
  const bool is_new = std::exchange(has_new_base_, false);
  const bool has_flushed = state_->has_flushed();
  if (wanted_bases_.empty() || (!is_new && !has_flushed)) return base;
  const auto flushed = state_->flushed();
  if (!flushed) return flushed.error();
  while (!wanted_bases_.empty() && wanted_bases_.front().index <= *flushed) {
    base = std::move(wanted_bases_.front());
    wanted_bases_.pop_front();
  }
  // What it flushed began before the newest was wanted.
  const auto requested =
      has_flushed && !wanted_bases_.empty() ? state_->request_flush() : Result<>{};
  if (!requested) return requested.error();
  return base;
}

Result<> DiskLogStore::try_persist(const PersistBatch& batch) {
  const std::uint64_t next_generation = state_->generation() + 1;
  if (!batch.install) {
    const auto base = base_that_is_safe();
    return base ? log_->write(batch, next_generation, *base) : Result<>{base.error()};
  }
  {
    const std::lock_guard lock{mutex_};
    wanted_bases_.clear();
  }
  const auto sealed = state_->seal_staged(batch.install->index);
  if (!sealed) return sealed;
  const auto written = log_->write(batch, next_generation, std::nullopt);
  return written ? state_->take_staged() : written;
}

Result<> DiskLogStore::persist(const PersistBatch& batch) {
  const auto written = try_persist(batch);
  if (written) return {};
  Logger{"storage", "log"}.error("{}; this node stops, since what the disk holds is unknown",
                                 written.error().detail);
  std::abort();
}

Result<> DiskLogStore::apply(const Changes& changes, LogIndex applied) {
  return state_->apply(changes, applied);
}

Result<> DiskLogStore::compact(const SnapshotMeta& base) {
  const std::lock_guard lock{mutex_};
  wanted_bases_.push_back(base);
  has_new_base_ = true;
  return state_->request_flush();
}

std::shared_ptr<const StateView> DiskLogStore::view() const {
  return state_->view();
}

std::unique_ptr<const StateView> DiskLogStore::live_view() const {
  return state_->live_view();
}

std::unique_ptr<SnapshotReader> DiskLogStore::read_snapshot() const {
  return reader_of(view());
}

Result<> DiskLogStore::begin_staging() {
  return state_->begin_staging();
}

Result<> DiskLogStore::stage(std::string_view pairs) {
  return state_->stage(pairs);
}

}  // namespace starling::consensus
