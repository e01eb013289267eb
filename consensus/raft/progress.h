/// What a leader knows of one peer, and how much it may send to it now.
///
/// Source: etcd-io/raft, tracker/progress.go (probe, replicate, snapshot).
#pragma once

#include "consensus/raft/state_check.h"
#include "node/base/ids.h"

#include <cstdint>
#include <deque>

namespace starling::consensus {

enum class ProgressState {
  probe,      ///< where the logs agree is unknown: one message at a time
  replicate,  ///< known: as many as the window takes
  snapshot,   ///< it needs what is compacted: nothing until the snapshot is over
};

/// Bounds what is sent and not yet answered, in messages and bytes.
class InFlightWindow {
 public:
  InFlightWindow(std::size_t messages_max, std::size_t bytes_max)
      : messages_max_(messages_max), bytes_max_(bytes_max) {}

  bool is_full() const { return sent_.size() >= messages_max_ || bytes_ >= bytes_max_; }

  bool is_empty() const { return sent_.empty(); }

  std::size_t bytes() const { return bytes_; }

  void add(LogIndex last, std::size_t bytes);

  /// Everything up to `match` has arrived.
  void free_to(LogIndex match);

  void clear();

 private:
  struct Sent {
    LogIndex last;
    std::size_t bytes;
  };

  std::size_t messages_max_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::deque<Sent> sent_;
};

/// Invariant: match < next.
struct Progress {
  Progress(std::uint64_t session_number, LogIndex next_index, MonoTime now, InFlightWindow limits)
      : session(session_number), next(next_index), last_ack(now), window(limits) {}

  std::uint64_t session;  ///< no two records of a leader share one
  ProgressState state = ProgressState::probe;
  LogIndex match;
  LogIndex next;
  LogIndex commit_sent;  ///< the commit index it was last told of
  bool probe_sent = false;
  bool is_reading = false;     ///< its next entries are being read from the disk
  bool has_forgotten = false;  ///< it lost what it had acknowledged: nothing it says counts
  LogIndex held;               ///< the most it ever acknowledged
  MonoTime held_since;         ///< when the leader learned so
  MonoTime last_ack;           ///< when the newest answered heartbeat was *sent*
  std::uint64_t read_ack = 0;
  StateCheck check;  ///< the newest it spoke of
  InFlightWindow window;

  bool may_send() const;

  void become_probe(LogIndex from);
  void become_replicate();
  void become_snapshot();

  /// The peer holds everything up to `index`, as the leader learns at `now`. False if that is old
  /// news.
  bool acknowledge(LogIndex index, MonoTime now);

  /// The peer refused `refused`; its log may agree at `hint`. False if that is an old answer.
  bool back_off(LogIndex refused, LogIndex hint);
};

}  // namespace starling::consensus
