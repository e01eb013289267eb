/// Encoded rows as they are kept while a network learns from them: numbers as floats, a category as
/// the place of its level. A row is spread out to the floats that the network takes when it is
/// needed; kept so, a category of fifty levels would take a hundred times its space.
///
/// Threads: none. Pure but for the file in which many rows lie (ml/table/row_memory.h).
#pragma once

#include "ml/table/row_memory.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace starling::ml {

/// Rows of floats, one after the other.
struct Matrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;
};

class EncodedRows {
 public:
  /// One feature: where its floats are in a spread row.
  struct Feature {
    std::size_t offset = 0;
    std::size_t width = 0;
    bool is_category = false;  ///< one of its floats is 1, or none; all others are 0
    std::size_t numbers = 0;   ///< so many of its floats, the first, are numbers with an order
  };

  /// More bytes than this lie in the scratch space, if there is one.
  static constexpr std::size_t kInMemoryMax = std::size_t{64} << 20;

  static constexpr std::uint16_t kNowhere = 0xFFFF;  ///< the place of a missing or unknown level

  EncodedRows() = default;

  /// All zeros and nowhere. No category has more than 65,535 levels. Throws std::runtime_error if
  /// the scratch space has no room.
  EncodedRows(std::size_t rows, std::vector<Feature> features, const ScratchSpace& scratch = {});

  /// Rows that are numbers only.
  explicit EncodedRows(Matrix matrix);

  std::size_t rows() const { return rows_; }

  /// Of a spread row.
  std::size_t columns() const { return columns_; }

  std::span<const Feature> features() const { return features_; }

  /// Where the floats of a feature that is no category are written.
  std::span<float> numbers(std::size_t row, std::size_t feature);
  std::span<const float> numbers(std::size_t row, std::size_t feature) const;

  void set_place(std::size_t row, std::size_t feature, std::uint16_t place);

  /// Spreads a row out; `out` has `columns()` floats.
  void spread(std::size_t row, float* out) const;

  /// `count` rows from `first` on.
  Matrix dense(std::size_t first, std::size_t count) const;

  Matrix dense() const { return dense(0, rows_); }

  /// What a row of such features takes.
  static std::size_t row_bytes(std::span<const Feature> features);

  /// Of these rows.
  std::size_t row_bytes() const { return row_bytes(features_); }

 private:
  float* floats() { return reinterpret_cast<float*>(floats_.data()); }

  const float* floats() const { return reinterpret_cast<const float*>(floats_.data()); }

  std::uint16_t* places() { return reinterpret_cast<std::uint16_t*>(places_.data()); }

  const std::uint16_t* places() const {
    return reinterpret_cast<const std::uint16_t*>(places_.data());
  }

  struct Run {  ///< floats of features that are neighbours
    std::size_t from = 0, to = 0, count = 0;
  };

  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::vector<Feature> features_;
  std::vector<std::size_t> slots_;  ///< per feature: the index of its first float, or of its place
  std::vector<Run> runs_;
  std::vector<std::size_t> category_offsets_;
  std::size_t floats_per_row_ = 0;
  RowMemory floats_;
  RowMemory places_;
};

}  // namespace starling::ml
