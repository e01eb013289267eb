#include "tests/support/sim_service.h"

#include "tests/support/virtual_swarm.h"

namespace starling::tests {

using namespace consensus;

void SimService::take(SimMember& member, const SimRequest& request) {
  const Ask ask = request.sent->command.ask;
  const bool leads = member.core->role() == Role::leader;
  if (ask == Ask::stale_read) {
    serve(member, request);
  } else if (!leads && !request.is_forwarded && forward(member, request)) {
    return;
  } else if (ask == Ask::read) {
    read(member, request);
  } else {
    propose(member, request);
  }
}

/// Returns: false if this member does not know of another that leads.
bool SimService::forward(SimMember& member, const SimRequest& request) {
  const auto leader = member.core->leader();
  SimMember* target = leader ? swarm_.find(*leader) : nullptr;
  if (target == nullptr || target == &member) return false;
  SimRequest passed = request;
  passed.is_forwarded = true;
  const auto when = arrival(member.machine, target->machine);
  if (!when) return true;
  swarm_.at(*when, [this, target, passed] {
    if (!target->core) return;
    swarm_.at_member(swarm_.now(), *target, [this, passed](SimMember& who) { take(who, passed); });
  });
  return true;
}

void SimService::propose(SimMember& member, const SimRequest& request) {
  const std::uint64_t context = ++member.contexts;
  member.offered[context] = request;
  std::vector<Proposal> proposals{{context, request.sent->bytes}};
  swarm_.give(member, [&](RaftCore& core, Effects& effects) {
    core.propose(swarm_.clock(member), std::move(proposals), effects);
  });
}

void SimService::settle_proposals(SimMember& member, const ProposalOutcome& outcome) {
  const auto offered = member.offered.extract(outcome.context);
  require(!offered.empty(), "an outcome is of a proposal that was not offered");
  const SimRequest& request = offered.mapped();
  if (outcome.index) {
    member.in_log.emplace(*outcome.index, SimMember::InLog{outcome.term, request});
    return;
  }
  swarm_.marks().hit(
      Mark::proposals_refused_full,
      outcome.index.error().code == Errc::unavailable && !member.core->is_transferring());
  reply(member, request, {SimReply::Kind::not_taken, {}, member.core->leader()});
}

void SimService::settle_entry(SimMember& member, const Entry& entry, std::string_view result) {
  const auto [first, last] = member.in_log.equal_range(entry.index);
  for (auto at = first; at != last; ++at) {
    const bool is_own = at->second.term == entry.term;
    swarm_.marks().hit(Mark::proposal_replaced, !is_own);
    const auto kind = is_own ? SimReply::Kind::done : SimReply::Kind::not_taken;
    const Answer answer = is_own ? swarm_.machine().decode(result) : Answer{};
    reply(member, at->second.request, {kind, answer, {}});
  }
  member.in_log.erase(first, last);
}

void SimService::read(SimMember& member, const SimRequest& request) {
  const std::uint64_t context = ++member.contexts;
  const RaftCore& core = *member.core;
  swarm_.marks().hit(
      Mark::read_waited_for_commit,
      core.role() == Role::leader && core.log().term_at(core.commit()) != core.term());
  member.reads[context] = {request, swarm_.checker().highest_commit()};
  swarm_.give(member, [&](RaftCore& who, Effects& effects) {
    who.read_index(swarm_.clock(member), context, effects);
  });
}

void SimService::settle_read(SimMember& member, const ReadReady& ready) {
  const auto waiting = member.reads.extract(ready.context);
  require(!waiting.empty(), "a read is answered that was not asked for, or twice");
  const auto& [request, floor] = waiting.mapped();
  swarm_.marks().hit(ready.index ? Mark::read_confirmed : Mark::read_dropped);
  if (!ready.index) {
    reply(member, request, {SimReply::Kind::not_taken, {}, member.core->leader()});
    return;
  }
  swarm_.checker().check_read(floor, *ready.index);
  if (!request.is_forwarded) {
    wait_and_serve(member, request, *ready.index);
    return;
  }
  swarm_.marks().hit(Mark::read_by_follower);
  to_entry(member, request, [this, passed = request, index = *ready.index](SimMember& entry) {
    wait_and_serve(entry, passed, index);
  });
}

void SimService::wait_and_serve(SimMember& member, const SimRequest& request, LogIndex index) {
  if (member.core->applied_index() >= index)
    serve(member, request);
  else
    member.reached.emplace(index, request);
}

/// Here and now, whatever the state is; the client is told of which index it is.
void SimService::serve(SimMember& member, const SimRequest& request) {
  const MemoryLogStore::Disk& disk = member.disk.store().live();
  SimRequest here = request;
  here.is_forwarded = false;
  const std::string value = swarm_.machine().read(disk.state, request.sent->command.key);
  reply(member, here, {SimReply::Kind::done, {disk.applied, value}, {}});
}

void SimService::note_applied(SimMember& member, LogIndex index) {
  // What a snapshot jumped over is done or replaced; nobody here knows which.
  for (auto at = member.in_log.begin(); at != member.in_log.upper_bound(index); ++at)
    reply(member, at->second.request, {SimReply::Kind::unknown, {}, {}});
  member.in_log.erase(member.in_log.begin(), member.in_log.upper_bound(index));
  for (auto at = member.reached.begin(); at != member.reached.upper_bound(index); ++at)
    serve(member, at->second);
  member.reached.erase(member.reached.begin(), member.reached.upper_bound(index));
}

void SimService::forget(SimMember& member) {
  member.offered.clear();
  member.in_log.clear();
  member.reads.clear();
  member.reached.clear();
}

/// Back over the network to the process that the client talks to.
void SimService::to_entry(SimMember& member,
                          const SimRequest& request,
                          std::function<void(SimMember& entry)> action) {
  const auto when = arrival(member.machine, request.entry);
  if (!when) return;
  swarm_.at(*when, [this, request, action] {
    SimMember& entry = swarm_.member(request.entry);
    if (entry.boot == request.entry_boot && entry.core)
      swarm_.at_member(swarm_.now(), entry, action);
  });
}

/// A call, unlike a message, arrives once at most.
std::optional<MonoTime> SimService::arrival(std::size_t from, std::size_t to) {
  const auto arrivals = swarm_.network().send(from, to, swarm_.now());
  return arrivals.empty() ? std::nullopt : std::optional{arrivals.front()};
}

void SimService::reply(SimMember& member, const SimRequest& request, const SimReply& reply) {
  if (!request.is_forwarded) {
    on_reply_(request, reply);
    return;
  }
  to_entry(member, request, [this, request, reply](SimMember&) { on_reply_(request, reply); });
}

}  // namespace starling::tests
