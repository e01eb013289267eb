/// Why a study does not go on, in a sentence that says what to do where something can be done.
///
/// Threads: none. Pure.
#pragma once

#include "ml/schedule/node_load.h"

#include <string>

namespace starling::ml {

/// The nodes as they are known where the question is asked.
struct SwarmSeen {
  NodeLoads loads;  ///< of the nodes that work
  bool has_leader = true;
};

/// Empty while the study goes on or has ended.
std::string waiting_reason(const ActiveStudy& active, const SwarmSeen& seen);

}  // namespace starling::ml
