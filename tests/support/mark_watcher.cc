#include "tests/support/mark_watcher.h"

#include "consensus/raft/quorum.h"

#include <algorithm>

namespace starling::tests {

using namespace consensus;

void MarkWatcher::watch(const RaftChecker::Before& before,
                        const RaftCore& core,
                        const Effects& effects,
                        const Owner& owner) {
  watch_roles(before, core);
  if (core.role() == Role::leader) watch_leader(before, core);
  if (core.log().configs().active_index() != before.config_index) watch_config(before, core);
  watch_said(core, effects, owner);
  marks_.hit(Mark::suffix_truncated, effects.persist && effects.persist->truncate_from);
  marks_.hit(Mark::install_during_sync,
             !before.is_installing && core.is_installing() && owner.is_syncing);
}

void MarkWatcher::watch_roles(const RaftChecker::Before& before, const RaftCore& core) {
  const bool same_term = core.term() == before.term;
  const bool stepped_down = before.role == Role::leader && core.role() != Role::leader;
  const bool is_voter = core.config().is_voter(core.self());
  marks_.hit(Mark::split_vote,
             before.role == Role::candidate && core.role() != Role::leader &&
                 core.term() == before.term && core.role() != Role::candidate);
  marks_.hit(Mark::quorum_contact_lost, stepped_down && same_term && is_voter);
  marks_.hit(Mark::leader_removed, stepped_down && same_term && !is_voter);
  marks_.hit(Mark::higher_term_seen, stepped_down && !same_term);
  if (before.role == Role::leader || core.role() != Role::leader) return;
  const auto handed = handed_over_.find(core.self());
  const bool took_over = handed != handed_over_.end() && core.term() == handed->second.term.next();
  marks_.hit(Mark::transferred, took_over);
  marks_.hit(Mark::transfer_under_load, took_over && handed->second.has_commands);
}

void MarkWatcher::watch_leader(const RaftChecker::Before& before, const RaftCore& core) {
  const bool stays = before.role == Role::leader && before.term == core.term();
  marks_.hit(Mark::transfer_timed_out, stays && before.is_transferring && !core.is_transferring());
  const auto is_full = [](const auto& each) { return each.second.window.is_full(); };
  marks_.hit(Mark::window_full,
             std::any_of(core.progress().begin(), core.progress().end(), is_full));
  if (core.log().term_at(core.commit()) == core.term()) return;
  const auto match = [&](NodeId node) {
    const auto found = core.progress().find(node);
    return found == core.progress().end() ? 0 : found->second.match.value;
  };
  const LogIndex held{quorum_value(core.config(), match)};
  marks_.hit(Mark::old_term_held_back, held > core.commit());
}

void MarkWatcher::watch_config(const RaftChecker::Before& before, const RaftCore& core) {
  const ConfigHistory& configs = core.log().configs();
  if (configs.active_index() < before.config_index) {
    marks_.hit(Mark::config_rollback);
    marks_.hit(Mark::joint_rollback, before.is_joint);
    return;
  }
  if (core.role() != Role::leader || before.role != Role::leader) return;
  const Config& from = configs.at(before.config_index).second;
  const Config& to = core.config();
  marks_.hit(Mark::joint_entered, to.is_joint());
  marks_.hit(Mark::joint_left, from.is_joint());
  marks_.hit(Mark::joint_left_by_other,
             from.is_joint() && core.log().term_at(before.config_index) != core.term());
  for (const NodeId voter : to.voters) {
    marks_.hit(Mark::learner_promoted, !from.is_voter(voter));
    marks_.hit(Mark::wiped_is_voter_again, !from.is_voter(voter) && voter.bytes[14] > 0);
  }
  for (const NodeId voter : from.voters)
    marks_.hit(Mark::voter_demoted, !to.voters.contains(voter) && to.learners.contains(voter));
  const auto members = to.members();
  for (const NodeId member : from.members())
    marks_.hit(Mark::member_removed, !members.contains(member));
}

void MarkWatcher::watch_said(const RaftCore& core, const Effects& effects, const Owner& owner) {
  for (const Message& message : effects.send) {
    if (const auto* vote = std::get_if<VoteResponse>(&message.body)) {
      marks_.hit(Mark::pre_vote_refused, vote->pre && !vote->granted);
      marks_.hit(Mark::learner_voted,
                 !vote->pre && vote->granted && !core.config().is_voter(core.self()));
    }
    if (const auto* answer = std::get_if<AppendResponse>(&message.body))
      marks_.hit(Mark::log_backed_off, answer->rejected);
    if (std::holds_alternative<TimeoutNow>(message.body))
      handed_over_[message.to] = {message.term, owner.has_commands};
  }
}

}  // namespace starling::tests
