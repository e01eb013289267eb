#include "consensus/storage/rocks_log_store.h"

#include "consensus/raft/raft_wire.h"
#include "consensus/storage/snapshot_pairs.h"
#include "consensus/storage/wal_tail.h"
#include "node/base/bytes.h"
#include "node/base/log.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <cstdlib>
#include <limits>
#include <vector>

namespace starling::consensus {
namespace {

constexpr std::size_t kBlockCacheBytes = 32 << 20;  // with the write buffers in it
constexpr std::size_t kWriteBufferBytesTotal = 24 << 20;
constexpr std::size_t kWriteBufferBytes = 4 << 20;
constexpr std::size_t kGenerationBytes = 8;
constexpr std::size_t kLogBytesInMemory = 4 << 20;
constexpr const char* kAdvice =
    "move the state directory aside and let the node join the swarm again as a new one";

std::string key_of(LogIndex index) {
  return big_endian_key(index.value);
}

std::string past_all() {
  return big_endian_key(std::numeric_limits<std::uint64_t>::max());
}

Error damaged(std::string_view what) {
  return Error{Errc::corrupt,
               fmt::format("the state of this node is damaged: {}; {}", what, kAdvice)};
}

Error from_status(std::string_view doing, const rocksdb::Status& status) {
  if (status.IsCorruption()) return damaged(fmt::format("{}: {}", doing, status.ToString()));
  return Error{Errc::io, fmt::format("{}: {}", doing, status.ToString())};
}

/// RocksDB would try again after some failures of its background work. What the disk holds is not
/// known then (RS-6), so the process stops. Failures of calls are those callers' own.
class BackgroundWatch : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override {
    using Reason = rocksdb::BackgroundErrorReason;
    if (reason == Reason::kWriteCallback || reason == Reason::kMemTable) return;
    has_failed_ = true;
    if (!is_open_) return;
    Logger{"storage", "state"}.error("RocksDB cannot write its tables: {}; this node stops",
                                     status->ToString());
    std::abort();
  }

  /// Failures from here on stop the process. False: there was one already.
  bool begin() {
    is_open_ = true;
    return !has_failed_;
  }

 private:
  std::atomic<bool> is_open_{false};
  std::atomic<bool> has_failed_{false};
};

rocksdb::DBOptions database_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // What may be dropped is cut off before (wal_tail.h). The default drops all after any damage.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  options.paranoid_checks = true;
  options.max_total_wal_size = 64 << 20;
  options.recycle_log_file_num = 0;
  options.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(kWriteBufferBytesTotal, cache);
  options.max_background_jobs = 2;
  options.max_open_files = 64;
  options.stats_dump_period_sec = 0;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.max_log_file_size = 1 << 20;
  options.keep_log_file_num = 2;
  return options;
}

rocksdb::ColumnFamilyOptions family_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = kWriteBufferBytes;
  options.max_write_buffer_number = 2;
  options.compression = rocksdb::kNoCompression;
  return options;
}

}  // namespace

struct RocksLogStore::Database {
  WalContinuity continuity;
  std::shared_ptr<BackgroundWatch> watch = std::make_shared<BackgroundWatch>();
  std::atomic<std::uint64_t> synced_writes{0};
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::ColumnFamilyHandle* log = nullptr;
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  rocksdb::ColumnFamilyHandle* sm = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  ~Database() {
    for (auto* handle : handles)
      db->DestroyColumnFamilyHandle(handle);
  }

  Result<std::optional<std::string>> get_meta(const char* key,
                                              const rocksdb::ReadOptions& options = {}) const {
    std::string value;
    const auto status = db->Get(options, meta, key, &value);
    if (status.IsNotFound()) return std::optional<std::string>{};
    if (!status.ok()) return from_status(fmt::format("read {}", key), status);
    return std::optional{std::move(value)};
  }

  /// All tables are read once: damage is found here, not by whoever comes upon it later.
  Result<> verify() const {
    const auto status = db->VerifyChecksum();
    if (!status.ok()) return from_status("verify the tables", status);
    if (!watch->begin()) return Error{Errc::io, "RocksDB cannot write its tables"};
    return {};
  }

  Result<> write(rocksdb::WriteBatch& batch, bool sync, std::string_view doing) {
    const std::uint64_t confirmed = synced_writes;
    put_mark(batch, {sync ? confirmed + 1 : 0, confirmed});
    rocksdb::WriteOptions options;
    options.sync = sync;
    const auto status = db->Write(options, &batch);
    if (!status.ok()) return from_status(doing, status);
    if (sync) synced_writes = confirmed + 1;
    return {};
  }
};

namespace {

/// A generation of `sm`, frozen by a RocksDB snapshot or, without one, as it is at each call.
/// A value that cannot be read stops the process: to go on without it would be a wrong answer.
template <class Db>
class RocksView : public StateView {
 public:
  RocksView(std::shared_ptr<Db> database,
            const rocksdb::Snapshot* snapshot,
            std::uint64_t generation)
      : database_(std::move(database)),
        snapshot_(snapshot),
        prefix_(big_endian_key(generation)),
        end_(big_endian_key(generation + 1)) {}

  ~RocksView() override {
    if (snapshot_ != nullptr) database_->db->ReleaseSnapshot(snapshot_);
  }

  RocksView(const RocksView&) = delete;
  RocksView& operator=(const RocksView&) = delete;

  std::optional<std::string> get(std::string_view key) const override {
    std::string value;
    const auto status = database_->db->Get(options(), database_->sm, full(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    stop_unless(status);
    return value;
  }

  void scan(std::string_view from, std::string_view until, const Visit& visit) const override {
    const std::string end = until.empty() ? end_ : full(until);
    const rocksdb::Slice bound{end};
    auto read = options();
    read.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> at{database_->db->NewIterator(read, database_->sm)};
    for (at->Seek(full(from)); at->Valid(); at->Next()) {
      const std::string_view key = at->key().ToStringView().substr(kGenerationBytes);
      if (!visit(key, at->value().ToStringView())) return;
    }
    stop_unless(at->status());
  }

 private:
  std::string full(std::string_view key) const { return prefix_ + std::string{key}; }

  rocksdb::ReadOptions options() const {
    rocksdb::ReadOptions read;
    read.snapshot = snapshot_;
    return read;
  }

  static void stop_unless(const rocksdb::Status& status) {
    if (status.ok()) return;
    Logger{"storage", "state"}.error("the applied state cannot be read: {}", status.ToString());
    std::abort();
  }

  std::shared_ptr<Db> database_;
  const rocksdb::Snapshot* snapshot_;
  std::string prefix_;
  std::string end_;
};

class ViewReader : public SnapshotReader {
 public:
  explicit ViewReader(std::shared_ptr<const StateView> view) : view_(std::move(view)) {}

  Result<std::string> next(std::size_t bytes_max) override {
    std::string pairs;
    view_->scan(from_, {}, [&](std::string_view key, std::string_view value) {
      if (!pairs.empty() && pairs.size() + key.size() + value.size() > bytes_max) return false;
      append_pair(pairs, key, value);
      from_ = std::string{key} + '\0';
      return true;
    });
    return pairs;
  }

 private:
  std::shared_ptr<const StateView> view_;
  std::string from_;
};

}  // namespace

RocksLogStore::RocksLogStore(std::shared_ptr<Database> database) : database_(std::move(database)) {}

RocksLogStore::~RocksLogStore() = default;

Result<std::unique_ptr<RocksLogStore>> RocksLogStore::open(const std::filesystem::path& dir,
                                                           SwarmId swarm,
                                                           NodeId self,
                                                           rocksdb::Env* env) {
  // Not strict: a read must not fail because the write buffers are large.
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  const auto family = family_options(cache);
  const std::vector<rocksdb::ColumnFamilyDescriptor> families{
      {rocksdb::kDefaultColumnFamilyName, family},
      {"log", family},
      {"meta", family},
      {"sm", family}};
  auto database = std::make_shared<Database>();
  auto options = database_options(cache);
  if (env != nullptr) options.env = env;
  options.wal_filter = &database->continuity;
  options.listeners.push_back(database->watch);
  const auto cut = cut_torn_end(*options.env, dir);
  if (!cut) return cut.error().code == Errc::corrupt ? damaged(cut.error().detail) : cut.error();
  if (*cut) Logger{"storage", "log"}.warn("cut off what a power failure tore: {}", **cut);
  rocksdb::DB* db = nullptr;
  const bool is_new = !options.env->FileExists((dir / "CURRENT").string()).ok();
  const auto status = rocksdb::DB::Open(options, dir.string(), families, &database->handles, &db);
  if (status.IsPathNotFound() && !is_new) return damaged(status.ToString());
  if (!status.ok()) return from_status(fmt::format("open {}", dir.string()), status);
  database->db.reset(db);
  database->log = database->handles[1];
  database->meta = database->handles[2];
  database->sm = database->handles[3];
  const auto verified = database->verify();
  if (!verified) return verified.error();
  std::unique_ptr<RocksLogStore> store{new RocksLogStore{std::move(database)}};
  const auto claimed = store->claim(swarm, self);
  if (!claimed) return claimed.error();
  return store;
}

Result<> RocksLogStore::claim(SwarmId swarm, NodeId self) {
  const std::string owner = fmt::format("swarm {} node {}", swarm.hex(), self.hex());
  const auto known = database_->get_meta("owner");
  if (!known) return known.error();
  if (*known && **known != owner) {
    return Error{Errc::conflict,
                 fmt::format("the state directory belongs to {}, but this is {}; use another data "
                             "directory, or the identity that belongs to this one",
                             **known,
                             owner)};
  }
  const auto generation = database_->get_meta("generation");
  if (!generation) return generation.error();
  if (*generation) generation_ = from_big_endian_key(**generation);
  rocksdb::WriteBatch batch;
  batch.Put(database_->meta, "owner", owner);
  batch.Put(database_->meta, "generation", big_endian_key(generation_));
  const auto written = database_->write(batch, true, "write the owner");
  if (!written) return written.error();
  return begin_staging();  // what a crash left there is of no use
}

Result<> RocksLogStore::audit_meta(RestoredState& restored, bool& has_hard) {
  const auto hard_bytes = database_->get_meta("hard");
  const auto base_bytes = database_->get_meta("base");
  const auto applied_bytes = database_->get_meta("applied");
  if (!hard_bytes) return hard_bytes.error();
  if (!base_bytes) return base_bytes.error();
  if (!applied_bytes) return applied_bytes.error();
  has_hard = hard_bytes->has_value();
  if (has_hard) {
    const auto hard = decode_hard_state(**hard_bytes);
    if (!hard) return damaged(hard.error().detail);
    restored.hard = *hard;
  }
  if (*base_bytes) {
    const auto base = decode_snapshot_meta(**base_bytes);
    if (!base) return damaged(base.error().detail);
    restored.log = RaftLog{*base};
  }
  restored.applied = restored.log.base_index();
  if (*applied_bytes) {
    if ((*applied_bytes)->size() != 8) return damaged("the applied index is not a number");
    restored.applied = {from_big_endian_key(**applied_bytes)};
  }
  return {};
}

Result<> RocksLogStore::audit_log(RestoredState& restored) {
  rocksdb::ReadOptions read;
  read.verify_checksums = true;
  const std::unique_ptr<rocksdb::Iterator> at{database_->db->NewIterator(read, database_->log)};
  LogIndex last = restored.log.base_index();
  Term term = restored.log.base_term();
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    auto entry = decode_entry(at->value().ToStringView());
    if (!entry) return damaged(fmt::format("after entry {}: {}", last.value, entry.error().detail));
    const bool is_own_key = at->key().ToStringView() == key_of(entry->index);
    if (!is_own_key || entry->index != last.next()) {
      return damaged(fmt::format(
          "entry {} of the log should follow entry {}", entry->index.value, last.value));
    }
    if (entry->term < term || entry->term > restored.hard.term) {
      return damaged(fmt::format("entry {} has term {}, between {} and {} is possible",
                                 entry->index.value,
                                 entry->term.value,
                                 term.value,
                                 restored.hard.term.value));
    }
    last = entry->index;
    term = entry->term;
    restored.log.append(std::make_shared<const Entry>(std::move(*entry)));
    restored.log.trim(restored.applied, kLogBytesInMemory);
  }
  if (!at->status().ok()) return from_status("read the log", at->status());
  return {};
}

Result<RestoredState> RocksLogStore::load() {
  RestoredState restored;
  bool has_hard = false;
  const auto meta = audit_meta(restored, has_hard);
  if (!meta) return meta.error();
  const auto log = audit_log(restored);
  if (!log) return log.error();
  const LogIndex base = restored.log.base_index();
  const LogIndex last = restored.log.last_index();
  if (!has_hard && last > LogIndex{}) return damaged("it has a log but no term and vote");
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

Result<std::vector<EntryRef>> RocksLogStore::read_log(LogIndex after,
                                                      LogIndex until,
                                                      std::size_t bytes_max) const {
  std::vector<EntryRef> entries;
  std::size_t bytes = 0;
  const std::unique_ptr<rocksdb::Iterator> at{database_->db->NewIterator({}, database_->log)};
  for (at->Seek(key_of(after.next())); at->Valid(); at->Next()) {
    auto entry = decode_entry(at->value().ToStringView());
    if (!entry) return damaged(entry.error().detail);
    const LogIndex next{after.value + entries.size() + 1};
    if (entry->index != next || next > until) break;
    bytes += size_of(*entry);
    if (!entries.empty() && bytes > bytes_max) break;
    entries.push_back(std::make_shared<const Entry>(std::move(*entry)));
  }
  if (!at->status().ok()) return from_status("read the log", at->status());
  return entries;
}

Result<> RocksLogStore::persist(const PersistBatch& batch) {
  rocksdb::WriteBatch write;
  std::uint64_t generation = generation_;
  if (batch.install) {
    write.DeleteRange(database_->log, key_of({}), past_all());
    write.DeleteRange(database_->sm, big_endian_key(generation), big_endian_key(generation + 1));
    ++generation;
    write.Put(database_->meta, "generation", big_endian_key(generation));
    write.Put(database_->meta, "base", encode_snapshot_meta(*batch.install));
    write.Put(database_->meta, "applied", key_of(batch.install->index));
  }
  if (batch.truncate_from)
    write.DeleteRange(database_->log, key_of(*batch.truncate_from), past_all());
  for (const EntryRef& entry : batch.append)
    write.Put(database_->log, key_of(entry->index), encode_entry(*entry));
  write.Put(database_->meta, "hard", encode_hard_state(batch.hard));
  const auto written = database_->write(write, true, "sync the log");
  if (!written) {
    Logger{"storage", "log"}.error("{}; this node stops, since what the disk holds is unknown",
                                   written.error().detail);
    std::abort();
  }
  generation_ = generation;
  return {};
}

Result<> RocksLogStore::apply(const Changes& changes, LogIndex applied) {
  rocksdb::WriteBatch batch;
  const std::string prefix = big_endian_key(generation_);
  for (const auto& [from, until] : changes.erased)
    batch.DeleteRange(database_->sm, prefix + from, prefix + until);
  for (const auto& [key, value] : changes.writes) {
    if (value)
      batch.Put(database_->sm, prefix + key, *value);
    else
      batch.Delete(database_->sm, prefix + key);
  }
  batch.Put(database_->meta, "applied", key_of(applied));
  return database_->write(batch, false, "write the applied state");
}

Result<> RocksLogStore::compact(const SnapshotMeta& base) {
  rocksdb::WriteBatch batch;
  batch.DeleteRange(database_->log, key_of({}), key_of(base.index.next()));
  batch.Put(database_->meta, "base", encode_snapshot_meta(base));
  return database_->write(batch, false, "compact the log");
}

std::shared_ptr<const StateView> RocksLogStore::view() const {
  rocksdb::ReadOptions read;
  read.snapshot = database_->db->GetSnapshot();
  const auto generation = database_->get_meta("generation", read);
  const bool known = generation && *generation;
  return std::make_shared<RocksView<Database>>(
      database_, read.snapshot, known ? from_big_endian_key(**generation) : generation_.load());
}

std::unique_ptr<const StateView> RocksLogStore::live_view() const {
  return std::make_unique<RocksView<Database>>(database_, nullptr, generation_);
}

std::unique_ptr<SnapshotReader> RocksLogStore::read_snapshot() const {
  return std::make_unique<ViewReader>(view());
}

Result<> RocksLogStore::begin_staging() {
  const std::string from = big_endian_key(generation_ + 1);
  const std::unique_ptr<rocksdb::Iterator> at{database_->db->NewIterator({}, database_->sm)};
  at->Seek(from);
  if (!at->Valid()) return {};
  rocksdb::WriteBatch batch;
  batch.DeleteRange(database_->sm, from, past_all());
  return database_->write(batch, false, "empty the staging area");
}

Result<> RocksLogStore::stage(std::string_view pairs) {
  rocksdb::WriteBatch batch;
  const std::string prefix = big_endian_key(generation_ + 1);
  const bool whole = for_each_pair(pairs, [&](std::string_view key, std::string_view value) {
    batch.Put(database_->sm, prefix + std::string{key}, rocksdb::Slice{value});
  });
  if (!whole) return Error{Errc::corrupt, "a snapshot chunk ends inside a pair"};
  return database_->write(batch, false, "stage a snapshot");
}

}  // namespace starling::consensus
