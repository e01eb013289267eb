/// The study state machine as the replicated log drives it.
#pragma once

#include "consensus/group/state_machine.h"

namespace starling::bootstrap {

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

  Since since_ = Since::nothing_applied;
};

}  // namespace starling::bootstrap
