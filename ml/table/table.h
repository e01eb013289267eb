/// A table in memory, column by column, ready to be split and encoded. It refers to a block of
/// bytes (column_store.h) that may be a file which all trials of a node share.
#pragma once

#include "ml/table/profile.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace starling::ml {

/// Names a row by its content: the same on every machine, whatever the order of the rows.
using RowHash = std::array<std::uint8_t, 16>;

/// Numbers of a column; NaN is missing. Kept as floats where these hold every one of them exactly.
class Numbers {
 public:
  Numbers() = default;

  explicit Numbers(std::span<const double> numbers)
      : doubles_(numbers.data()), size_(numbers.size()) {}

  explicit Numbers(std::span<const float> numbers)
      : floats_(numbers.data()), size_(numbers.size()) {}

  std::size_t size() const { return size_; }

  double operator[](std::size_t i) const {
    return floats_ != nullptr ? static_cast<double>(floats_[i]) : doubles_[i];
  }

 private:
  const double* doubles_ = nullptr;
  const float* floats_ = nullptr;
  std::size_t size_ = 0;
};

struct TableColumn {
  std::string name;
  ColumnType type = ColumnType::category;
  DateOrder date_order = DateOrder::month_first;
  Numbers numbers;                      ///< of numbers and dates (seconds since 1970)
  std::span<const std::int32_t> codes;  ///< of all others: index into `levels`; -1 is missing
  std::vector<std::string> levels;      ///< in order of first appearance
  /// Of text and ids: a number that stands for the cell (`word_hash`); 0 is missing.
  std::span<const std::uint64_t> words;
  std::span<const std::int8_t> tokens;  ///< of text: [rows][kTextBuckets] (text_tokens.h)

  bool is_number() const { return holds_numbers(type); }

  std::size_t rows() const {
    return is_number() ? numbers.size() : holds_words(type) ? words.size() : codes.size();
  }
};

struct Table {
  char decimal = '.';  ///< what its numbers are written with
  std::vector<TableColumn> features;
  TableColumn target;
  TableColumn key;     ///< whose values divide the rows (split_spec.h); without a name: none does
  TableColumn weight;  ///< what each row counts; without a name: all the same
  std::vector<std::uint64_t> source_rows;  ///< how many rows are of which data set
  std::span<const RowHash> row_hashes;
  std::shared_ptr<const void> storage;  ///< keeps alive what the columns refer to

  std::size_t rows() const { return row_hashes.size(); }
};

}  // namespace starling::ml
