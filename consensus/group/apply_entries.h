/// What a row of committed entries does to the state, before it is written.
#pragma once

#include "consensus/group/state_chain.h"
#include "consensus/group/state_machine.h"
#include "consensus/raft/messages.h"
#include "node/base/error.h"

#include <optional>
#include <string>
#include <vector>

namespace starling::consensus {

struct AppliedEntries {
  Changes changes;                   ///< with the chain as it is after them
  std::vector<std::string> results;  ///< of each entry, empty for those that are no commands
  std::optional<StateCheck> check;   ///< the newest link that is to be told
};

/// Decides `entries` in order, on top of `state`.
/// Errors: `corrupt` (an entry cannot be read), `conflict` (this state is not that of most).
Result<AppliedEntries> apply_entries(StateMachine& machine,
                                     StateChain& chain,
                                     const StateView& state,
                                     const std::vector<EntryRef>& entries);

}  // namespace starling::consensus
