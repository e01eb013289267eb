/// What a member does for clients: takes commands to the log and reads from the state, or passes
/// both on to the leader, as a node's ledger does (one hop).
#pragma once

#include "tests/support/sim_machine.h"
#include "tests/support/sim_member.h"

#include <functional>
#include <optional>

namespace starling::tests {

class VirtualSwarm;

class SimService {
 public:
  using OnReply = std::function<void(const SimRequest& request, const SimReply& reply)>;

  explicit SimService(VirtualSwarm& swarm) : swarm_(swarm) {}

  void on_reply(OnReply handler) { on_reply_ = std::move(handler); }

  /// A request has arrived at a process that is awake.
  void take(SimMember& member, const SimRequest& request);

  // What the process hears of its core.
  void settle_proposals(SimMember& member, const consensus::ProposalOutcome& outcome);
  void settle_read(SimMember& member, const consensus::ReadReady& ready);
  void settle_entry(SimMember& member, const consensus::Entry& entry, std::string_view result);
  void note_applied(SimMember& member, LogIndex index);

  /// The process is dead, and with it what it knew of requests.
  static void forget(SimMember& member);

 private:
  void propose(SimMember& member, const SimRequest& request);
  void read(SimMember& member, const SimRequest& request);
  bool forward(SimMember& member, const SimRequest& request);
  void wait_and_serve(SimMember& member, const SimRequest& request, LogIndex index);
  void serve(SimMember& member, const SimRequest& request);
  void reply(SimMember& member, const SimRequest& request, const SimReply& reply);
  void to_entry(SimMember& member,
                const SimRequest& request,
                std::function<void(SimMember& entry)> action);
  std::optional<MonoTime> arrival(std::size_t from, std::size_t to);

  VirtualSwarm& swarm_;
  OnReply on_reply_;
};

}  // namespace starling::tests
