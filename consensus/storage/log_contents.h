/// What the frames of a log say, taken one after the other: the same for a log that is read at the
/// start and for one that is written.
#pragma once

#include "consensus/raft/messages.h"
#include "consensus/storage/log_frame.h"
#include "node/base/error.h"

#include <deque>
#include <optional>
#include <string>

namespace starling::consensus {

/// Where the bytes of an entry lie.
struct EntryPlace {
  std::uint64_t segment = 0;
  std::uint32_t at = 0;
  std::uint32_t size = 0;
};

class LogContents {
 public:
  /// Errors: `corrupt` says which record is wrong. What was taken before it stays.
  Result<> take(const Frame& frame);

  const std::string& owner() const { return owner_; }

  std::uint64_t generation() const { return generation_; }

  const std::optional<HardState>& hard() const { return hard_; }

  const SnapshotMeta& base() const { return base_; }

  /// Of the entries that have a place: they follow each other, and are none or end with `last`.
  LogIndex first() const { return first_; }

  LogIndex last() const { return {first_.value + places_.size() - 1}; }

  bool has(LogIndex index) const { return index >= first_ && index <= last(); }

  /// It must have one.
  const EntryPlace& place(LogIndex index) const { return places_[index.value - first_.value]; }

 private:
  Result<> take(const Record& record, const EntryPlace& place);
  Result<> take_entry(LogIndex index, const EntryPlace& place);
  Result<> take_base(const Record& record);
  Result<> truncate(LogIndex from);

  std::string owner_;
  std::uint64_t generation_ = 1;
  std::optional<HardState> hard_;
  SnapshotMeta base_;
  LogIndex first_{1};
  std::deque<EntryPlace> places_;
};

}  // namespace starling::consensus
