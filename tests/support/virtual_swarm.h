/// A swarm of Raft members with network, disks and time in one process, all from one seed.
///
/// Messages are lost, doubled and reordered, the network splits, disks are slow, members crash and
/// lose what was not synced, pause, come back, and the voters change meanwhile. After every step
/// the promises of tests/consensus/raft_checker.h are checked; in the end everything is healed and
/// the swarm must get on and be equal everywhere.
#pragma once

#include "consensus/raft/raft_core.h"
#include "consensus/storage/memory_log_store.h"
#include "node/base/random.h"
#include "tests/consensus/raft_checker.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace starling::tests {

struct VirtualSwarmOptions {
  std::uint64_t seed = 1;
  int members = 5;
  int voters = 3;  ///< at the start; the others are learners
  std::chrono::seconds chaos{20};
  std::chrono::seconds healing{30};                    ///< until all must be well again
  std::function<void(const std::string& line)> trace;  ///< optional
};

struct VirtualSwarmReport {
  std::optional<std::string> failure;
  std::uint64_t digest = 0;  ///< of everything that happened: equal for equal seeds
  std::uint64_t steps = 0;
  LogIndex committed;
  Term term;
  std::uint64_t crashes = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t config_changes = 0;
  std::uint64_t reads = 0;
  std::uint64_t log_reads = 0;  ///< for members whose entries had left the leader's memory
};

class VirtualSwarm {
 public:
  explicit VirtualSwarm(VirtualSwarmOptions options);

  VirtualSwarmReport run();

 private:
  struct Member {
    NodeId id;
    consensus::MemoryLogStore store;
    std::unique_ptr<consensus::RaftCore> core;  ///< none: crashed
    std::uint64_t boot = 0;
    std::optional<consensus::PersistBatch> in_flight;
    MonoTime paused_until{0};
    MonoTime disk_free_at{0};
    MonoTime timer_at{0};
  };

  using Input = std::function<void(consensus::RaftCore& core, consensus::Effects& effects)>;
  using Action = std::function<void()>;

  void at(MonoTime when, Action action);
  void at_member(MonoTime when, Member& member, std::function<void(Member&)> action);
  void run_until(MonoTime end, const std::function<bool()>& done);
  void note(const std::string& line);

  void give(Member& member, const Input& input);
  void carry_out(Member& member, consensus::Effects& effects);
  void send(Member& member, consensus::Message message);
  void write(Member& member, consensus::PersistBatch batch);
  void apply(Member& member, std::vector<consensus::EntryRef> entries);
  void read_log(Member& member, const consensus::LogRead& read);
  void send_snapshot(Member& member, const consensus::SnapshotSend& wanted);
  void take_snapshot(Member& target, const consensus::SnapshotMeta& meta, const std::string& pairs);
  void set_timer(Member& member);

  void start(Member& member);
  void crash(Member& member);
  void stir();
  void change_members(Member& leader);
  void propose(Member& member);
  void read(Member& member);
  void heal();
  bool is_well();

  Member* leader();
  Member& any_member();
  MonoTime soon(std::chrono::microseconds least, std::chrono::microseconds most);

  bool is_cut(NodeId a, NodeId b) const { return side_.at(a) != side_.at(b); }

  VirtualSwarmOptions options_;
  Random random_;
  RaftChecker checker_;
  RaftChecker::Stores stores_;
  VirtualSwarmReport report_;
  MonoTime now_{0};
  std::uint64_t sequence_ = 0;
  std::map<std::pair<MonoTime, std::uint64_t>, Action> agenda_;
  std::map<NodeId, Member> members_;
  std::map<NodeId, int> side_;
  double loss_ = 0;
  bool is_chaos_ = true;
  std::uint64_t next_context_ = 1;
  std::map<std::uint64_t, LogIndex> open_reads_;
  std::set<std::string> marks_;
};

}  // namespace starling::tests
