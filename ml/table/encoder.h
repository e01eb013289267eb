/// Rows as people write them -> numbers as networks take them. Fitted on training rows only; the
/// same code encodes for training and for prediction.
///
/// Numbers: (x - median) / IQR, then x / sqrt(1 + (x/3)^2), which keeps outliers within 3; missing
/// is the median, and a flag column if it was missing in the fit rows. Categories: one column per
/// level (at most 50, the others share one); a missing or unknown level is all zeros. Dates: the
/// point in time, month, day of the month, weekday and time of day, each as a number; those that
/// were constant are left out.
///
/// Source:  Holzmüller et al., "Better by Default" (RealMLP-TD-S), 2024. Threads: none. Pure.
#pragma once

#include "ml/table/encoded_rows.h"
#include "ml/table/metrics.h"
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

struct NumberCoding {
  double median = 0;
  double factor = 0;      ///< 1 / IQR; 0 for a column that was constant
  bool has_flag = false;  ///< a second column says "missing"
};

struct CategoryCoding {
  std::vector<std::string> levels;
  bool is_boolean = false;  ///< another spelling of yes or no is the level that means the same
  bool has_other = false;   ///< a last column stands for every level that has none of its own
};

inline constexpr std::size_t kDateParts = 5;

struct DateCoding {
  DateOrder order = DateOrder::month_first;
  std::array<NumberCoding, kDateParts> parts;  ///< time, month, day, weekday, time of day
  bool has_flag = false;                       ///< a last column says "missing"
};

struct FeatureCoding {
  std::string name;
  std::variant<NumberCoding, CategoryCoding, DateCoding> coding;

  std::size_t width() const;
};

/// What the network's output means.
struct TargetCoding {
  std::string name;
  TaskKind task = TaskKind::regression;
  std::vector<std::string> classes;  ///< sorted; empty for regression
  double mean = 0, std = 1;          ///< of the fit rows; regression only
};

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

/// The features of the widest encoder that can be fitted on rows of such a table.
std::vector<EncodedRows::Feature> widest_features(const TableProfile& profile,
                                                  std::string_view target);

class Encoder {
 public:
  /// `decimal`: the mark in numbers that come as text.
  Encoder(std::vector<FeatureCoding> features, TargetCoding target, char decimal = '.');

  /// Learns medians, ranges and levels from `fit_rows` of `table`.
  static Encoder fit(const Table& table,
                     std::span<const std::uint32_t> fit_rows,
                     TargetCoding target);

  std::size_t width() const { return width_; }

  const std::vector<FeatureCoding>& features() const { return features_; }

  const TargetCoding& target() const { return target_; }

  char decimal() const { return decimal_; }

  /// Shape: [rows.size() x width()].
  EncodedRows encode(const Table& table, std::span<const std::uint32_t> rows) const;

  /// Rows to predict. Columns that are no features are ignored.
  /// Errors: `invalid_argument` names row (from 0) and column: it is missing, or text in a number
  ///         column or what is no date in a date column. Warnings are added to `warnings`.
  Result<Matrix> encode(std::span<const RawRow> rows,
                        MissingColumns missing,
                        std::vector<PredictWarning>& warnings) const;

 private:
  void put_places(std::size_t feature,
                  const TableColumn& column,
                  std::span<const std::uint32_t> rows,
                  EncodedRows& encoded) const;
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
