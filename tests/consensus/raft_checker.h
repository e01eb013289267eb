/// What must hold in a swarm after every step, whatever was lost, delayed or crashed (Raft figure
/// 3.2, and that what is said or counted is durable).
#pragma once

#include "consensus/raft/raft_core.h"
#include "consensus/storage/memory_log_store.h"

#include <map>
#include <stdexcept>
#include <string>

namespace starling::tests {

/// A broken promise; what() says which one.
struct CheckFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class RaftChecker {
 public:
  using Stores = std::map<NodeId, const consensus::MemoryLogStore*>;

  /// What `core` was before the step that is checked.
  struct Before {
    LogIndex commit;
    consensus::Config config;
    bool was_leader = false;
    bool may_lead = false;  ///< a voter of the newest config, or of the newest committed one
  };

  static Before before(const consensus::RaftCore& core);

  /// Election safety, leader completeness, log matching, commits durable on a quorum, nothing
  /// committed ever replaced, votes given once and after they are durable.
  void check_step(const Before& before,
                  const consensus::RaftCore& core,
                  const consensus::Effects& effects,
                  const Stores& stores);

  /// State machine safety: every member has the same state after the same entry.
  void check_applied(LogIndex index, const std::string& state_digest);

  /// Reads are linearizable: call the first when asking and the second when answered.
  LogIndex highest_commit() const;
  void check_read(LogIndex at_least, LogIndex answered) const;

 private:
  struct Committed {
    consensus::EntryRef entry;
    Term in_term;  ///< of whoever was first to know
  };

  void check_leader(const Before& before, const consensus::RaftCore& core);
  void check_commits(const Before& before, const consensus::RaftCore& core, const Stores& stores);
  void check_entries(const consensus::RaftCore& core, const consensus::Effects& effects);
  void check_said(const consensus::RaftCore& core,
                  const consensus::Effects& effects,
                  const Stores& stores);
  void check_ack(const consensus::RaftCore& core,
                 const consensus::Message& message,
                 const consensus::MemoryLogStore& store) const;

  std::map<Term, NodeId> leaders_;
  std::map<LogIndex, Committed> committed_;
  std::map<std::pair<LogIndex, Term>, std::pair<Term, consensus::EntryRef>> entries_;
  std::map<std::pair<NodeId, Term>, NodeId> votes_;
  std::map<LogIndex, std::string> applied_;
};

}  // namespace starling::tests
