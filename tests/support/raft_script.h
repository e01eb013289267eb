/// Conversations of a few Raft members as text (the form of a file: tests/support/script.h, how to
/// write one: docs/testing.md).
///
/// Nothing happens by itself. Messages are under way until a step delivers them, disk writes wait
/// until they are done, snapshots travel in steps, and time stands still between `wait`s.
///
/// What a step says: `1 -> 2 ...` arrived; `+ 1 -> 2 ...` was sent and is under way; `x 1 -> 2 ...`
/// was lost; the rest is what a member became, read, refused or wrote. With the word `quiet` a step
/// says nothing; `elect` never does, and `wait` leaves the messages out.
///
/// Threads: one.
#pragma once

#include "consensus/raft/raft_core.h"
#include "consensus/storage/memory_log_store.h"
#include "tests/support/script.h"
#include "tests/support/script_network.h"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace starling::tests {

class RaftScript {
 public:
  /// Carries one command out. Returns: what there is to say, or "ok". Fails the current test if an
  /// `expect` does not hold or the command means nothing.
  std::string run(const Step& step);

 private:
  using Input = std::function<void(consensus::RaftCore& core, consensus::Effects& effects)>;
  using Write = std::function<void(consensus::MemoryLogStore& store)>;

  struct Member {
    consensus::MemoryLogStore store;
    std::unique_ptr<consensus::RaftCore> core;       ///< none: down
    std::optional<consensus::PersistBatch> writing;  ///< handed to the disk, not confirmed
    std::vector<Write> unsynced;                     ///< applied, but a power cut takes it away
    std::vector<consensus::EntryRef> to_apply;
    bool disk_waits = false;  ///< for `persist`
    bool applying_waits = false;
    bool is_paused = false;
    bool is_out = false;  ///< stopped for good
    std::uint64_t boots = 0;
  };

  struct Stream {
    NodeId from;
    consensus::SnapshotSend wanted;
    consensus::SnapshotMeta meta;
  };

  struct Command {
    void (RaftScript::*run)(const Step&);
    std::set<std::string> keys;   ///< allowed before "="
    std::set<std::string> words;  ///< allowed besides members, links, kinds, times and `quiet`
  };

  static const std::map<std::string, Command>& commands();
  static void check(const Step& step, const Command& command);

  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    if (!is_quiet_) out_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  // Members: raft_script.cc
  void swarm(const Step& step);
  void log(const Step& step);
  void start(const Step& step);
  void crash(const Step& step);
  void pause(const Step& step);
  void resume(const Step& step);
  void boot(NodeId id);
  Member& member(NodeId id);
  Member& up(NodeId id);
  void give(NodeId id, const Input& input);
  void report(NodeId id, const consensus::Effects& effects);
  void carry_out(NodeId id, consensus::Effects& effects);
  void stop(NodeId id, const std::string& why);

  // Time and elections
  void timeout(const Step& step);
  void campaign(const Step& step);
  void elect(const Step& step);
  void wait(const Step& step);
  void tick_at_deadline(NodeId id);

  // Messages
  void deliver(const Step& step);
  void drop(const Step& step);
  void hold(const Step& step);
  void release(const Step& step);
  void copy(const Step& step);
  void forge(const Step& step);
  void settle(const Step& step);
  void settle_without(const std::set<NodeId>& without);
  bool deliver_next(const std::set<NodeId>& without);
  void arrive(const consensus::Message& message);

  // Disk, state machine and snapshots: raft_script_disk.cc
  void persist(const Step& step);
  void disk(const Step& step);
  void apply(const Step& step);
  void compact(const Step& step);
  void snapshot(const Step& step);
  void write(NodeId id);
  void apply_waiting(NodeId id);
  void read_log(NodeId id, const consensus::LogRead& read);
  void begin_stream(NodeId from, const consensus::SnapshotSend& wanted);
  bool stream_next(const std::set<NodeId>& without);
  void stream_arrives(const Stream& stream);
  void stream_ends(std::vector<Stream>::iterator stream, bool has_arrived);
  void lose_log(Member& member, LogIndex from);

  // What clients ask: raft_script.cc
  void propose(const Step& step);
  void read(const Step& step);
  void change(const Step& step);
  void transfer(const Step& step);
  void check_state(const Step& step);
  void unreachable(const Step& step);

  // Looking: raft_script_looks.cc
  void status(const Step& step);
  void progress(const Step& step);
  void under_way(const Step& step);
  void expect(const Step& step);
  void expect_read(const Step& step);
  void expect_peer(const consensus::RaftCore& core, const Step& step);
  void expect_equal(const Step& step, const std::string& key, const std::string& actual);

  MonoTime now_{std::chrono::seconds{10}};
  consensus::RaftTimings timings_;
  LogIndex first_{1};  ///< where the members' logs are the same from the start
  std::map<NodeId, Member> members_;
  ScriptNetwork network_;
  std::vector<Stream> streams_;
  std::map<std::uint64_t, std::string> reads_;  ///< by context: the index, or never
  std::string out_;
  bool is_quiet_ = false;
  bool shows_sent_ = true;
  bool shows_arrivals_ = true;
};

}  // namespace starling::tests
