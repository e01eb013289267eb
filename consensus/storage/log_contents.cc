#include "consensus/storage/log_contents.h"

#include "consensus/raft/raft_wire.h"

#include <fmt/format.h>

namespace starling::consensus {

Result<> LogContents::take(const Frame& frame) {
  Result<> taken;
  const bool is_whole = for_each_record(frame, [&](const Record& record) {
    const auto at = frame.at + FrameWriter::kHeadBytes +
                    static_cast<std::size_t>(record.bytes.data() - frame.records.data());
    const EntryPlace place{frame.head.segment,
                           static_cast<std::uint32_t>(at),
                           static_cast<std::uint32_t>(record.bytes.size())};
    if (taken) taken = take(record, place);
  });
  if (taken && !is_whole) {
    return Error{Errc::corrupt,
                 fmt::format("write {} of the log has a malformed record", frame.head.number)};
  }
  return taken;
}

Result<> LogContents::take(const Record& record, const EntryPlace& place) {
  switch (record.kind) {
    case RecordKind::owner: owner_ = record.bytes; return {};
    case RecordKind::generation: generation_ = record.number; return {};
    case RecordKind::truncate: return truncate({record.number});
    case RecordKind::entry: return take_entry({record.number}, place);
    case RecordKind::base:
    case RecordKind::install: return take_base(record);
    case RecordKind::hard: {
      const auto hard = decode_hard_state(record.bytes);
      if (!hard) return hard.error();
      hard_ = *hard;
      return {};
    }
  }
  return {};
}

Result<> LogContents::take_entry(LogIndex index, const EntryPlace& place) {
  if (places_.empty() && index > base_.index) first_ = index;
  if (index != last().next() || index.next() < index) {
    return Error{Errc::corrupt,
                 fmt::format("entry {} of the log should follow entry {}",
                             index.value,
                             places_.empty() ? base_.index.value : last().value)};
  }
  places_.push_back(place);
  return {};
}

Result<> LogContents::take_base(const Record& record) {
  const auto base = decode_snapshot_meta(record.bytes);
  if (!base) return base.error();
  base_ = *base;
  if (record.kind == RecordKind::install) {
    generation_ = record.number;
    places_.clear();
  }
  while (!places_.empty() && first_ <= base_.index) {
    places_.pop_front();
    first_ = first_.next();
  }
  if (places_.empty()) first_ = base_.index.next();
  return {};
}

Result<> LogContents::truncate(LogIndex from) {
  if (from <= base_.index) {
    return Error{Errc::corrupt,
                 fmt::format("the log is cut at entry {}, before its compaction point {}",
                             from.value,
                             base_.index.value)};
  }
  if (from < first_) {
    places_.clear();
    first_ = from;
  } else if (from <= last()) {
    places_.resize(from.value - first_.value);
  }
  return {};
}

}  // namespace starling::consensus
