/// Recognises, from what a step changed in a core, the situations of swarm_marks.h.
#pragma once

#include "consensus/raft/raft_core.h"
#include "tests/consensus/raft_checker.h"
#include "tests/support/swarm_marks.h"

#include <map>

namespace starling::tests {

class MarkWatcher {
 public:
  explicit MarkWatcher(SwarmMarks& marks) : marks_(marks) {}

  /// What the member's owner was doing.
  struct Owner {
    bool is_syncing = false;
    bool has_commands = false;  ///< of clients, in the log but not committed
  };

  void watch(const RaftChecker::Before& before,
             const consensus::RaftCore& core,
             const consensus::Effects& effects,
             const Owner& owner);

 private:
  struct HandOver {
    Term term;
    bool has_commands = false;
  };

  void watch_roles(const RaftChecker::Before& before, const consensus::RaftCore& core);
  void watch_leader(const RaftChecker::Before& before, const consensus::RaftCore& core);
  void watch_config(const RaftChecker::Before& before, const consensus::RaftCore& core);
  void watch_said(const consensus::RaftCore& core,
                  const consensus::Effects& effects,
                  const Owner& owner);

  SwarmMarks& marks_;
  std::map<NodeId, HandOver> handed_over_;  ///< by the member that was told to campaign
};

}  // namespace starling::tests
