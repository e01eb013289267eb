/// Exactly once for callers of the API: what was answered under each Idempotency-Key.
///
/// A key lives for an hour of cluster time; at most `kIdempotencyKeysMax` are kept, the oldest go
/// first. The table is part of the replicated state, so a snapshot carries it.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/command.h"
#include "ml/study/transaction.h"
#include "node/base/state_view.h"

#include <optional>

namespace starling::ml {

/// The answer to the same request, if it was applied before under this command's key; a refusal
/// (`invalid_argument`) if the key was used for another request.
std::optional<Outcome> recorded_answer(const StateView& view, const Command& command);

/// Keeps `outcome` under the command's key and forgets keys that are old or too many.
void record_answer(Transaction& tx, const Command& command, const Outcome& outcome);

}  // namespace starling::ml
