#include "tests/support/swarm_marks.h"

namespace starling::tests {
namespace {

constexpr std::array<std::string_view, kMarkCount> kNames{
    "split_vote",
    "pre_vote_refused",
    "vote_ignored_leader",
    "stalled_leader_left",
    "full_leader_left",
    "quorum_contact_lost",
    "higher_term_seen",
    "learner_voted",
    "old_term_held_back",
    "transferred",
    "transfer_under_load",
    "transfer_timed_out",
    "joint_entered",
    "joint_left",
    "joint_left_by_other",
    "joint_rollback",
    "config_rollback",
    "config_refused",
    "leader_removed",
    "learner_promoted",
    "voter_demoted",
    "member_removed",
    "owner_adopted",
    "founded_elsewhere",
    "swarm_dissolved",
    "gossip_buried",
    "gossip_wronged",
    "plan_grew",
    "plan_replaced",
    "plan_shrank",
    "kept_itself",
    "suffix_truncated",
    "stale_sync",
    "window_full",
    "log_read_back",
    "log_backed_off",
    "proposals_refused_full",
    "snapshot_begun",
    "snapshot_broken",
    "snapshot_gone_on_with",
    "snapshot_installed",
    "snapshot_discarded",
    "snapshot_overtaken",
    "snapshot_while_joint",
    "snapshot_relayed",
    "snapshot_told_of_term",
    "entries_relayed",
    "upstream_followed",
    "upstream_lost",
    "install_during_sync",
    "crash_while_installing",
    "writes_lost",
    "sync_lost",
    "states_compared",
    "applied_fell_back",
    "sync_failed",
    "disk_filled",
    "disk_stalled",
    "clone_refused",
    "machine_wiped",
    "loss_noticed",
    "wiped_is_voter_again",
    "crashed_mid_step",
    "all_killed",
    "all_slept",
    "replayed",
    "swizzled",
    "cut_one_way",
    "repeat_answered",
    "late_command_refused",
    "outcome_unknown",
    "outcome_refused",
    "compare_failed",
    "completion_stale",
    "proposal_replaced",
    "read_confirmed",
    "read_by_follower",
    "read_dropped",
    "read_waited_for_commit",
    "core_without_rest",
    "core_beside_rest",
    "no_sound_core",
};

}  // namespace

std::string_view to_string(Mark mark) {
  return kNames[static_cast<std::size_t>(mark)];
}

void SwarmMarks::add(const SwarmMarks& other) {
  for (std::size_t i = 0; i < kMarkCount; ++i)
    counts_[i] += other.counts_[i];
}

std::vector<Mark> SwarmMarks::missing() const {
  std::vector<Mark> found;
  for (std::size_t i = 0; i < kMarkCount; ++i) {
    if (counts_[i] == 0) found.push_back(static_cast<Mark>(i));
  }
  return found;
}

}  // namespace starling::tests
