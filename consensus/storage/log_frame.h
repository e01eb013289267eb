/// The bytes of the log's files: frames, each at the begin of a sector and whole or not there.
///
///     magic u32 | crc32c u32 | segment u64 | salt u64 | number u64 | confirmed u64 | size u32 |
///         records
///     record: kind u8 | number u64 | size u32 | bytes
///
/// Little endian. The checksum covers all behind it, `size` counts the bytes of all records, and
/// zeros fill the last sector. Frames of a log are numbered without a gap, through all segments.
/// `segment` and `salt`, which is drawn for each use of a file, tell a frame from what an earlier
/// use left, also from a client's value that looks like a frame. `confirmed` is the
/// last frame that was known to be on the disk when this one was made: damage before it is rot,
/// damage with no later confirmation behind it is what a power failure tore.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::consensus {

inline constexpr std::size_t kSectorBytes = 512;

/// `size`, up to the end of its last sector.
constexpr std::size_t in_whole_sectors(std::size_t size) {
  return (size + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
}

enum class RecordKind : std::uint8_t {
  owner = 1,   ///< text: whose log this is
  generation,  ///< number: of the applied state
  hard,        ///< HardState
  base,        ///< SnapshotMeta: the compaction point
  install,     ///< SnapshotMeta, number: generation. The log is empty behind it.
  truncate,    ///< number: this entry and all after it are gone
  entry,       ///< Entry, number: its index
};

struct Record {
  RecordKind kind = RecordKind::entry;
  std::uint64_t number = 0;
  std::string_view bytes;
};

struct FrameHead {
  std::uint64_t segment = 0;
  std::uint64_t salt = 0;
  std::uint64_t number = 0;
  std::uint64_t confirmed = 0;
};

struct Frame {
  FrameHead head;
  std::size_t at = 0;    ///< in its file
  std::size_t size = 0;  ///< with its filling
  std::string_view records;
};

/// Collects records, then closes the frame. One after the other, in the same memory.
class FrameWriter {
 public:
  FrameWriter() { clear(); }

  void clear();
  void add(RecordKind kind, std::uint64_t number, std::string_view bytes);

  /// Of the frame as it is now, with its filling.
  std::size_t size() const { return in_whole_sectors(end_); }

  /// Makes it the frame at byte `at` of its file. Valid until the next call, as `bytes` is.
  Frame close(const FrameHead& head, std::size_t at);

  /// The whole closed frame.
  std::string_view bytes() const { return bytes_; }

  static constexpr std::size_t kHeadBytes = 44;
  static constexpr std::size_t kRecordHeadBytes = 13;

 private:
  std::string bytes_;
  std::size_t end_ = 0;  ///< of the last record
};

/// The frame at byte `at` of `file`, if a whole one is there.
std::optional<Frame> frame_at(std::string_view file, std::size_t at);

/// Calls `visit` for each record of a frame. False: the records do not fill the frame, or one is of
/// an unknown kind.
bool for_each_record(const Frame& frame, const std::function<void(const Record& record)>& visit);

/// What a segment's file holds.
struct SegmentScan {
  std::vector<Frame> frames;            ///< of this segment, from its begin, without a gap
  std::size_t end = 0;                  ///< of the last of them
  bool has_more = false;                ///< There are whole frames of it behind a gap,
  std::uint64_t confirmed_by_more = 0;  ///< and this is the highest that they confirm.
};

/// `bytes` must outlive the result.
SegmentScan scan_segment(std::string_view bytes, std::uint64_t segment);

}  // namespace starling::consensus
