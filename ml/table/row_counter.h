/// How many rows of a table equal an earlier one: exactly for the first million rows, estimated
/// beyond that. At most 24 MiB.
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/level_counter.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::uint64_t kRowsToldApartMax = 1 << 20;

class RowCounter {
 public:
  /// The fields of a row lie one behind the other in one text, as a `CsvBatch` has them. Rows are
  /// equal if they are written with the same bytes.
  void add(std::span<const std::string_view> fields);

  bool is_exact() const { return rows_ <= kRowsToldApartMax; }

  /// An estimate below a twentieth of the rows is noise, and 0.
  std::uint64_t duplicates() const;

 private:
  void add_exactly(std::uint64_t hash);
  void grow();

  std::uint64_t rows_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t used_ = 0;
  std::vector<std::uint64_t> slots_;  ///< open addressing, a power of two; 0 is empty
  DistinctSketch sketch_;
};

}  // namespace starling::ml
