#include "consensus/storage/log_frame.h"

#include "node/base/crc32c.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace starling::consensus {
namespace {

constexpr std::uint32_t kMagic = 0x31474c53;  // "SLG1"
constexpr std::size_t kCheckedFrom = 8;       // behind magic and checksum

static_assert(std::endian::native == std::endian::little, "files are little endian");

template <class Number>
void put(std::string& bytes, std::size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
}

template <class Number>
Number get(std::string_view bytes, std::size_t at) {
  Number number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

std::uint32_t checksum(std::string_view frame) {
  const std::string_view checked = frame.substr(kCheckedFrom);
  return crc32c(0, {reinterpret_cast<const std::byte*>(checked.data()), checked.size()});
}

/// What a frame here would say of itself, if there is one.
std::optional<FrameHead> head_at(std::string_view file, std::size_t at) {
  if (at > file.size() || file.size() - at < kSectorBytes) return std::nullopt;
  const std::string_view head = file.substr(at);
  if (get<std::uint32_t>(head, 0) != kMagic) return std::nullopt;
  return FrameHead{get<std::uint64_t>(head, 8),
                   get<std::uint64_t>(head, 16),
                   get<std::uint64_t>(head, 24),
                   get<std::uint64_t>(head, 32)};
}

}  // namespace

void FrameWriter::clear() {
  constexpr std::size_t kBytesKept = 2 << 20;
  if (bytes_.capacity() > kBytesKept) bytes_ = {};
  bytes_.resize(kHeadBytes);
  end_ = kHeadBytes;
}

void FrameWriter::add(RecordKind kind, std::uint64_t number, std::string_view bytes) {
  bytes_.resize(end_ + kRecordHeadBytes);
  bytes_[end_] = static_cast<char>(kind);
  put(bytes_, end_ + 1, number);
  put(bytes_, end_ + 9, static_cast<std::uint32_t>(bytes.size()));
  bytes_.append(bytes);
  end_ = bytes_.size();
}

Frame FrameWriter::close(const FrameHead& head, std::size_t at) {
  put(bytes_, 0, kMagic);
  put(bytes_, 8, head.segment);
  put(bytes_, 16, head.salt);
  put(bytes_, 24, head.number);
  put(bytes_, 32, head.confirmed);
  put(bytes_, 40, static_cast<std::uint32_t>(end_ - kHeadBytes));
  bytes_.resize(size());
  put(bytes_, 4, checksum(bytes_));
  const std::string_view records = std::string_view{bytes_}.substr(kHeadBytes, end_ - kHeadBytes);
  return {head, at, bytes_.size(), records};
}

std::optional<Frame> frame_at(std::string_view file, std::size_t at) {
  constexpr std::size_t kHead = FrameWriter::kHeadBytes;
  const auto head = head_at(file, at);
  if (!head) return std::nullopt;
  const std::string_view rest = file.substr(at);
  const std::size_t used = kHead + get<std::uint32_t>(rest, 40);
  const std::size_t size = in_whole_sectors(used);
  if (size > rest.size()) return std::nullopt;
  const std::string_view whole = rest.substr(0, size);
  if (get<std::uint32_t>(rest, 4) != checksum(whole)) return std::nullopt;
  return Frame{*head, at, size, whole.substr(kHead, used - kHead)};
}

bool for_each_record(const Frame& frame, const std::function<void(const Record& record)>& visit) {
  constexpr std::size_t kHead = FrameWriter::kRecordHeadBytes;
  std::string_view left = frame.records;
  while (!left.empty()) {
    if (left.size() < kHead) return false;
    const auto kind = static_cast<RecordKind>(left[0]);
    const std::size_t size = get<std::uint32_t>(left, 9);
    if (kind < RecordKind::owner || kind > RecordKind::entry) return false;
    if (size > left.size() - kHead) return false;
    visit({kind, get<std::uint64_t>(left, 1), left.substr(kHead, size)});
    left.remove_prefix(kHead + size);
  }
  return true;
}

SegmentScan scan_segment(std::string_view bytes, std::uint64_t segment) {
  SegmentScan scan;
  std::optional<FrameHead> last;
  // Looked at before the checksum, which may be over megabytes of something else.
  const auto is_of_this_use = [&](const std::optional<FrameHead>& head) {
    return head && head->segment == segment && (!last || head->salt == last->salt);
  };
  while (is_of_this_use(head_at(bytes, scan.end))) {
    const auto frame = frame_at(bytes, scan.end);
    if (!frame || (last && frame->head.number != last->number + 1)) break;
    last = frame->head;
    scan.end += frame->size;
    scan.frames.push_back(*frame);
  }
  for (std::size_t at = scan.end; at < bytes.size(); at += kSectorBytes) {
    const auto frame = is_of_this_use(head_at(bytes, at)) ? frame_at(bytes, at) : std::nullopt;
    if (!frame) continue;
    scan.has_more = true;
    scan.confirmed_by_more = std::max(scan.confirmed_by_more, frame->head.confirmed);
  }
  return scan;
}

}  // namespace starling::consensus
