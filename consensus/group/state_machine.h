/// What the replicated log drives: opaque commands in, changes of an ordered key-value state out.
#pragma once

#include "node/base/ids.h"
#include "node/base/state_view.h"

#include <string>
#include <string_view>

namespace starling::consensus {

struct ApplyOutcome {
  Changes changes;
  std::string result;  ///< Opaque answer for whoever proposed the command.
};

class StateMachine {
 public:
  virtual ~StateMachine() = default;

  /// Pure: a function of the view, the index and the command only. A command it cannot decode is a
  /// broken promise between versions and stops the process.
  virtual ApplyOutcome apply(const StateView& view, LogIndex index, std::string_view command) = 0;

  /// A snapshot took the place of the state: what the machine remembers of it is worth nothing.
  virtual void state_replaced() {}
};

}  // namespace starling::consensus
