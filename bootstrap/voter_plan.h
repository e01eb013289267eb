/// Which nodes should vote. Pure: what is known of the nodes, the present configuration and the
/// time come in, the next configuration and the reason for it goes out.
///
/// 1 voter below three nodes, 3 below five, 5 from there on; 7 only with nine nodes in three
/// failure domains. Two more are standbys, learners that hold the whole log; everyone else is a
/// leaf. Nothing is changed on a whim: who is to be promoted has been well for a while, who is gone
/// gets time to come back, and two changes lie apart. A voter that the leader still hears is never
/// taken away because gossip calls it dead. Of those that may vote, one that brings a failure
/// domain is preferred, then one that a write passes through quickly, then one that is well for
/// longer. A slow disk or a long way only ranks a node last: a swarm of nothing else needs voters,
/// too. A swarm that shrinks keeps its voters, unless a person says so (drain, remove): to lose two
/// of three and then count to one would be guessing.
///
/// Source: core rules GV-1 to GV-7; Consul's autopilot for the order of steps.
#pragma once

#include "node/base/ids.h"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace starling::bootstrap {

struct VoterTimings {
  MonoTime settle = std::chrono::seconds{10};        ///< well for so long before it may vote
  MonoTime grace = std::chrono::seconds{30};         ///< a voter that is gone may come back
  MonoTime grace_at_edge = std::chrono::seconds{5};  ///< when one more loss would stop the swarm
  MonoTime pause = std::chrono::seconds{10};         ///< between two changes of voters
  MonoTime catch_up = std::chrono::minutes{5};       ///< a standby has so long to get the log
  MonoTime better_for = std::chrono::minutes{10};    ///< before a healthy voter is replaced
  MonoTime quiet_for = std::chrono::minutes{30};     ///< and since the last change of voters
};

/// What is known of one node.
struct VoterCandidate {
  NodeId id;
  std::string name;
  bool is_alive = false;      ///< by gossip; a suspect is alive
  bool is_heard = false;      ///< it answered the leader's heartbeats lately; the leader itself too
  bool is_fit = true;         ///< memory, disk and version suffice
  bool is_caught_up = false;  ///< holds (nearly) the whole log
  bool is_member = true;      ///< false: not let in, or came back with another disk
  bool is_removed = false;    ///< by a person
  bool is_draining = false;
  bool wants_vote = false;                  ///< a person prefers it
  std::string domain;                       ///< failure domain; empty: its own
  std::chrono::microseconds write_time{0};  ///< what a write through it takes: the way there and
                                            ///< back and a slow sync of its disk; 0: not known

  friend bool operator==(const VoterCandidate&, const VoterCandidate&) = default;
};

struct VoterInput {
  MonoTime now{0};
  NodeId self;  ///< the leader; it stays a voter unless it drains
  std::set<NodeId> voters;
  std::set<NodeId> learners;
  std::vector<VoterCandidate> nodes;
  bool is_forming = false;  ///< the swarm is new: what joins is taken at once
};

struct VoterChange {
  std::set<NodeId> voters;
  std::set<NodeId> learners;
  std::string why;  ///< for people; empty if only learners change
};

class VoterPlan {
 public:
  explicit VoterPlan(VoterTimings timings = {}) : timings_(timings) {}

  /// Nothing when all is as it should be, or it is not time yet.
  std::optional<VoterChange> next(const VoterInput& input);

 private:
  struct Watched {
    std::optional<MonoTime> well_since;
    std::optional<MonoTime> gone_since;
    std::optional<MonoTime> silent_since;  ///< a standby that does not answer the leader
    std::optional<MonoTime> behind_since;  ///< a standby that does not catch up
    std::optional<MonoTime> better_since;  ///< a learner that would make a better voter
  };

  struct Draft;

  void watch(const VoterInput& input);
  bool may_vote(const VoterInput& input, const VoterCandidate& node) const;
  bool is_stuck(const VoterInput& input, const VoterCandidate& node) const;
  bool is_lost(const VoterInput& input, const VoterCandidate* node, NodeId id) const;
  void replace_lost(Draft& draft) const;
  void shrink(Draft& draft) const;
  void find_successor(Draft& draft) const;
  void grow(Draft& draft) const;
  std::string why_better(const Draft& draft,
                         const VoterCandidate& node,
                         const VoterCandidate& voter) const;
  const VoterCandidate* worst_beside(const Draft& draft, const VoterCandidate& node) const;
  void improve(Draft& draft);
  std::set<NodeId> standbys(const Draft& draft) const;

  VoterTimings timings_;
  std::map<NodeId, Watched> watched_;
  std::optional<MonoTime> changed_at_;  ///< when a change was last asked for
  std::set<NodeId> voters_seen_;
  std::optional<MonoTime> voters_new_at_;  ///< when one was last seen to have come about
};

/// How many voters `alive` nodes in `domains` failure domains should have.
std::size_t voters_wanted(std::size_t alive, std::size_t domains);

}  // namespace starling::bootstrap
