/// A swarm of Raft members with network, disks, clocks and clients in one process and one thread,
/// all from one seed.
///
/// It carries out what the cores ask for as a node does (consensus/group/raft_engine.cc), and after
/// every step checks what must hold (tests/consensus/raft_checker.h). What goes wrong is the
/// business of fault_injector.h, the order of things that of swarm_run.h.
#pragma once

#include "consensus/raft/raft_core.h"
#include "tests/consensus/raft_checker.h"
#include "tests/support/mark_watcher.h"
#include "tests/support/sim_agenda.h"
#include "tests/support/sim_disk.h"
#include "tests/support/sim_founding.h"
#include "tests/support/sim_gossip.h"
#include "tests/support/sim_history.h"
#include "tests/support/sim_machine.h"
#include "tests/support/sim_member.h"
#include "tests/support/sim_network.h"
#include "tests/support/sim_relays.h"
#include "tests/support/sim_service.h"
#include "tests/support/sim_snapshots.h"
#include "tests/support/sim_voters.h"
#include "tests/support/swarm_faults.h"
#include "tests/support/swarm_marks.h"
#include "tests/support/swarm_trace.h"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace starling::tests {

struct SwarmShape {
  std::uint64_t seed = 1;
  std::size_t machines = 5;
  bool same_id_after_wipe = false;  ///< what must never be done, for the mutation gate
  /// Begins with empty disks: founding, gossip, and leaders that choose voters.
  bool keeps_itself = false;
};

class VirtualSwarm {
 public:
  VirtualSwarm(const SwarmShape& shape,
               const FaultPlan& plan,
               const SimMachine& machine,
               SwarmTrace& trace);

  MonoTime now() const { return agenda_.now(); }

  void at(MonoTime when, SimAgenda::Action action) { agenda_.at(when, std::move(action)); }

  /// Nothing happens to a process that has died since; a paused one takes it up later.
  void at_member(MonoTime when, SimMember& member, std::function<void(SimMember&)> action);

  using Question = std::function<std::function<void(SimMember&)>(SimMember&)>;

  /// The process on machine `to`, if one runs, is asked; what the question returns, if anything, is
  /// done at the very process that asked.
  void ask(SimMember& from, std::size_t to, const Question& question);

  /// Goes on until `done`, or until `end` and then `done` decides.
  /// Returns: whether it is done.
  bool run_until(MonoTime end, const std::function<bool()>& done);

  std::vector<std::unique_ptr<SimMember>>& members() { return members_; }

  SimMember& member(std::size_t machine) { return *members_[machine]; }

  /// Whoever bears this id now.
  SimMember* find(NodeId id);

  /// Of all running members.
  Term highest_term() const;

  /// The running leader of the highest term.
  SimMember* leader();

  bool is_awake(const SimMember& member) const {
    return member.core && member.paused_until <= now();
  }

  /// One input to a core, checked, and its effects carried out. Afterwards the process may be dead.
  template <class Input>
  void give(SimMember& member, const Input& input) {
    const auto before = RaftChecker::before(*member.core);
    consensus::Effects effects;
    input(*member.core, effects);
    after_step(member, before, effects);
  }

  MonoTime clock(const SimMember& member) const { return member.clock.at(now()); }

  const consensus::RaftTimings& timings() const { return timings_; }

  /// Errors: of the disk.
  Result<> start(SimMember& member);
  void crash(SimMember& member);
  void renew(SimMember& member);  ///< another disk and id, and it knows where it belongs
  void wipe(SimMember& member);   ///< the same, and it does not

  /// A process without a swarm was let into this one, or begins it.
  void enter(SimMember& member);
  void enter_as_founder(SimMember& member);
  void pause(SimMember& member, MonoTime until);  ///< until now: it goes on at once
  void roll_back(SimMember& member);              ///< to the disk's image, if that can be survived
  void set_clock_rate(SimMember& member, std::int64_t rate);

  /// From the machine of `member`, whoever the message names as its sender.
  void send(SimMember& member, const consensus::Message& message);

  void send_snapshot(SimMember& member, const consensus::SnapshotSend& wanted) {
    snapshots_.send(member, wanted);
  }

  /// A message, as it was recorded, arrives once more.
  void replay(Random& random);

  /// Chance that a step with several effects is its process's last.
  void set_mid_step_deaths(double chance) { mid_step_deaths_ = chance; }

  /// Whether processes that died are started again, and after how long on average.
  void set_restarts(bool are_on) { restarts_ = are_on; }

  /// Whether these voters, should they all be lost but `alive`, still include each quorum that may
  /// be needed: of the newest committed config and of all that some log holds after it.
  bool has_quorum(const std::set<NodeId>& alive, const std::set<std::size_t>& logs_of);

  /// One line on how a member is, for traces.
  std::string describe(const SimMember& member) const;

  SimNetwork& network() { return network_; }

  SimHistory& history() { return history_; }

  RaftChecker& checker() { return checker_; }

  SimService& service() { return service_; }

  /// All null unless the swarm keeps itself.
  SimFounding* founding() { return founding_.get(); }

  SimGossip* gossip() { return gossip_.get(); }

  SimVoters* voters() { return voters_.get(); }

  SwarmMarks& marks() { return marks_; }

  SwarmTrace& trace() { return trace_; }

  const SimMachine& machine() const { return machine_; }

  std::uint64_t steps() const { return steps_; }

  std::uint64_t crashes() const { return crashes_; }

 private:
  void found_with_voters();
  void persist_first(SimMember& member, const consensus::Config& config);
  void begin(SimMember& member);
  void after_step(SimMember& member,
                  const RaftChecker::Before& before,
                  consensus::Effects& effects);
  void note_step(SimMember& member,
                 const RaftChecker::Before& before,
                 const consensus::Effects& effects);
  void carry_out(SimMember& member, consensus::Effects& effects);
  void draw_death(const consensus::Effects& effects);
  bool survives(SimMember& member);
  void deliver(std::size_t from, NodeId to, const std::shared_ptr<const Bytes>& bytes);
  void step(SimMember& member, const consensus::Message& message);
  void write(SimMember& member, consensus::PersistBatch batch);
  void end_write_at(MonoTime when, SimMember& member);
  void end_write(SimMember& member);
  void watch_write(SimMember& member);
  void after_write(SimMember& member, std::uint64_t batch_id, bool installs);
  void read_log(SimMember& member, const consensus::LogRead& read);
  void wake(SimMember& member);
  void after_install(SimMember& member, LogIndex before);
  void apply(SimMember& member, const std::vector<consensus::EntryRef>& entries);
  void compact(SimMember& member);
  void check_memory(const SimMember& member) const;
  void compare_state(SimMember& member, const consensus::Entry& entry);
  void look_at_disk(SimMember& member);
  void set_timer(SimMember& member);
  void plan_restart(SimMember& member);
  bool may_lose_to(const SimMember& member, const consensus::MemoryLogStore::Disk& left);

  const SwarmShape shape_;
  const SimMachine& machine_;
  SwarmTrace& trace_;
  const consensus::RaftTimings timings_;
  Random process_random_;
  Random record_random_;
  SimAgenda agenda_;
  SwarmMarks marks_;
  SimNetwork network_;
  SimHistory history_;
  RaftChecker checker_;
  RaftChecker::Stores stores_;
  std::vector<std::unique_ptr<consensus::MemoryLogStore>> graveyard_;  ///< of wiped machines
  std::vector<std::unique_ptr<SimMember>> members_;
  SimService service_;
  SimSnapshots snapshots_;
  SimRelays relays_;
  std::unique_ptr<SimFounding> founding_;
  std::unique_ptr<SimGossip> gossip_;
  std::unique_ptr<SimVoters> voters_;
  MarkWatcher watcher_;

  struct Recorded {
    std::size_t from;
    NodeId to;
    std::shared_ptr<const Bytes> bytes;
  };

  std::vector<Recorded> recorded_;
  std::uint64_t steps_ = 0;
  std::uint64_t crashes_ = 0;
  double mid_step_deaths_ = 0;
  std::optional<std::uint64_t> effects_left_;  ///< until the process dies in the middle of a step
  bool restarts_ = true;
  MonoTime down_mean_{0};
  std::uint64_t compact_after_ = 0;
};

}  // namespace starling::tests
