/// What a node asks the leader on Channel::ledger: one letter, patience in ms (8 bytes, big
/// endian), the command. The answer to a command: its log index (8 bytes, big endian), its outcome.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"

#include <chrono>
#include <string_view>

namespace starling::bootstrap {

/// To commit one encoded command.
Bytes append_request(std::chrono::milliseconds patience, std::string_view command);

/// For an index such that a read at it is linearizable.
Bytes read_index_request(std::chrono::milliseconds patience);

struct LedgerRequest {
  enum class Kind { append, read_index };

  Kind kind = Kind::append;
  std::chrono::milliseconds patience{0};  ///< at most a minute
  std::string_view command;               ///< part of what was parsed
};

/// Errors: `corrupt`.
Result<LedgerRequest> parse_ledger_request(BytesView request);

}  // namespace starling::bootstrap
