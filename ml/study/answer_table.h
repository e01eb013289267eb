/// Exactly once for callers of the API: what was answered under each idempotency key.
///
/// A client's key lives for an hour of cluster time; at most `kIdempotencyKeysMax` are kept, the
/// oldest go first. A node gives a command without one a key of its own, because it asks again
/// itself while the outcome is unknown. Such a key says what its proposer had applied, and is
/// forgotten when the log has gone on from there by `kInternalKeyWindow` entries (and a few, for
/// many are dropped at once). It never pushes out a client's.
///
/// The table is part of the replicated state, so a snapshot carries it.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/command.h"
#include "ml/study/transaction.h"
#include "node/base/ids.h"
#include "node/base/state_view.h"

#include <optional>
#include <string>
#include <string_view>

namespace starling::ml {

/// A key that no client can send: it starts with a control character. `applied` is what the
/// proposer has applied before it proposes; `unique` never comes twice.
std::string internal_key(LogIndex applied, std::string_view unique);

/// What the proposer of an internal key had applied; nothing if it is none, or malformed.
std::optional<LogIndex> applied_before(std::string_view key);

/// Nothing, or why the command at `index` cannot have been proposed with this key: so an entry that
/// used an internal key always lies after the one that the key names.
std::optional<Error> key_error(std::string_view key, LogIndex index);

/// The answer to the same request, if it was applied before under this command's key; a refusal
/// (`invalid_argument`) if the key was used for another request.
///
/// A command under an internal key that may have been forgotten already is refused as `timed_out`,
/// not applied: it was proposed before an entry whose key is forgotten, and may be that entry.
std::optional<Outcome> recorded_answer(const StateView& view, const Command& command);

/// Keeps `outcome` under the command's key, and forgets clients' keys that are old or too many.
void record_answer(Transaction& tx, const Command& command, const Outcome& outcome);

/// Every 256 entries: forgets the internal keys that the window has left behind. For all commands,
/// with a key or without.
void forget_internal_keys(Transaction& tx);

}  // namespace starling::ml
