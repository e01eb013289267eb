/// Situations that a good set of seeds must lead to: each has a counter, and a suite in which one
/// stays at zero tests less than it seems to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace starling::tests {

enum class Mark : std::size_t {
  // Elections
  split_vote,           ///< a candidate gave up and asked again
  pre_vote_refused,     ///< somebody did not let a member campaign
  vote_ignored_leader,  ///< a vote request met a member that hears its leader
  stalled_leader_left,  ///< a leader whose disk hung stepped down
  full_leader_left,     ///< a leader whose disk was nearly full did
  quorum_contact_lost,  ///< a leader stepped down by itself
  higher_term_seen,     ///< a leader stepped down before a higher term
  learner_voted,        ///< a member that is no voter granted a vote
  old_term_held_back,   ///< a quorum holds an entry of an earlier term, which is not committed
  transferred,          ///< the target of a transfer became leader
  transfer_under_load,  ///< the same, with commands of clients under way
  transfer_timed_out,   ///< leadership stayed
  // Configs
  joint_entered,
  joint_left,
  joint_left_by_other,  ///< by another leader than the one that began it
  joint_rollback,       ///< a joint config was truncated
  config_rollback,      ///< any config was
  config_refused,       ///< a change was refused: not caught up, or another is under way
  leader_removed,       ///< a leader left by its own change
  learner_promoted,
  voter_demoted,
  member_removed,
  // A swarm that keeps itself
  owner_adopted,      ///< the owner of the first address lost its disk and was let in
  founded_elsewhere,  ///< the same, but nobody reached it: it founded another swarm
  swarm_dissolved,    ///< which met the first one
  gossip_buried,      ///< somebody held a member for dead
  gossip_wronged,     ///< the same, and it lived
  plan_grew,
  plan_replaced,
  plan_shrank,
  kept_itself,  ///< it healed without anybody's help
  // The log
  suffix_truncated,
  stale_sync,              ///< a sync ended whose entries were truncated meanwhile
  window_full,             ///< a leader had to wait for answers
  log_read_back,           ///< entries for a peer came from the disk
  log_backed_off,          ///< a follower refused an append
  proposals_refused_full,  ///< too much uncommitted
  // Snapshots
  snapshot_begun,
  snapshot_broken,        ///< a stream ended too early
  snapshot_gone_on_with,  ///< after it was interrupted
  snapshot_installed,
  snapshot_discarded,     ///< whole, but not needed any more
  snapshot_overtaken,     ///< the peer went on by the log instead
  snapshot_while_joint,   ///< of or into a joint config
  snapshot_relayed,       ///< begun for a follower that no leader sends the log
  snapshot_told_of_term,  ///< of a later term than its receiver had heard of
  entries_relayed,
  upstream_followed,    ///< a leaf stayed with whom it follows
  upstream_lost,        ///< a leaf had to look for another
  install_during_sync,  ///< while an older batch was being written
  crash_while_installing,
  // Disks and processes
  writes_lost,        ///< a crash lost unsynced writes
  sync_lost,          ///< a crash lost a sync that had begun
  states_compared,    ///< a member met the state of most voters in the log
  applied_fell_back,  ///< a restart applied entries again
  sync_failed,
  disk_filled,
  disk_stalled,
  clone_refused,
  machine_wiped,
  loss_noticed,  ///< a member found out that its disk had lied
  wiped_is_voter_again,
  crashed_mid_step,
  all_killed,
  all_slept,
  // Network
  replayed,
  swizzled,
  cut_one_way,
  // Clients
  repeat_answered,  ///< a command came again and got the answer of the first time
  late_command_refused,
  outcome_unknown,  ///< a client gave up without knowing
  outcome_refused,  ///< a client gave up, knowing that nothing happened
  compare_failed,
  completion_stale,
  proposal_replaced,  ///< a proposal was overwritten by another leader
  read_confirmed,
  read_by_follower,
  read_dropped,            ///< leadership was lost while a read waited
  read_waited_for_commit,  ///< a new leader had not committed anything yet
  // Phases
  core_without_rest,  ///< a quorum went on with all others cut off
  core_beside_rest,   ///< a quorum went on with the others as broken as they were
  no_sound_core,      ///< without members whose disks forgot there was no quorum: left out
};

inline constexpr std::size_t kMarkCount = static_cast<std::size_t>(Mark::no_sound_core) + 1;

std::string_view to_string(Mark mark);

class SwarmMarks {
 public:
  void hit(Mark mark, bool happened = true) {
    counts_[static_cast<std::size_t>(mark)] += happened ? 1 : 0;
  }

  std::uint64_t count(Mark mark) const { return counts_[static_cast<std::size_t>(mark)]; }

  void add(const SwarmMarks& other);

  /// Those that were never reached.
  std::vector<Mark> missing() const;

 private:
  std::array<std::uint64_t, kMarkCount> counts_{};
};

}  // namespace starling::tests
