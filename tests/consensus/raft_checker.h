/// What must hold in a swarm after every step, whatever was lost, delayed or crashed: figure 3.2 of
/// Raft, that what is said or counted is durable, that configs follow each other as they may.
///
/// A step is checked by what it changed, so that this can be done after each of millions.
///
/// Source: Ongaro (2014), figure 3.2; LogCabin, Server/RaftConsensusInvariants.cc.
/// Threads: one.
#pragma once

#include "consensus/raft/raft_core.h"
#include "consensus/storage/memory_log_store.h"
#include "tests/support/check_failure.h"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace starling::tests {

class RaftChecker {
 public:
  using Stores = std::map<NodeId, const consensus::MemoryLogStore*>;

  /// What `core` was before the step that is checked.
  struct Before {
    Term term;
    LogIndex commit;
    LogIndex last;
    LogIndex config_index;
    consensus::Role role = consensus::Role::follower;
    bool may_lead = false;  ///< a voter of the newest config, or of the newest committed one
    bool is_joint = false;
    bool is_transferring = false;
    bool is_installing = false;
    NodeId vote;
    const consensus::Message* input = nullptr;  ///< what is being taken, if it is a message
    bool hears_leader = false;                  ///< by its own clock
  };

  /// `on_commit` hears of each entry once, in order, when the first member knows it is committed.
  RaftChecker(const consensus::RaftTimings& timings,
              std::function<void(const consensus::Entry&)> on_commit);

  static Before before(const consensus::RaftCore& core);

  void check_step(const Before& before,
                  const consensus::RaftCore& core,
                  const consensus::Effects& effects,
                  const Stores& stores);

  /// A member has read its disk.
  void check_restart(const consensus::RaftCore& core, const consensus::MemoryLogStore& store);

  /// The logs of two members are the same, byte for byte, where both have one.
  static void check_equal_logs(const consensus::RaftLog& a, const consensus::RaftLog& b);

  LogIndex highest_commit() const { return {committed_.size()}; }

  Term highest_leader_term() const { return leaders_.empty() ? Term{} : leaders_.rbegin()->first; }

  /// Reads are linearizable: `at_least` is `highest_commit` of the time of asking.
  void check_read(LogIndex at_least, LogIndex answered) const;

  /// The term of an entry that `disk` holds; what is compacted there is committed.
  std::optional<Term> term_on(const consensus::MemoryLogStore::Disk& disk, LogIndex index) const;

  /// This member's disk may have lost what it had confirmed.
  void distrust(NodeId member) { distrusted_.insert(member); }

  /// The newest committed config, and its index.
  const std::pair<LogIndex, consensus::Config>& committed_config() const { return config_; }

 private:
  struct Committed {
    consensus::EntryRef entry;
    Term in_term;  ///< of whoever was first to know
  };

  /// One entry of some log, as it was first seen.
  struct Seen {
    Term previous_term;
    consensus::EntryRef entry;
  };

  void check_terms(const Before& before,
                   const consensus::RaftCore& core,
                   const consensus::Effects& effects) const;
  void check_leader(const Before& before,
                    const consensus::RaftCore& core,
                    const consensus::Effects& effects);
  void check_complete(const consensus::RaftCore& core) const;
  void check_commits(const Before& before, const consensus::RaftCore& core, const Stores& stores);
  void check_configs(const Before& before, const consensus::RaftCore& core) const;
  void check_active_config(const consensus::RaftCore& core) const;
  static void check_grant(const Before& before,
                          const consensus::RaftCore& core,
                          const consensus::Effects& effects);
  void check_entries(const consensus::RaftCore& core, const consensus::Effects& effects);
  void check_progress(const consensus::RaftCore& core, const Stores& stores) const;
  void check_said(const consensus::RaftCore& core,
                  const consensus::Message& message,
                  const consensus::MemoryLogStore& store);
  void check_votes(const consensus::RaftCore& core,
                   const consensus::Message& message,
                   const consensus::MemoryLogStore& store);
  void check_ack(const consensus::RaftCore& core,
                 const consensus::Message& message,
                 const consensus::MemoryLogStore& store) const;
  void check_size(const consensus::Message& message) const;
  void see(Term previous_term, const consensus::EntryRef& entry);

  const consensus::RaftTimings timings_;
  std::function<void(const consensus::Entry&)> on_commit_;
  std::map<Term, NodeId> leaders_;
  std::vector<Committed> committed_;     ///< by index - 1
  std::vector<std::vector<Seen>> seen_;  ///< by index, a few terms each
  std::map<std::pair<NodeId, Term>, NodeId> votes_;
  std::pair<LogIndex, consensus::Config> config_;
  std::set<NodeId> distrusted_;
};

}  // namespace starling::tests
