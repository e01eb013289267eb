/// What one column holds, cell by cell: how many numbers, dates, booleans and words, their range
/// and their levels. `profile.h` puts the columns together.
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/cell.h"
#include "ml/table/level_counter.h"
#include "ml/table/profile.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace starling::ml {

/// Count, range, mean and spread of numbers that arrive in blocks.
///
/// Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
/// variances" (1979).
class NumberStats {
 public:
  void add(std::span<const double> block);

  std::uint64_t count() const { return count_; }

  /// 0 of no number.
  double min() const { return count_ == 0 ? 0 : min_; }

  double max() const { return count_ == 0 ? 0 : max_; }

  double mean() const { return mean_; }

  /// Of the sample (n - 1), at most `kNumberMax`.
  double std() const;

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0, squares_ = 0;
  double min_ = 1e308, max_ = -1e308;
};

class ColumnProfiler {
 public:
  /// `levels_max`: values that are told apart exactly.
  ColumnProfiler(std::string name, char decimal, ColumnChoice choice, std::size_t levels_max);

  /// The column's cells of a batch.
  void add(const CsvBatch& batch, std::size_t column);

  /// Errors: `invalid_argument` if the column cannot have the type that was chosen for it.
  Result<ColumnProfile> finish(std::uint64_t rows) const;

  /// Sentences about what was found; empty for a column that its owner set aside. `column` is what
  /// `finish` gave.
  std::vector<std::string> warnings(const ColumnProfile& column, std::uint64_t rows) const;

 private:
  std::size_t add_numbers(const CsvBatch& batch, std::size_t column, std::size_t row);
  void add_other(std::string_view text);
  void add_number(double number, std::string_view text);
  void end_block();
  void add_word(std::string_view text);
  void note_date(std::string_view text);

  std::uint64_t present() const { return numbers_.count() + infinite_ + words_; }

  ColumnType type(std::uint64_t distinct) const;
  ColumnType word_type(std::uint64_t distinct) const;

  std::uint64_t dates_seen() const { return dates_by_day_.count(); }

  bool are_dates() const;
  bool are_booleans() const;
  ColumnType usable(ColumnType found) const;
  Result<> check_choice(ColumnType wanted) const;
  Result<> check_weight(const ColumnProfile& column) const;
  void set_numbers(ColumnProfile& out) const;
  void set_dates(ColumnProfile& out) const;
  void set_levels(ColumnProfile& out) const;

  static constexpr std::size_t kBlockMax = 256;

  std::string name_;
  char decimal_;
  ColumnChoice choice_;
  bool reads_numbers_;  ///< else every cell is a word

  std::uint64_t missing_ = 0;
  std::uint64_t infinite_ = 0;
  std::array<double, kBlockMax> block_{};  ///< numbers of this batch, not yet counted
  std::array<std::string_view, kBlockMax> block_texts_{};
  std::size_t block_size_ = 0;
  NumberStats numbers_;
  bool is_whole_ = true;
  std::uint64_t leading_zeros_ = 0;
  double last_ = kNumberMax;
  std::uint64_t successors_ = 0;  ///< numbers that are the one before plus one
  LevelCounter number_levels_;

  std::uint64_t words_ = 0;  ///< cells that are neither missing nor a number; dates are among them
  std::uint64_t word_bytes_ = 0;
  std::uint64_t yes_ = 0, no_ = 0;
  LevelCounter word_levels_;

  NumberStats dates_by_day_;       ///< the dates with the day first where both orders make sense
  NumberStats dates_by_month_;     ///< ... with the month first
  std::uint64_t day_first_ = 0;    ///< dates that make sense only so
  std::uint64_t month_first_ = 0;  ///< dates that make sense only so
  std::uint64_t with_slash_ = 0;
};

}  // namespace starling::ml
