/// Registers: small facts that programs around the swarm share, with compare-and-set.
///
/// A register's version is the log index of its last write, so it only ever grows, also over a
/// removal. Writing one makes no event: the event log is bounded and belongs to studies.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/command.h"
#include "ml/study/transaction.h"
#include "node/base/error.h"
#include "node/base/state_view.h"

#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kRegisterKeyMax = 128;      ///< bytes
inline constexpr std::size_t kRegisterValueMax = 4'096;  ///< bytes
inline constexpr std::size_t kRegistersMax = 10'000;

/// Errors: `invalid_argument`: 1 to 128 of A-Za-z0-9._-/ are allowed.
Result<> check_register_key(std::string_view key);

/// Errors: `not_found`.
Result<Register> find_register(const StateView& view, std::string_view key);
std::vector<Register> list_registers(const StateView& view);  ///< by key

/// The outcome's number is the register's new version, its id the key if it was created.
/// Refusals: `conflict` if `expected` does not hold, with the version found as the number (0: no
///           such register); `invalid_argument` (key) and `too_large` (value, number of registers).
Outcome run(Transaction& tx, const SetRegister& command);

/// The outcome's number is the version that was removed.
/// Refusals: `conflict` as above; `not_found` if there is none and none was expected.
Outcome run(Transaction& tx, const RemoveRegister& command);

}  // namespace starling::ml
