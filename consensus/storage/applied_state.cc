#include "consensus/storage/applied_state.h"

#include "node/base/bytes.h"
#include "node/base/log.h"
#include "node/base/state_pairs.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <mutex>

namespace starling::consensus {
namespace {

constexpr std::size_t kBlockCacheBytes = 32 << 20;  // with the write buffers in it
constexpr std::size_t kWriteBufferBytesTotal = 24 << 20;
constexpr std::size_t kWriteBufferBytes = 8 << 20;
constexpr std::size_t kGenerationBytes = 8;

std::string past_all() {
  return big_endian_key(std::numeric_limits<std::uint64_t>::max());
}

std::string applied_key(std::uint64_t generation) {
  return big_endian_key(0) + big_endian_key(generation);
}

Result<> checked(std::string_view doing, const rocksdb::Status& status) {
  if (status.ok()) return {};
  const Errc code = status.IsCorruption() ? Errc::corrupt : Errc::io;
  return Error{code, fmt::format("{}: {}", doing, status.ToString())};
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

  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override {
    has_flushed_ = true;
  }

  /// Failures from here on stop the process. False: there was one already.
  bool begin() {
    is_open_ = true;
    return !has_failed_;
  }

  /// Failures from here on lose nothing that the log does not have.
  void end() { is_open_ = false; }

  bool has_flushed() { return has_flushed_.exchange(false); }

 private:
  std::atomic<bool> is_open_{false};
  std::atomic<bool> has_failed_{false};
  std::atomic<bool> has_flushed_{true};
};

rocksdb::Options options_with(const std::shared_ptr<BackgroundWatch>& watch, rocksdb::Env& env) {
  // Not strict: a read must not fail because the write buffers are large.
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  rocksdb::Options options;
  options.env = &env;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(kWriteBufferBytesTotal, cache);
  options.max_background_jobs = 2;
  options.max_open_files = 64;
  options.stats_dump_period_sec = 0;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.max_log_file_size = 1 << 20;
  options.keep_log_file_num = 2;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = kWriteBufferBytes;
  options.max_write_buffer_number = 4;  // writing goes on while some are flushed
  options.compression = rocksdb::kNoCompression;
  options.level0_file_num_compaction_trigger = 8;  // half as much is written again
  options.listeners.push_back(watch);
  return options;
}

/// About as much as a batch of these changes takes: it would be copied each time it grows.
std::size_t bytes_in_batch(const Changes& changes) {
  constexpr std::size_t kBytesOfRecord = 32;
  std::size_t bytes = (changes.erased.size() + 2) * 128;
  for (const auto& [key, value] : changes.writes)
    bytes += kBytesOfRecord + key.size() + (value ? value->size() : 0);
  return bytes;
}

}  // namespace

struct AppliedState::Database {
  std::shared_ptr<BackgroundWatch> watch = std::make_shared<BackgroundWatch>();
  std::unique_ptr<rocksdb::DB> db;
  mutable std::mutex mutex;  ///< of the change from one generation to the next
  std::atomic<std::uint64_t> generation{1};

  Result<> write(rocksdb::WriteBatch& batch, std::string_view doing) const {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    return checked(doing, db->Write(options, &batch));
  }

  Result<LogIndex> read_applied(const rocksdb::ReadOptions& options) const {
    std::string value;
    const auto status = db->Get(options, applied_key(generation), &value);
    if (status.IsNotFound()) return LogIndex{};
    const auto read = checked("read the applied index", status);
    if (!read) return read.error();
    if (value.size() != 8) return Error{Errc::corrupt, "the applied index is not a number"};
    return LogIndex{from_big_endian_key(value)};
  }

  /// Deletes what is in [from, until), unless there is nothing: each mark makes reading slower.
  Result<> clear(const std::string& from, const std::string& until, std::string_view doing) const {
    const std::unique_ptr<rocksdb::Iterator> at{db->NewIterator({})};
    at->Seek(from);
    if (!at->Valid() || at->key().ToStringView() >= until) return checked(doing, at->status());
    rocksdb::WriteBatch batch;
    batch.DeleteRange(from, until);
    return write(batch, doing);
  }
};

namespace {

/// A generation, frozen by a RocksDB snapshot or, without one, as it is at each call.
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
    const auto status = database_->db->Get(options(), full(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    stop_unless(status);
    return value;
  }

  void scan(std::string_view from, std::string_view until, const Visit& visit) const override {
    const std::string end = until.empty() ? end_ : full(until);
    const rocksdb::Slice bound{end};
    auto read = options();
    read.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> at{database_->db->NewIterator(read)};
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

}  // namespace

AppliedState::AppliedState(std::shared_ptr<Database> database) : database_(std::move(database)) {}

AppliedState::~AppliedState() {
  database_->watch->end();
}

Result<std::unique_ptr<AppliedState>> AppliedState::open(const std::string& dir,
                                                         rocksdb::Env& env) {
  auto database = std::make_shared<Database>();
  rocksdb::DB* db = nullptr;
  const bool is_new = !env.FileExists(dir + "/CURRENT").ok();
  const auto status = rocksdb::DB::Open(options_with(database->watch, env), dir, &db);
  if (status.IsPathNotFound() && !is_new) return Error{Errc::corrupt, status.ToString()};
  const auto opened = checked(fmt::format("open {}", dir), status);
  if (!opened) return opened.error();
  database->db.reset(db);
  const auto verified = checked("verify the tables", db->VerifyChecksum());
  if (!verified) return verified.error();
  if (!database->watch->begin()) return Error{Errc::io, "RocksDB cannot write its tables"};
  return std::unique_ptr<AppliedState>{new AppliedState{std::move(database)}};
}

Result<> AppliedState::select(std::uint64_t generation) {
  database_->generation = generation;
  constexpr std::string_view kDoing = "drop what is not the state";
  const std::pair<std::string, std::string> kOthers[] = {
      {applied_key(0), applied_key(generation)},
      {applied_key(generation + 1), big_endian_key(1)},
      {big_endian_key(1), big_endian_key(generation)},
      {big_endian_key(generation + 1), past_all()},
  };
  for (const auto& [from, until] : kOthers) {
    const auto cleared = database_->clear(from, until, kDoing);
    if (!cleared) return cleared;
  }
  return {};
}

std::uint64_t AppliedState::generation() const {
  return database_->generation;
}

Result<LogIndex> AppliedState::applied() const {
  return database_->read_applied({});
}

Result<LogIndex> AppliedState::flushed() const {
  rocksdb::ReadOptions options;
  options.read_tier = rocksdb::kPersistedTier;
  return database_->read_applied(options);
}

bool AppliedState::has_flushed() {
  return database_->watch->has_flushed();
}

Result<> AppliedState::request_flush() {
  rocksdb::FlushOptions options;
  options.wait = false;
  options.allow_write_stall = true;  // or it would wait here
  const auto status = database_->db->Flush(options);
  if (status.IsTryAgain()) return {};  // There are enough on the way.
  return checked("flush the state", status);
}

Result<> AppliedState::apply(const Changes& changes, LogIndex applied) {
  rocksdb::WriteBatch batch{bytes_in_batch(changes)};
  const std::string prefix = big_endian_key(database_->generation);
  for (const auto& [from, until] : changes.erased)
    batch.DeleteRange(prefix + from, prefix + until);
  for (const auto& [key, value] : changes.writes) {
    if (value)
      batch.Put(prefix + key, *value);
    else
      batch.Delete(prefix + key);
  }
  batch.Put(applied_key(database_->generation), big_endian_key(applied.value));
  return database_->write(batch, "write the applied state");
}

Result<> AppliedState::begin_staging() {
  const std::string from = big_endian_key(database_->generation + 1);
  return database_->clear(from, past_all(), "empty the staging area");
}

Result<> AppliedState::stage(std::string_view pairs) {
  rocksdb::WriteBatch batch;
  const std::string prefix = big_endian_key(database_->generation + 1);
  const bool whole = for_each_pair(pairs, [&](std::string_view key, std::string_view value) {
    batch.Put(prefix + std::string{key}, rocksdb::Slice{value});
  });
  if (!whole) return Error{Errc::corrupt, "a snapshot chunk ends inside a pair"};
  return database_->write(batch, "stage a snapshot");
}

Result<> AppliedState::seal_staged(LogIndex applied) {
  rocksdb::WriteBatch batch;
  batch.Put(applied_key(database_->generation + 1), big_endian_key(applied.value));
  const auto written = database_->write(batch, "seal a snapshot");
  return written ? checked("flush a snapshot", database_->db->Flush({})) : written;
}

Result<> AppliedState::take_staged() {
  const std::lock_guard lock{database_->mutex};
  const std::uint64_t old = database_->generation++;
  rocksdb::WriteBatch batch;
  batch.DeleteRange(big_endian_key(old), big_endian_key(old + 1));
  batch.Delete(applied_key(old));
  return database_->write(batch, "drop the old state");
}

std::shared_ptr<const StateView> AppliedState::view() const {
  const std::lock_guard lock{database_->mutex};
  return std::make_shared<RocksView<Database>>(
      database_, database_->db->GetSnapshot(), database_->generation);
}

std::unique_ptr<const StateView> AppliedState::live_view() const {
  return std::make_unique<RocksView<Database>>(database_, nullptr, database_->generation);
}

}  // namespace starling::consensus
