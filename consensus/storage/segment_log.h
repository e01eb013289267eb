/// The log of a member: frames (log_frame.h) in files that are allocated once and written over.
///
/// A sync of blocks that the file has already needs no change of the file system's own data; that
/// is most of what a commit costs. So a file is filled with zeros when it is made, and one whose
/// entries are all compacted is not removed but becomes the next segment.
///
///     000000000007.log   segment 7: a frame with owner, generation, hard state and base, then
///                        what was written, each batch as one frame.
///
/// A power failure may tear the writes that were not confirmed, and only those; what it leaves of
/// them is dropped and overwritten with zeros at the next start. Anything else that is missing or
/// damaged is an error: see `FrameHead::confirmed`. Rot in the last confirmed write cannot be told
/// from a torn one here; Raft finds out (core rule RS-8).
///
/// Threads: one writes; `read` any.
#pragma once

#include "consensus/raft/raft_core.h"
#include "consensus/storage/log_contents.h"
#include "consensus/storage/log_frame.h"
#include "node/base/error.h"

#include <rocksdb/env.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace starling::consensus {

struct SegmentLogOptions {
  std::size_t segment_bytes = 8 << 20;  ///< larger only for one write that is
  std::size_t spare_segments = 4;
};

class SegmentLog {
 public:
  /// Opens or creates the log in `dir`, an existing folder; `owner` is written into a new one.
  /// `env` must outlive it.
  /// Errors: `io`; `corrupt` names the file and the place, without advice.
  static Result<std::unique_ptr<SegmentLog>> open(rocksdb::Env& env,
                                                  const std::string& dir,
                                                  const std::string& owner,
                                                  const SegmentLogOptions& options = {});

  /// Only for the thread that writes, or before there is one.
  const LogContents& contents() const { return contents_; }

  /// What of the end was torn and cut off when it was opened.
  const std::optional<std::string>& torn_end() const { return torn_end_; }

  /// Durable when it returns. An installed snapshot is that of `generation`; entries up to `base`
  /// are not needed any more. After an error nothing may be written again.
  Result<> write(const PersistBatch& batch,
                 std::uint64_t generation,
                 const std::optional<SnapshotMeta>& base);

  /// Entries after `after`, up to `until`, of at most `bytes_max` together but at least one. Empty
  /// if the first of them is not there. Errors: `io`, `corrupt`.
  Result<std::vector<EntryRef>> read(LogIndex after, LogIndex until, std::size_t bytes_max) const;

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::string path;
    std::size_t size = 0;
    std::uint64_t salt = 0;
    std::shared_ptr<rocksdb::RandomRWFile> file;
  };

  /// Where bytes of an entry can be read, also after its segment was given up.
  struct Found {
    std::shared_ptr<rocksdb::RandomRWFile> file;
    EntryPlace place;
  };

  SegmentLog(rocksdb::Env& env,
             std::string dir,
             std::string owner,
             const SegmentLogOptions& options)
      : env_(env), dir_(std::move(dir)), owner_(std::move(owner)), options_(options) {}

  Result<> recover();
  Result<bool> recover_segment(Segment& segment, bool is_last);
  Result<> take_frames(const std::vector<Frame>& frames);
  Result<> remove(const std::string& path);
  Result<> make_end_durable();
  Result<std::vector<Segment>> segments_on_disk() const;
  Result<> open_file(Segment& segment);
  Result<> begin_segment(std::size_t room);
  Result<Segment> next_file(std::size_t size);
  std::optional<Segment> take_spare(std::size_t size);
  std::size_t spares() const;
  Result<> make_file(const std::string& path, std::size_t size);
  Result<> sync_dir();
  Result<> put_frame(FrameWriter& frame);
  Result<> confirm();
  Result<> remove_surplus();
  std::optional<Found> find(LogIndex index) const;

  Segment& current() { return segments_.back(); }

  rocksdb::Env& env_;
  const std::string dir_;
  const std::string owner_;
  const SegmentLogOptions options_;
  std::optional<std::string> torn_end_;

  mutable std::mutex mutex_;  ///< of `contents_` and `segments_`, which `read` looks at
  LogContents contents_;
  std::deque<Segment> segments_;  ///< by number, without a gap

  FrameWriter frame_;
  std::size_t end_ = 0;             ///< of what is written in the current segment
  std::size_t unconfirmed_at_ = 0;  ///< at the start: what lies from here on may not be on the disk
  bool end_is_torn_ = false;        ///< Frames lie behind it that never were confirmed.
  std::uint64_t written_ = 0;       ///< number of the last frame
  std::uint64_t confirmed_ = 0;     ///< the last one that is on the disk
};

}  // namespace starling::consensus
