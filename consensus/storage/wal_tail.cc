#include "consensus/storage/wal_tail.h"

#include "consensus/storage/wal_scanner.h"
#include "node/base/bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

namespace starling::consensus {
namespace {

constexpr std::string_view kMark = "starling.mark";
constexpr std::size_t kBatchHeadBytes = 12;  // sequence number u64, count u32, little endian

Error from_status(std::string_view doing, const rocksdb::Status& status) {
  return Error{Errc::io, fmt::format("{}: {}", doing, status.ToString())};
}

/// The greatest of the marks in a batch: RocksDB makes one of several that wait.
class MarkReader : public rocksdb::WriteBatch::Handler {
 public:
  WalMark mark;

  rocksdb::Status PutCF(std::uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }

  rocksdb::Status DeleteCF(std::uint32_t, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }

  rocksdb::Status DeleteRangeCF(std::uint32_t,
                                const rocksdb::Slice&,
                                const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }

  void LogData(const rocksdb::Slice& blob) override {
    const std::string_view text = blob.ToStringView();
    if (!text.starts_with(kMark) || text.size() != kMark.size() + 16) return;
    mark.synced = std::max(mark.synced, from_big_endian_key(text.substr(kMark.size(), 8)));
    mark.confirmed = std::max(mark.confirmed, from_big_endian_key(text.substr(kMark.size() + 8)));
  }
};

WalMark mark_of(const std::string& record) {
  MarkReader reader;
  static_cast<void>(rocksdb::WriteBatch{record}.Iterate(&reader));
  return reader.mark;
}

std::map<std::uint64_t, std::string> logs_in(rocksdb::Env& env, const std::string& dir) {
  std::vector<std::string> names;
  std::map<std::uint64_t, std::string> logs;
  if (!env.GetChildren(dir, &names).ok()) return logs;  // not there yet
  for (const std::string& name : names) {
    std::uint64_t number = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
    const std::string_view rest{read.ptr, name.data() + name.size()};
    if (read.ec == std::errc{} && rest == ".log") logs[number] = dir + "/" + name;
  }
  return logs;
}

struct Damage {
  std::string file;
  std::uint64_t offset = 0;
};

/// Reads logs in order, up to the first damage and then on for what may lie behind it.
class TailJudge {
 public:
  Result<> read(rocksdb::Env& env, const std::string& path) {
    std::unique_ptr<rocksdb::SequentialFile> file;
    const auto opened = env.NewSequentialFile(path, &file, rocksdb::EnvOptions{});
    if (!opened.ok()) return from_status(fmt::format("read {}", path), opened);
    WalScanner scanner{std::move(file)};
    while (const auto record = scanner.next()) {
      note_damage(path, scanner);
      const WalMark mark = mark_of(*record);
      if (damage_ && mark.confirmed > last_synced_) return rotten();
      if (!damage_) last_synced_ = std::max({last_synced_, mark.synced, mark.confirmed});
    }
    note_damage(path, scanner);
    if (!scanner.status().ok()) return from_status(fmt::format("read {}", path), scanner.status());
    return {};
  }

  const std::optional<Damage>& damage() const { return damage_; }

 private:
  void note_damage(const std::string& path, const WalScanner& scanner) {
    if (!damage_ && scanner.damage()) damage_ = Damage{path, *scanner.damage()};
  }

  Error rotten() const {
    return Error{
        Errc::corrupt,
        fmt::format("{} is damaged at byte {}, before writes that were confirmed to be on the disk",
                    damage_->file,
                    damage_->offset)};
  }

  std::optional<Damage> damage_;
  std::uint64_t last_synced_ = 0;  ///< before the damage
};

/// RocksDB's own lock: the log of a store that is open must not be cut.
class Lock {
 public:
  static Result<std::unique_ptr<Lock>> take(rocksdb::Env& env, const std::string& path) {
    rocksdb::FileLock* held = nullptr;
    const auto status = env.LockFile(path, &held);
    if (!status.ok()) return from_status(fmt::format("lock {}", path), status);
    return std::make_unique<Lock>(env, held);
  }

  Lock(rocksdb::Env& env, rocksdb::FileLock* held) : env_(env), held_(held) {}

  ~Lock() { env_.UnlockFile(held_); }

  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  rocksdb::Env& env_;
  rocksdb::FileLock* held_;
};

Result<> truncate(rocksdb::Env& env, const std::string& path, std::uint64_t size) {
  auto status = env.Truncate(path, size);
  std::unique_ptr<rocksdb::WritableFile> file;
  if (status.ok()) status = env.ReopenWritableFile(path, &file, rocksdb::EnvOptions{});
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  if (!status.ok()) return from_status(fmt::format("cut {}", path), status);
  return {};
}

}  // namespace

void put_mark(rocksdb::WriteBatch& batch, const WalMark& mark) {
  batch.PutLogData(std::string{kMark} + big_endian_key(mark.synced) +
                   big_endian_key(mark.confirmed));
}

Result<std::optional<std::string>> cut_torn_end(rocksdb::Env& env,
                                                const std::filesystem::path& dir) {
  const auto logs = logs_in(env, dir.string());
  if (logs.empty()) return std::optional<std::string>{};
  const auto lock = Lock::take(env, dir.string() + "/LOCK");
  if (!lock) return lock.error();
  TailJudge judge;
  for (const auto& [number, path] : logs) {
    const auto read = judge.read(env, path);
    if (!read) return read.error();
  }
  if (!judge.damage()) return std::optional<std::string>{};
  bool is_behind = false;
  for (const auto& [number, path] : logs) {
    const bool is_here = path == judge.damage()->file;
    if (is_here || is_behind) {
      const auto cut = truncate(env, path, is_here ? judge.damage()->offset : 0);
      if (!cut) return cut.error();
    }
    is_behind = is_behind || is_here;
  }
  return std::optional{fmt::format("{} at byte {}", judge.damage()->file, judge.damage()->offset)};
}

rocksdb::WalFilter::WalProcessingOption WalContinuity::LogRecordFound(
    unsigned long long,
    const std::string&,
    const rocksdb::WriteBatch& batch,
    rocksdb::WriteBatch*,
    bool*) {
  const std::string& record = batch.Data();
  std::uint64_t first = 0;
  for (std::size_t i = 8; i > 0; --i)
    first = first << 8 | static_cast<unsigned char>(record[i - 1]);
  const bool follows = !next_ || first == *next_;
  next_ = first + batch.Count();
  return follows ? WalProcessingOption::kContinueProcessing : WalProcessingOption::kCorruptedRecord;
}

}  // namespace starling::consensus
