/// The study state machine as the replicated log drives it.
#pragma once

#include "bootstrap/recent_values.h"
#include "consensus/group/state_machine.h"

namespace starling::bootstrap {

/// It is the only one that changes the state, but for snapshots, which make the index jump: so it
/// may remember values as long as the indexes of its commands follow each other.
///
/// Threads: the core thread.
class StudyMachine : public consensus::StateMachine {
 public:
  /// The result is an encoded ml::Outcome.
  consensus::ApplyOutcome apply(const StateView& view,
                                LogIndex index,
                                std::string_view command) override;

  /// Whether the state may have changed, since the last call, in a way that gives this node work:
  /// anything but registers, idempotency keys and the clock. Also true if nothing was applied since
  /// then, because a snapshot changes the state without this machine.
  bool take_news();

 private:
  enum class Since { nothing_applied, quiet, news };

  static constexpr std::size_t kRecentBytesMax = 1 << 20;

  void note(const Changes& changes);

  Since since_ = Since::nothing_applied;
  LogIndex last_;
  RecentValues recent_{kRecentBytesMax};
};

}  // namespace starling::bootstrap
