/// The study state machine as the replicated log drives it.
#pragma once

#include "consensus/group/state_machine.h"

namespace starling::bootstrap {

class StudyMachine : public consensus::StateMachine {
 public:
  /// The result is an encoded ml::Outcome.
  consensus::ApplyOutcome apply(const StateView& view,
                                LogIndex index,
                                std::string_view command) override;
};

}  // namespace starling::bootstrap
