/// Judges a history: is there one order of the operations on each key, agreeing with real time, in
/// which every answer is what a single copy would have said?
///
/// The search is that of Wing & Gong (1993) with the memo of Lowe (2017): among the operations that
/// were called before any pending one returned, try each next; remember (set of operations done,
/// state) pairs that led nowhere. An operation of unknown outcome may come at any place after its
/// call, or never. A search that is given up counts as a failure.
///
/// Two models. A **register** with versions that grow: `put {value}`, `cas {expected, value}`
/// (expected 0: none yet), `read {}`. Their answers: `{version}`, `{version}` or, refused,
/// `{code, found}`, and `{version, value}` (version 0: none). A **trial**, keys that start with
/// "trial": `claim {token}` takes a trial that is not done from `token - 1` to `token`,
/// `complete {token, result}` ends it if `token` is still the current one, `read {}` gives
/// `{status, token, result}`. A refusal is "fail" with the code "conflict".
///
/// Pure.
#pragma once

#include "tests/support/history.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starling::tests {

enum class Verdict { linearizable, illegal, inconclusive };

std::string_view to_string(Verdict verdict);

struct KeyVerdict {
  std::string key;
  Verdict verdict = Verdict::inconclusive;
  std::size_t operations = 0;  ///< that say anything: failures and unknown reads do not
  std::size_t unknown = 0;
  std::uint64_t steps = 0;
  std::string why;  ///< unless linearizable: what fits nowhere after the longest order found
};

inline constexpr std::uint64_t kStepsMax = 20'000'000;  ///< for one key

/// By key. Every operation must be one of the models'; a strange one makes its key illegal.
std::vector<KeyVerdict> check_history(const std::vector<Operation>& history,
                                      std::uint64_t steps_max = kStepsMax);

}  // namespace starling::tests
