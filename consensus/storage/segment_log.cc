#include "consensus/storage/segment_log.h"

#include "consensus/raft/raft_wire.h"
#include "node/base/bytes.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace starling::consensus {
namespace {

constexpr std::string_view kSuffix = ".log";

std::string name_of(std::uint64_t number) {
  return fmt::format("{:012}{}", number, kSuffix);
}

std::optional<std::uint64_t> number_of(const std::string& name) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool is_ours = read.ec == std::errc{} && name == name_of(number);
  return is_ours ? std::optional{number} : std::nullopt;
}

/// Nobody can guess it, so no client's value can pass for a frame.
std::uint64_t drawn_salt() {
  return from_big_endian_key(as_text(secure_random_bytes(8)));
}

Result<> checked(std::string_view doing, const std::string& path, const rocksdb::Status& status) {
  if (status.ok()) return {};
  return Error{Errc::io, fmt::format("{} {}: {}", doing, path, status.ToString())};
}

Error rotten(const std::string& path, std::size_t at) {
  return Error{Errc::corrupt,
               fmt::format("{} is damaged at byte {}, before writes that were confirmed to be on "
                           "the disk",
                           path,
                           at)};
}

Result<std::string> read_file(rocksdb::Env& env, const std::string& path) {
  std::string bytes;
  const auto read = checked("read", path, rocksdb::ReadFileToString(&env, path, &bytes));
  if (!read) return read.error();
  return bytes;
}

}  // namespace

Result<std::unique_ptr<SegmentLog>> SegmentLog::open(rocksdb::Env& env,
                                                     const std::string& dir,
                                                     const std::string& owner,
                                                     const SegmentLogOptions& options) {
  std::unique_ptr<SegmentLog> log{new SegmentLog{env, dir, owner, options}};
  const auto recovered = log->recover();
  if (!recovered) return recovered.error();
  if (log->segments_.empty()) {
    const auto begun = log->begin_segment(0);
    if (!begun) return begun.error();
  }
  return log;
}

Result<std::vector<SegmentLog::Segment>> SegmentLog::segments_on_disk() const {
  std::vector<std::string> names;
  const auto listed = checked("list", dir_, env_.GetChildren(dir_, &names));
  if (!listed) return listed.error();
  std::vector<Segment> segments;
  for (const std::string& name : names) {
    const auto number = number_of(name);
    if (!number) continue;
    Segment segment{*number, dir_ + "/" + name, 0, 0, {}};
    std::uint64_t size = 0;
    const auto asked = checked("open", segment.path, env_.GetFileSize(segment.path, &size));
    if (!asked) return asked.error();
    segment.size = size;
    segments.push_back(std::move(segment));
  }
  std::sort(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) {
    return a.number < b.number;
  });
  return segments;
}

Result<> SegmentLog::recover() {
  auto found = segments_on_disk();
  if (!found) return found.error();
  for (Segment& segment : *found) {
    const std::uint64_t next = segments_.empty() ? segment.number : current().number + 1;
    if (segment.number != next)
      return Error{Errc::corrupt, fmt::format("{}/{} is missing", dir_, name_of(next))};
    const auto has_begun = recover_segment(segment, &segment == &found->back());
    if (!has_begun) return has_begun.error();
    if (!*has_begun) {
      const auto removed = remove(segment.path);
      if (!removed) return removed.error();
      break;
    }
    const auto opened = open_file(segment);
    if (!opened) return opened.error();
    segments_.push_back(std::move(segment));
  }
  return segments_.empty() ? Result<>{} : make_end_durable();
}

/// False: the segment was never begun, which only the last one can be.
Result<bool> SegmentLog::recover_segment(Segment& segment, bool is_last) {
  const auto bytes = read_file(env_, segment.path);
  if (!bytes) return bytes.error();
  const SegmentScan scan = scan_segment(*bytes, segment.number);
  if (scan.frames.empty()) {
    const bool is_needed = !is_last || (segments_.empty() && segment.number > 1);
    if (is_needed || scan.confirmed_by_more > written_) return rotten(segment.path, 0);
    return false;
  }
  const std::uint64_t first = scan.frames.front().head.number;
  if (!segments_.empty() && first != written_ + 1) return rotten(current().path, end_);
  const auto taken = take_frames(scan.frames);
  if (!taken) return taken.error();
  confirmed_ = scan.frames.back().head.confirmed;
  unconfirmed_at_ = scan.end;
  for (auto at = scan.frames.rbegin(); at != scan.frames.rend(); ++at)
    if (at->head.number > confirmed_) unconfirmed_at_ = at->at;
  if (scan.has_more && scan.confirmed_by_more > written_) return rotten(segment.path, scan.end);
  segment.salt = scan.frames.front().head.salt;
  end_ = scan.end;
  end_is_torn_ = scan.has_more;
  return true;
}

Result<> SegmentLog::take_frames(const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    const auto taken = contents_.take(frame);
    if (!taken) return taken.error();
    written_ = frame.head.number;
  }
  return {};
}

/// What was read may never have reached the disk: the process was killed before its sync, or the
/// sync failed, and then the kernel takes it for clean. So it is written again before anything
/// rests on it. And what lies behind a torn write must not be there when the numbers of its frames
/// come up again.
Result<> SegmentLog::make_end_durable() {
  std::string end(end_ - unconfirmed_at_, '\0');
  rocksdb::Slice found;
  const auto read = checked("read",
                            current().path,
                            current().file->Read(unconfirmed_at_, end.size(), &found, end.data()));
  if (!read) return read.error();
  if (found.size() != end.size())
    return Error{Errc::io, fmt::format("{} is shorter now", current().path)};
  if (end_is_torn_) end.resize(current().size - unconfirmed_at_);
  const rocksdb::Slice again{end};
  const auto written =
      checked("write", current().path, current().file->Write(unconfirmed_at_, again));
  if (!written) return written.error();
  if (end_is_torn_) torn_end_ = fmt::format("{} at byte {}", current().path, end_);
  const auto synced = checked("sync", current().path, current().file->Sync());
  if (!synced) return synced.error();
  confirmed_ = written_;
  return sync_dir();
}

Result<> SegmentLog::remove(const std::string& path) {
  const auto removed = checked("remove", path, env_.DeleteFile(path));
  return removed ? sync_dir() : removed;
}

Result<> SegmentLog::open_file(Segment& segment) {
  std::unique_ptr<rocksdb::RandomRWFile> file;
  const auto status = env_.NewRandomRWFile(segment.path, &file, rocksdb::EnvOptions{});
  segment.file = std::move(file);
  return checked("open", segment.path, status);
}

Result<> SegmentLog::sync_dir() {
  std::unique_ptr<rocksdb::Directory> dir;
  auto status = env_.NewDirectory(dir_, &dir);
  if (status.ok()) status = dir->Fsync();
  return checked("sync", dir_, status);
}

Result<> SegmentLog::make_file(const std::string& path, std::size_t size) {
  std::unique_ptr<rocksdb::WritableFile> file;
  auto status = env_.NewWritableFile(path, &file, rocksdb::EnvOptions{});
  const std::string zeros(std::min<std::size_t>(size, 1 << 20), '\0');
  for (std::size_t left = size; status.ok() && left > 0; left -= std::min(left, zeros.size()))
    status = file->Append(rocksdb::Slice{zeros.data(), std::min(left, zeros.size())});
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  return checked("make", path, status);
}

/// Segments without an entry that is still needed, all at the front.
std::size_t SegmentLog::spares() const {
  const LogIndex first = contents_.first();
  const std::uint64_t needed =
      contents_.has(first) ? contents_.place(first).segment : segments_.back().number;
  return static_cast<std::size_t>(needed - segments_.front().number);
}

std::optional<SegmentLog::Segment> SegmentLog::take_spare(std::size_t size) {
  const std::lock_guard lock{mutex_};
  if (segments_.empty() || spares() == 0) return std::nullopt;
  Segment& oldest = segments_.front();
  const bool is_read = oldest.file.use_count() > 1;
  if (is_read || oldest.size < size) return std::nullopt;
  Segment spare = std::move(oldest);
  segments_.pop_front();
  return spare;
}

/// A file of at least `size` bytes under the next number, whatever is in it.
Result<SegmentLog::Segment> SegmentLog::next_file(std::size_t size) {
  const std::uint64_t number = segments_.empty() ? 1 : current().number + 1;
  const std::string path = dir_ + "/" + name_of(number);
  if (auto spare = take_spare(size)) {
    const auto renamed = checked("rename", spare->path, env_.RenameFile(spare->path, path));
    const auto synced = renamed ? sync_dir() : renamed;
    if (!synced) return synced.error();
    return Segment{number, path, spare->size, drawn_salt(), std::move(spare->file)};
  }
  Segment segment{number, path, size, drawn_salt(), {}};
  const auto made = make_file(path, size);
  if (!made) return made.error();
  const auto synced = sync_dir();
  if (!synced) return synced.error();
  const auto opened = open_file(segment);
  if (!opened) return opened.error();
  return segment;
}

/// With room for a frame of `room` bytes.
Result<> SegmentLog::begin_segment(std::size_t room) {
  FrameWriter head;
  head.add(RecordKind::owner, 0, owner_);
  head.add(RecordKind::generation, contents_.generation(), {});
  if (contents_.hard()) head.add(RecordKind::hard, 0, encode_hard_state(*contents_.hard()));
  head.add(RecordKind::base, 0, encode_snapshot_meta(contents_.base()));
  auto segment = next_file(std::max(options_.segment_bytes, in_whole_sectors(room + head.size())));
  if (!segment) return segment.error();
  {
    const std::lock_guard lock{mutex_};
    segments_.push_back(std::move(*segment));
  }
  end_ = 0;
  const auto put = put_frame(head);
  return put ? confirm() : put;
}

Result<> SegmentLog::put_frame(FrameWriter& frame) {
  const FrameHead head{current().number, current().salt, written_ + 1, confirmed_};
  const Frame closed = frame.close(head, end_);
  const auto written =
      checked("write", current().path, current().file->Write(end_, rocksdb::Slice{frame.bytes()}));
  if (!written) return written.error();
  end_ += closed.size;
  ++written_;
  const std::lock_guard lock{mutex_};
  return contents_.take(closed);
}

Result<> SegmentLog::confirm() {
  if (confirmed_ == written_) return {};
  const auto synced = checked("sync", current().path, current().file->Sync());
  if (synced) confirmed_ = written_;
  return synced;
}

Result<> SegmentLog::write(const PersistBatch& batch,
                           std::uint64_t generation,
                           const std::optional<SnapshotMeta>& base) {
  frame_.clear();
  if (base) frame_.add(RecordKind::base, 0, encode_snapshot_meta(*base));
  if (batch.install)
    frame_.add(RecordKind::install, generation, encode_snapshot_meta(*batch.install));
  frame_.add(RecordKind::hard, 0, encode_hard_state(batch.hard));
  if (batch.truncate_from) frame_.add(RecordKind::truncate, batch.truncate_from->value, {});
  for (const EntryRef& entry : batch.append)
    frame_.add(RecordKind::entry, entry->index.value, encode_entry(*entry));
  if (end_ + frame_.size() > current().size) {
    const auto begun = begin_segment(frame_.size());
    if (!begun) return begun.error();
  }
  const auto put = put_frame(frame_);
  if (!put) return put.error();
  const auto confirmed = confirm();
  return confirmed ? remove_surplus() : confirmed;
}

Result<> SegmentLog::remove_surplus() {
  while (spares() > options_.spare_segments) {
    const auto removed =
        checked("remove", segments_.front().path, env_.DeleteFile(segments_.front().path));
    if (!removed) return removed.error();
    const std::lock_guard lock{mutex_};
    segments_.pop_front();
  }
  return {};
}

std::optional<SegmentLog::Found> SegmentLog::find(LogIndex index) const {
  const std::lock_guard lock{mutex_};
  if (!contents_.has(index)) return std::nullopt;
  const EntryPlace& place = contents_.place(index);
  const auto at = static_cast<std::size_t>(place.segment - segments_.front().number);
  return Found{segments_[at].file, place};
}

Result<std::vector<EntryRef>> SegmentLog::read(LogIndex after,
                                               LogIndex until,
                                               std::size_t bytes_max) const {
  std::vector<EntryRef> entries;
  std::string bytes;
  std::size_t sum = 0;
  for (LogIndex index = after.next(); index <= until; index = index.next()) {
    const auto found = find(index);
    if (!found) break;
    bytes.resize(found->place.size);
    rocksdb::Slice read;
    const auto status = found->file->Read(found->place.at, bytes.size(), &read, bytes.data());
    if (!status.ok()) return checked("read entries in", dir_, status).error();
    auto entry = decode_entry(read.ToStringView());
    if (!entry || entry->index != index) {
      return Error{
          Errc::corrupt,
          fmt::format("entry {} in segment {} is damaged", index.value, found->place.segment)};
    }
    sum += size_of(*entry);
    if (!entries.empty() && sum > bytes_max) break;
    entries.push_back(std::make_shared<const Entry>(std::move(*entry)));
  }
  return entries;
}

}  // namespace starling::consensus
