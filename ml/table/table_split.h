/// A table's rows, divided as a SplitSpec says.
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/split.h"
#include "ml/table/split_spec.h"
#include "ml/table/table.h"

#include <cstdint>
#include <span>

namespace starling::ml {

/// `strata`: per row; -1 is a row without a target. `table.key` is the column of the spec. A group
/// tests as a row does (split.h): by the hash of its value; a row without a value is a group of its
/// own. By hold-out and folds rows of a stratum that has fewer than `least` only train.
/// Errors: `invalid_argument`, "split: ...", when no row trains, validates or tests.
Result<Split> split_table(const Table& table,
                          const SplitSpec& spec,
                          std::span<const std::int32_t> strata,
                          std::uint64_t seed,
                          std::size_t least = 0);

}  // namespace starling::ml
