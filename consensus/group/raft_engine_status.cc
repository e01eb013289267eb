// What others may know of an engine: its status, and whom it tells.
#include "consensus/group/raft_engine.h"
#include "node/base/clock.h"

#include <utility>

namespace starling::consensus {

/// A leaf has what its first upstream knew then. A member: all that was ever applied here lay in
/// the log at the start, and is applied again.
bool RaftEngine::is_recovered() const {
  if (expected_) return applied() >= *expected_;
  const bool holds_all = core_.leader() && applied() == core_.log().last_index();
  return applied() >= last_at_start_ || holds_all;
}

void RaftEngine::update_status(bool in_full) {
  const std::lock_guard lock{status_mutex_};
  status_.role = core_.role();
  status_.term = core_.term();
  status_.leader = core_.leader();
  status_.recovery_epoch = core_.recovery_epoch();
  if (core_.leader())
    status_.no_leader_since.reset();
  else if (!status_.no_leader_since)
    status_.no_leader_since = mono_now();
  status_.commit = core_.commit();
  status_.applied = applied();
  if (is_recovered()) status_.recovering_to = {};
  const bool is_committed = core_.log().configs().active_index() <= core_.commit();
  status_.changing_voters = core_.config().is_joint() || !is_committed;
  status_.disk_stalled = core_.is_disk_stalled();
  status_.forgetful = core_.forgetful();
  const bool is_settled =
      status_.voters == core_.config().voters && status_.learners == core_.config().learners;
  if (!in_full && is_settled) return;
  status_.voters = core_.config().voters;
  status_.voters.insert(core_.config().voters_outgoing.begin(),
                        core_.config().voters_outgoing.end());
  status_.learners = core_.config().learners;
  status_.match.clear();
  status_.heard.clear();
  for (const auto& [peer, progress] : core_.progress()) {
    status_.match[peer] = progress.match;
    if (mono_now() - progress.last_ack <= options_.timings.election) status_.heard.insert(peer);
  }
}

void RaftEngine::note_upstream(std::optional<NodeId> upstream, std::size_t depth) {
  const std::lock_guard lock{status_mutex_};
  status_.upstream = upstream;
  status_.depth = depth;
}

/// A leaf that starts with nothing has read all of nothing: its upstream knows what there is.
void RaftEngine::expect_state_of(LogIndex commit) {
  if (expected_) return;
  expected_ = commit;
  const std::lock_guard lock{status_mutex_};
  status_.recovering_to = is_recovered() ? LogIndex{} : commit;
}

void RaftEngine::report_commit() {
  const LogIndex commit = core_.commit();
  if (std::exchange(commit_told_, commit) < commit && commit_handler_) commit_handler_(commit);
}

RaftStatus RaftEngine::status() const {
  const std::lock_guard lock{status_mutex_};
  return status_;
}

void RaftEngine::report_role() {
  log_.info("became {} term={} leader={} last={}",
            to_string(core_.role()),
            core_.term().value,
            core_.leader().value_or(NodeId{}).hex().substr(0, 8),
            core_.log().last_index().value);
  if (core_.role() != Role::leader) {
    for (auto& waiter : handing_over_)
      waiter->set({});
    handing_over_.clear();
  }
  if (role_handler_) role_handler_(status());
}

}  // namespace starling::consensus
