/// A disk in memory that forgets, at a crash, what was not synced, and fails when it is told to.
///
/// What a crash may leave of what was not synced: of a file's new bytes any sectors, of sectors
/// that were written over the old ones or the new, of the changes to directories the first so many,
/// as a journal keeps them. What was synced stays. A failed sync marks the file's new bytes as
/// clean, as Linux does: the next sync reports success, and they are lost all the same.
///
/// Threads: any.
#pragma once

#include "node/base/random.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace starling::tests {

/// Path -> bytes: what a machine finds when it starts.
using DiskImage = std::map<std::string, std::string>;

/// What a crash does to the unsynced end of a file. Sectors have 512 bytes.
enum class TornEnd {
  cut,    ///< shorter by any number of sectors
  holes,  ///< of full length, with any sectors as zeros, and one torn in the middle
};

enum class DiskCall { append, sync, directory, directory_sync };

enum class DiskFailure { io, no_space };

class FaultDisk {
 public:
  struct File {
    std::string name;  ///< path that it was created with
    std::string bytes;
    std::size_t synced = 0;
    std::map<std::size_t, std::string> before;  ///< of synced sectors written over since, by place
    std::map<std::size_t, std::string> lost;    ///< the same, but a sync of the new ones failed
    bool lost_a_sync = false;                   ///< no later sync makes its bytes durable
  };

  using FileRef = std::shared_ptr<File>;

  FaultDisk() = default;

  /// Starts with `image`, all of it synced.
  explicit FaultDisk(const DiskImage& image);

  // What a file system does. Empty or nothing: done. Writes to directories are creates, renames
  // and removals; paths are whole and plain.
  std::optional<DiskFailure> create(const std::string& path);
  std::optional<DiskFailure> rename(const std::string& from, const std::string& to);
  std::optional<DiskFailure> remove(const std::string& path);
  std::optional<DiskFailure> append(const FileRef& file, std::string_view bytes);
  std::optional<DiskFailure> overwrite(const FileRef& file, std::size_t at, std::string_view bytes);
  std::optional<DiskFailure> truncate(const FileRef& file, std::size_t size);
  std::optional<DiskFailure> sync(const FileRef& file);
  std::optional<DiskFailure> sync_directory(const std::string& dir);

  FileRef find(const std::string& path) const;
  DiskImage files() const;  ///< as they are now, synced or not
  std::vector<std::string> children(const std::string& dir) const;
  std::string read(const FileRef& file, std::size_t offset, std::size_t size) const;
  std::size_t size_of(const FileRef& file) const;

  /// The `nth` call of this kind from now on (1: the next) on a path that contains `where` fails;
  /// with `stays` all after it too. A failed append leaves half of its bytes.
  void fail(DiskCall call,
            std::uint64_t nth,
            DiskFailure failure,
            const std::string& where = "",
            bool stays = false);

  /// Runs before the next read of a file's bytes, once, on the thread that reads.
  void before_next_read(std::function<void()> act) { before_read_ = std::move(act); }

  /// No call fails from now on.
  void heal();

  /// The power fails before the `nth` changing call from now on: what happens later is not seen by
  /// `crash`. The process does not notice, as it does not notice a real one.
  void lose_power_at(std::uint64_t nth);

  bool has_lost_power() const;
  std::uint64_t changes() const;  ///< calls that change something, so far
  std::uint64_t failures() const;

  /// Syncs of a file after one of the same file failed: each may be a wrong promise.
  std::uint64_t repeated_syncs() const;

  /// What a crash leaves: of the moment the power was lost, or of now.
  DiskImage crash(Random& random, TornEnd end) const;

 private:
  /// One change of a directory: `path` is `file`, or nothing; a rename also takes `from` away.
  struct NameChange {
    std::string path;
    FileRef file;
    std::string from;
  };

  struct State {
    std::map<std::string, FileRef> live;
    std::map<std::string, FileRef> durable;
    std::vector<NameChange> pending;
  };

  struct PlannedFailure {
    DiskCall call;
    std::uint64_t left;
    DiskFailure failure;
    std::string where;
    bool stays;
  };

  std::optional<DiskFailure> begin(DiskCall call, const std::string& path);
  static State copy_of(const State& state);
  static void write_over(File& file, std::size_t at, std::string_view bytes);
  static void change(std::map<std::string, FileRef>& names, const NameChange& change);

  mutable std::mutex mutex_;
  State state_;
  std::optional<State> at_power_loss_;
  mutable std::function<void()> before_read_;
  std::uint64_t changes_ = 0;
  std::optional<std::uint64_t> power_loss_;
  std::optional<PlannedFailure> planned_;
  std::uint64_t failures_ = 0;
  std::uint64_t repeated_syncs_ = 0;
};

}  // namespace starling::tests
