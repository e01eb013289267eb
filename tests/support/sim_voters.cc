#include "tests/support/sim_voters.h"

#include "bootstrap/voter_candidate.h"
#include "tests/support/member_planner.h"
#include "tests/support/sim_random.h"
#include "tests/support/virtual_swarm.h"

namespace starling::tests {

using namespace bootstrap;
using namespace consensus;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kFormedVoters = 3;

RaftStatus status_of(const RaftCore& core, MonoTime now, MonoTime election) {
  RaftStatus status;
  status.commit = core.commit();
  status.forgetful = core.forgetful();
  for (const auto& [peer, progress] : core.progress()) {
    status.match[peer] = progress.match;
    if (now - progress.last_ack <= election) status.heard.insert(peer);
  }
  return status;
}

}  // namespace

SimVoters::SimVoters(VirtualSwarm& swarm, std::uint64_t seed)
    : swarm_(swarm), is_forming_(stream(seed, "voters").chance(0.5)) {}

void SimVoters::look_again_and_again(SimMember& member) {
  swarm_.at(swarm_.now() + 250ms, [this, &member] {
    if (is_working_ && swarm_.is_awake(member)) look(member);
    look_again_and_again(member);
  });
}

VoterInput SimVoters::input_of(SimMember& member) const {
  const RaftCore& core = *member.core;
  const MonoTime now = swarm_.clock(member);
  const auto status = status_of(core, now, swarm_.timings().election);
  VoterInput input{.now = now,
                   .self = member.id,
                   .voters = core.config().voters,
                   .learners = core.config().learners,
                   .nodes = {},
                   .is_forming = is_forming_ || core.config().voters.size() < kFormedVoters};
  for (const auto& known : member.gossip->members()) {
    auto one = candidate_of(known, status, member.id, member.gossip->round_trip(known.id));
    // Whoever came back with another disk was let in under a new id, and the old one was struck.
    const SimMember* meant = swarm_.find(known.id);
    one.is_member = meant != nullptr;
    one.is_draining = meant != nullptr && draining_.contains(meant->machine);
    input.nodes.push_back(std::move(one));
  }
  return input;
}

void SimVoters::look(SimMember& member) {
  const RaftCore& core = *member.core;
  if (core.role() != Role::leader || core.config().is_joint()) return;
  Planned& planned = by_machine_[member.machine];
  if (planned.boot != member.boot || planned.term != core.term())
    planned = Planned{.boot = member.boot, .term = core.term(), .plan = VoterPlan{}};
  const auto next = planned.plan.next(input_of(member));
  if (!next) return;
  const std::size_t before = core.config().voters.size();
  const Config wanted{next->voters, {}, next->learners};
  if (!propose_change(swarm_, member, wanted) || next->why.empty()) return;
  swarm_.marks().hit(Mark::plan_grew, next->voters.size() > before);
  swarm_.marks().hit(Mark::plan_replaced, next->voters.size() == before);
  swarm_.marks().hit(Mark::plan_shrank, next->voters.size() < before);
  swarm_.trace().note(swarm_.now(), "{} plans: {}", name_of(member.id), next->why);
}

void SimVoters::draw_drain(Random& random) {
  const std::size_t machine = random.below(swarm_.members().size());
  if (draining_.erase(machine) > 0 || draining_.size() > 1) return;
  draining_.insert(machine);
  swarm_.trace().note(swarm_.now(), "{} is to drain", machine + 1);
}

}  // namespace starling::tests
