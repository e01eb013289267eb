/// Rows as people write them -> numbers as networks take them. Fitted on training rows only; the
/// same code encodes for training and for prediction.
///
/// Numbers: as number_coding.h says; missing is 0, and a flag column if it was missing in the fit
/// rows. Categories: one column per level; at most 50, the others share one, and then all have
/// statistics (level_statistics.h); a missing or unknown level is all zeros. Dates: the point in
/// time, month, day of the month, weekday and time of day, each as a number; those that were
/// constant are left out. Text: its words, counted (text_tokens.h).
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/encoded_rows.h"
#include "ml/table/level_statistics.h"
#include "ml/table/metrics.h"
#include "ml/table/number_coding.h"
#include "ml/table/table.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kEncodedLevelsMax = 50;

struct CategoryCoding {
  std::vector<std::string> levels;
  bool is_boolean = false;     ///< another spelling of yes or no is the level that means the same
  bool has_other = false;      ///< a last column stands for every level that has none of its own
  LevelStatistics statistics;  ///< behind those; if there are more levels than columns

  /// Columns of levels.
  std::size_t places() const { return levels.size() + (has_other ? 1 : 0); }
};

inline constexpr std::size_t kDateParts = 5;

struct DateCoding {
  DateOrder order = DateOrder::month_first;
  std::array<NumberCoding, kDateParts> parts;  ///< time, month, day, weekday, time of day
  bool has_flag = false;                       ///< a last column says "missing"
};

/// Its words, counted (text_tokens.h).
struct TextCoding {};

struct FeatureCoding {
  std::string name;
  std::variant<NumberCoding, CategoryCoding, DateCoding, TextCoding> coding;

  std::size_t width() const;

  /// Its first floats that have an order; a category's statistics come besides.
  std::size_t numbers() const;
};

/// What the network's output means.
struct TargetCoding {
  std::string name;
  TaskKind task = TaskKind::regression;
  std::vector<std::string> classes;  ///< sorted; empty for regression
  double mean = 0, std = 1;          ///< of the fit rows; regression only
  bool is_log = false;               ///< of log(1 + target): networks learn that, standardised
};

/// As networks learn it: standardised. Regression only.
double to_learned(const TargetCoding& target, double value);

/// A cell of a row to predict: nothing, a number, or a word.
using CellValue = std::variant<std::monostate, double, std::string>;
using RawRow = std::map<std::string, CellValue, std::less<>>;

enum class MissingColumns { refuse, allow };

/// Something a person should know about a prediction. Rows count from 0.
struct PredictWarning {
  std::size_t row = 0;
  std::string column;
  std::string kind;  ///< "unknown_category", or "infinite": taken as missing

  friend bool operator==(const PredictWarning&, const PredictWarning&) = default;
};

/// How many numbers a level's statistics have of the target.
std::size_t statistic_targets(TaskKind task, std::size_t classes);

/// The features of the widest encoder that can be fitted on rows of such a table; a category with
/// statistics is two. `targets`: as `statistic_targets` says.
std::vector<EncodedRows::Feature> widest_features(const TableProfile& profile,
                                                  std::string_view target,
                                                  std::size_t targets);

/// What an encoder is fitted with besides its rows.
struct EncoderFit {
  NumberScaling scaling = NumberScaling::robust;
  std::span<const std::int32_t> classes = {};  ///< of each row of the table, for classes
};

class Encoder {
 public:
  /// `decimal`: the mark in numbers that come as text.
  Encoder(std::vector<FeatureCoding> features, TargetCoding target, char decimal = '.');

  /// Learns medians, ranges and levels from `fit_rows` of `table`.
  static Encoder fit(const Table& table,
                     std::span<const std::uint32_t> fit_rows,
                     TargetCoding target,
                     const EncoderFit& fit = {});

  std::size_t width() const { return width_; }

  const std::vector<FeatureCoding>& features() const { return features_; }

  const TargetCoding& target() const { return target_; }

  char decimal() const { return decimal_; }

  /// Shape: [rows.size() x width()]. Many rows lie in `scratch`. Throws: see EncodedRows.
  EncodedRows encode(const Table& table,
                     std::span<const std::uint32_t> rows,
                     const ScratchSpace& scratch = {}) const;

  /// The rows that it was fitted on, as a network may learn from them: none is told its own target.
  EncodedRows encode_fit_rows(const Table& table,
                              std::span<const std::uint32_t> fit_rows,
                              const EncoderFit& fit,
                              const ScratchSpace& scratch = {}) const;

  /// Rows to predict. Columns that are no features are ignored.
  /// Errors: `invalid_argument` names row (from 0) and column: it is missing, or text in a number
  ///         column or what is no date in a date column. Warnings are added to `warnings`.
  Result<Matrix> encode(std::span<const RawRow> rows,
                        MissingColumns missing,
                        std::vector<PredictWarning>& warnings) const;

 private:
  EncodedRows encode(const Table& table,
                     std::span<const std::uint32_t> rows,
                     const RowTargets* crossed,
                     const ScratchSpace& scratch) const;
  EncodedRows empty_rows(std::size_t rows, const ScratchSpace& scratch) const;
  std::vector<std::uint16_t> places_of(std::size_t feature, const TableColumn& column) const;
  Result<> encode_cell(std::size_t feature,
                       std::size_t row,
                       const CellValue& cell,
                       float* out,
                       std::vector<PredictWarning>& warnings) const;

  Result<double> number_in(const FeatureCoding& feature,
                           std::size_t row,
                           const CellValue& cell,
                           std::vector<PredictWarning>& warnings) const;
  std::optional<std::size_t> place_of(std::size_t feature, const std::string& level) const;

  std::vector<FeatureCoding> features_;
  TargetCoding target_;
  char decimal_;
  std::size_t width_ = 0;
  std::vector<std::unordered_map<std::string, std::size_t>> level_index_;  ///< per feature
};

}  // namespace starling::ml
