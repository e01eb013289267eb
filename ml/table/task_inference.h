/// Which task a target column asks for, from the profile alone.
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/metrics.h"
#include "ml/table/profile.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::uint64_t kUsableRowsMin = 20;
inline constexpr std::uint64_t kClassesMax = 100;
inline constexpr std::uint64_t kClassRowsMin = 3;  ///< one each to train, to validate and to test

/// What becomes of the rows of a class with fewer than `kClassRowsMin`.
enum class RareClasses : std::uint8_t { leave_out, train };

struct TaskChoice {
  TaskKind task = TaskKind::regression;
  std::string reason;                ///< one sentence
  std::vector<std::string> classes;  ///< sorted: numbers as numbers, words as words
  std::uint64_t usable_rows = 0;     ///< with a target, in a class that is kept
  std::vector<std::string> rare;     ///< classes with fewer than `kClassRowsMin` rows, as counted
  bool keeps_rare = false;           ///< they are among `classes`: their rows only train
  std::string rare_reason = {};      ///< why they are kept or left out
};

/// Words, and whole numbers of at most 10 values (or 20, on 50 rows each), are classes; other
/// numbers are regression. `wanted` overrules that as far as the column allows. Classes with fewer
/// than 3 rows are left out; if it is asked for they are kept, all or none, where they are fewer
/// than the others (else, and beside two, they are more likely slips) and do not make them too many
/// for statistics of them (level_statistics.h). What is written as a class with a dot behind it
/// counts as that class.
/// Errors: `invalid_argument` names the column and why it cannot be the target (and, if there is no
///         such column, the one most like it).
Result<TaskChoice> infer_task(const TableProfile& profile,
                              std::string_view target,
                              std::optional<TaskKind> wanted = std::nullopt,
                              RareClasses rare = RareClasses::leave_out);

/// The column most like `name` by edit distance, for "did you mean"; empty if none is near.
std::string nearest_column(const TableProfile& profile, std::string_view name);

}  // namespace starling::ml
