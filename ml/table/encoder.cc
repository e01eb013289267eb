#include "ml/table/encoder.h"

#include "ml/table/cell.h"
#include "ml/table/column_store.h"
#include "ml/table/date.h"
#include "ml/table/text_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace starling::ml {
namespace {

/// The column's numbers in `rows`, without the missing ones.
std::vector<double> present_in(const TableColumn& column, std::span<const std::uint32_t> rows) {
  std::vector<double> present;
  for (const std::uint32_t row : rows) {
    if (!std::isnan(column.numbers[row])) present.push_back(column.numbers[row]);
  }
  return present;
}

NumberCoding fit_number(const TableColumn& column,
                        std::span<const std::uint32_t> rows,
                        NumberScaling scaling) {
  std::vector<double> present = present_in(column, rows);
  NumberCoding coding = fit_number(present, scaling);
  coding.has_flag = present.size() < rows.size();
  return coding;
}

std::array<double, kDateParts> date_parts(double seconds) {
  const CalendarTime time = calendar_time(seconds);
  return {seconds,
          static_cast<double>(time.month),
          static_cast<double>(time.day),
          static_cast<double>(time.weekday),
          time.day_seconds};
}

DateCoding fit_date(const TableColumn& column,
                    std::span<const std::uint32_t> rows,
                    NumberScaling scaling) {
  const std::vector<double> present = present_in(column, rows);
  DateCoding coding;
  coding.order = column.date_order;
  coding.has_flag = present.size() < rows.size();
  std::vector<double> part(present.size());
  for (std::size_t k = 0; k < kDateParts; ++k) {
    std::transform(present.begin(), present.end(), part.begin(), [k](double seconds) {
      return date_parts(seconds)[k];
    });
    coding.parts[k] = fit_number(part, scaling);
  }
  return coding;
}

CategoryCoding fit_category(const TableColumn& column, std::span<const std::uint32_t> rows) {
  std::vector<std::size_t> counts(column.levels.size());
  for (const std::uint32_t row : rows) {
    if (column.codes[row] >= 0) ++counts[static_cast<std::size_t>(column.codes[row])];
  }
  std::vector<std::pair<std::size_t, std::string>> by_count;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0 && column.levels[i] != kSharedLevel)
      by_count.emplace_back(counts[i], column.levels[i]);
  }
  std::sort(by_count.begin(), by_count.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  CategoryCoding coding;
  coding.is_boolean = column.type == ColumnType::boolean;
  coding.has_other = by_count.size() > kEncodedLevelsMax;
  if (coding.has_other) by_count.resize(kEncodedLevelsMax);
  for (auto& [count, level] : by_count)
    coding.levels.push_back(std::move(level));
  std::sort(coding.levels.begin(), coding.levels.end());
  return coding;
}

void fit_target(const Table& table, std::span<const std::uint32_t> rows, TargetCoding& target) {
  if (target.task != TaskKind::regression) return;
  const auto number = [&](std::uint32_t row) {
    const double value = table.target.numbers[row];
    return target.is_log ? std::log1p(value) : value;
  };
  double sum = 0;
  for (const std::uint32_t row : rows)
    sum += number(row);
  target.mean = sum / static_cast<double>(rows.size());
  double squares = 0;
  for (const std::uint32_t row : rows)
    squares += (number(row) - target.mean) * (number(row) - target.mean);
  target.std = std::sqrt(squares / static_cast<double>(rows.size()));
  if (target.std == 0) target.std = 1;
}

/// `number` is NaN when missing. `out` is zeroed.
void put(const NumberCoding& coding, double number, float* out) {
  if (std::isnan(number)) {
    if (coding.has_flag) out[1] = 1;
    return;
  }
  out[0] = scaled(coding, number);
}

void put(const DateCoding& coding, double seconds, float* out) {
  const bool is_missing_here = std::isnan(seconds);
  const auto parts = date_parts(is_missing_here ? 0 : seconds);
  for (std::size_t k = 0; k < kDateParts; ++k) {
    if (coding.parts[k].factor == 0) continue;
    if (!is_missing_here) *out = scaled(coding.parts[k], parts[k]);
    ++out;
  }
  if (coding.has_flag && is_missing_here) *out = 1;
}

/// Nothing is put for a category: it has no number.
void put_number(const FeatureCoding& feature, double number, float* out) {
  if (const auto* coding = std::get_if<NumberCoding>(&feature.coding)) put(*coding, number, out);
  if (const auto* coding = std::get_if<DateCoding>(&feature.coding)) put(*coding, number, out);
}

/// What the rows have to tell of the target, standardised.
RowTargets row_targets(const Table& table,
                       std::span<const std::uint32_t> rows,
                       const TargetCoding& target,
                       std::span<const std::int32_t> classes) {
  RowTargets targets;
  if (target.task == TaskKind::regression) {
    targets.width = 1;
    for (const std::uint32_t row : rows)
      targets.values.push_back(static_cast<float>(to_learned(target, table.target.numbers[row])));
    return targets;
  }
  if (!classes.empty()) targets.width = statistic_targets(target.task, target.classes.size());
  const auto first = static_cast<std::int32_t>(targets.width == 1 ? 1 : 0);  // of two, the second
  std::vector<double> shares(targets.width);
  const auto place_of = [&](std::uint32_t row) {
    return static_cast<std::size_t>(classes[row] - first);
  };
  for (const std::uint32_t row : rows)
    if (targets.width > 0 && place_of(row) < targets.width)
      shares[place_of(row)] += 1 / static_cast<double>(rows.size());
  targets.values.reserve(rows.size() * targets.width);
  for (const std::uint32_t row : rows) {
    for (std::size_t k = 0; k < targets.width; ++k) {
      const double deviation = std::sqrt(shares[k] * (1 - shares[k]));
      const double off = (place_of(row) == k ? 1 : 0) - shares[k];
      targets.values.push_back(static_cast<float>(deviation > 0 ? off / deviation : 0));
    }
  }
  return targets;
}

/// The number of `level` among sorted levels.
std::optional<std::size_t> place_among(const std::vector<std::string>& levels,
                                       std::string_view level) {
  const auto found = std::ranges::lower_bound(levels, level);
  if (found == levels.end() || *found != level) return std::nullopt;
  return static_cast<std::size_t>(found - levels.begin());
}

/// Of each row of a column: what is known of its level.
std::vector<float> known_statistics(const TableColumn& column,
                                    std::span<const std::uint32_t> rows,
                                    const LevelStatistics& statistics) {
  std::vector<std::optional<std::size_t>> places;
  for (const std::string& level : column.levels)
    places.push_back(place_among(statistics.levels, level));
  std::vector<float> values(rows.size() * statistics.width());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int32_t code = column.codes[rows[i]];
    const auto place = code < 0 ? std::nullopt : places[static_cast<std::size_t>(code)];
    if (place)
      std::ranges::copy(statistics.of(*place),
                        values.begin() + static_cast<std::ptrdiff_t>(i * statistics.width()));
  }
  return values;
}

/// Trimmed; nothing if it is missing.
std::string text_in(const CellValue& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return number_text(*number);
  const auto* text = std::get_if<std::string>(&cell);
  return text == nullptr || is_missing(*text) ? "" : std::string{trimmed(*text)};
}

Error cell_error(std::size_t row, const std::string& column, const std::string& what) {
  return {Errc::invalid_argument, fmt::format("row {}, column \"{}\": {}", row, column, what)};
}

constexpr std::size_t kRowsAtOnce = 8192;

/// A column, and where it goes.
struct ColumnInParts {
  const FeatureCoding* coding = nullptr;
  const TableColumn* column = nullptr;
  std::size_t part = 0;
  std::vector<std::uint16_t> places;            ///< a category's, by level
  const LevelStatistics* statistics = nullptr;  ///< go to the part behind
};

/// The rows from `from` until before `until`.
void put_rows(const ColumnInParts& one,
              std::span<const std::uint32_t> rows,
              std::size_t from,
              std::size_t until,
              EncodedRows& encoded) {
  const TableColumn& column = *one.column;
  for (std::size_t i = from; i < until; ++i) {
    if (column.is_number()) {
      put_number(*one.coding, column.numbers[rows[i]], encoded.numbers(i, one.part).data());
    } else if (column.type == ColumnType::text) {
      put_text(column.tokens.subspan(rows[i] * kTextBuckets, kTextBuckets),
               encoded.numbers(i, one.part).data());
    } else if (const std::int32_t code = column.codes[rows[i]]; code >= 0) {
      encoded.set_place(i, one.part, one.places[static_cast<std::size_t>(code)]);
    }
  }
}

}  // namespace

std::size_t statistic_targets(TaskKind task, std::size_t classes) {
  if (task != TaskKind::multiclass) return 1;
  return classes <= kStatisticTargetsMax ? classes : 0;
}

std::vector<EncodedRows::Feature> widest_features(const TableProfile& profile,
                                                  std::string_view target,
                                                  std::size_t targets) {
  std::vector<EncodedRows::Feature> features;
  std::size_t offset = 0;
  for (const ColumnProfile& column : profile.columns) {
    if (column.name == target || !is_feature(column)) continue;
    const std::size_t flag = column.missing + column.unreadable + column.infinite > 0 ? 1 : 0;
    const bool is_date = column.type == ColumnType::date;
    const bool is_text = column.type == ColumnType::text;
    const bool is_category = holds_levels(column.type);
    const std::size_t width = is_text   ? kTextBuckets
                              : is_date ? kDateParts + flag
                              : is_category
                                  ? std::min<std::size_t>(column.distinct, kEncodedLevelsMax + 1)
                                  : 1 + flag;
    const std::size_t numbers = is_text || is_category ? 0 : width - flag;
    features.push_back({offset, width, is_category, numbers});
    offset += width;
    if (!is_category || column.distinct <= kEncodedLevelsMax) continue;
    features.push_back({offset, targets + 1, false, targets + 1});
    offset += targets + 1;
  }
  return features;
}

double to_learned(const TargetCoding& target, double value) {
  return ((target.is_log ? std::log1p(value) : value) - target.mean) / target.std;
}

std::size_t FeatureCoding::width() const {
  if (const auto* number = std::get_if<NumberCoding>(&coding)) return number->has_flag ? 2 : 1;
  if (const auto* date = std::get_if<DateCoding>(&coding)) {
    const auto used = std::count_if(
        date->parts.begin(), date->parts.end(), [](const auto& part) { return part.factor != 0; });
    return static_cast<std::size_t>(used) + (date->has_flag ? 1 : 0);
  }
  if (std::holds_alternative<TextCoding>(coding)) return kTextBuckets;
  const auto& category = std::get<CategoryCoding>(coding);
  return category.places() + category.statistics.width();
}

std::size_t FeatureCoding::numbers() const {
  if (std::holds_alternative<NumberCoding>(coding)) return 1;
  const auto* date = std::get_if<DateCoding>(&coding);
  return date == nullptr ? 0 : width() - (date->has_flag ? 1 : 0);
}

Encoder::Encoder(std::vector<FeatureCoding> features, TargetCoding target, char decimal)
    : features_(std::move(features)),
      target_(std::move(target)),
      decimal_(decimal),
      level_index_(features_.size()) {
  for (std::size_t i = 0; i < features_.size(); ++i) {
    width_ += features_[i].width();
    const auto* category = std::get_if<CategoryCoding>(&features_[i].coding);
    if (category == nullptr) continue;
    for (std::size_t k = 0; k < category->levels.size(); ++k) {
      level_index_[i].emplace(category->levels[k], k);
    }
  }
}

Encoder Encoder::fit(const Table& table,
                     std::span<const std::uint32_t> fit_rows,
                     TargetCoding target,
                     const EncoderFit& fit) {
  fit_target(table, fit_rows, target);
  const RowTargets targets = row_targets(table, fit_rows, target, fit.classes);
  std::vector<FeatureCoding> features;
  for (const TableColumn& column : table.features) {
    FeatureCoding feature;
    feature.name = column.name;
    if (column.type == ColumnType::date) {
      feature.coding = fit_date(column, fit_rows, fit.scaling);
    } else if (column.type == ColumnType::text) {
      feature.coding = TextCoding{};
    } else if (column.is_number()) {
      feature.coding = fit_number(column, fit_rows, fit.scaling);
    } else {
      CategoryCoding category = fit_category(column, fit_rows);
      if (category.has_other) category.statistics = level_statistics(column, fit_rows, targets);
      feature.coding = std::move(category);
    }
    features.push_back(std::move(feature));
  }
  return Encoder{std::move(features), std::move(target), table.decimal};
}

EncodedRows Encoder::encode(const Table& table,
                            std::span<const std::uint32_t> rows,
                            const ScratchSpace& scratch) const {
  return encode(table, rows, nullptr, scratch);
}

EncodedRows Encoder::encode_fit_rows(const Table& table,
                                     std::span<const std::uint32_t> fit_rows,
                                     const EncoderFit& fit,
                                     const ScratchSpace& scratch) const {
  const RowTargets targets = row_targets(table, fit_rows, target_, fit.classes);
  return encode(table, fit_rows, &targets, scratch);
}

/// A category's places are one part of the encoded rows, its statistics another.
EncodedRows Encoder::empty_rows(std::size_t rows, const ScratchSpace& scratch) const {
  std::vector<EncodedRows::Feature> parts;
  std::size_t offset = 0;
  const auto add_part = [&](std::size_t width, bool is_category, std::size_t numbers) {
    parts.push_back({offset, width, is_category, numbers});
    offset += width;
  };
  for (const FeatureCoding& feature : features_) {
    const auto* category = std::get_if<CategoryCoding>(&feature.coding);
    add_part(category != nullptr ? category->places() : feature.width(),
             category != nullptr,
             feature.numbers());
    const std::size_t more = category != nullptr ? category->statistics.width() : 0;
    if (more > 0) add_part(more, false, more);
  }
  return EncodedRows{rows, std::move(parts), scratch};
}

/// Some thousand rows after the other, so that rows that lie in a file are written once; then the
/// statistics, which take a pass of their own each.
EncodedRows Encoder::encode(const Table& table,
                            std::span<const std::uint32_t> rows,
                            const RowTargets* crossed,
                            const ScratchSpace& scratch) const {
  EncodedRows encoded = empty_rows(rows.size(), scratch);
  std::vector<ColumnInParts> columns;
  std::size_t part = 0;
  for (std::size_t f = 0; f < features_.size(); ++f, ++part) {
    const TableColumn& column = table.features[f];
    columns.push_back({&features_[f], &column, part, {}, nullptr});
    const auto* category = std::get_if<CategoryCoding>(&features_[f].coding);
    if (category == nullptr) continue;
    columns.back().places = places_of(f, column);
    if (category->statistics.width() == 0) continue;
    columns.back().statistics = &category->statistics;
    ++part;
  }
  for (std::size_t from = 0; from < rows.size(); from += kRowsAtOnce) {
    const std::size_t until = std::min(rows.size(), from + kRowsAtOnce);
    for (const ColumnInParts& column : columns)
      put_rows(column, rows, from, until, encoded);
  }
  for (const ColumnInParts& column : columns) {
    if (column.statistics == nullptr) continue;
    const LevelStatistics& statistics = *column.statistics;
    const auto values = crossed != nullptr
                            ? cross_fitted(table, *column.column, rows, *crossed, statistics)
                            : known_statistics(*column.column, rows, statistics);
    for (std::size_t i = 0; i < rows.size(); ++i)
      std::copy_n(values.data() + i * statistics.width(),
                  statistics.width(),
                  encoded.numbers(i, column.part + 1).data());
  }
  return encoded;
}

/// Of each of the column's levels.
std::vector<std::uint16_t> Encoder::places_of(std::size_t feature,
                                              const TableColumn& column) const {
  std::vector<std::uint16_t> places;
  for (const std::string& level : column.levels) {
    const auto place = place_of(feature, level);
    places.push_back(place ? static_cast<std::uint16_t>(*place) : EncodedRows::kNowhere);
  }
  return places;
}

Result<Matrix> Encoder::encode(std::span<const RawRow> rows,
                               MissingColumns missing,
                               std::vector<PredictWarning>& warnings) const {
  static const CellValue kNothing;
  Matrix matrix{rows.size(), width_, std::vector<float>(rows.size() * width_)};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    float* out = matrix.values.data() + i * width_;
    for (std::size_t f = 0; f < features_.size(); ++f) {
      const auto found = rows[i].find(features_[f].name);
      if (found == rows[i].end() && missing == MissingColumns::refuse) {
        return cell_error(i, features_[f].name, "the column is missing");
      }
      const CellValue& cell = found == rows[i].end() ? kNothing : found->second;
      const auto encoded = encode_cell(f, i, cell, out, warnings);
      if (!encoded) return encoded.error();
      out += features_[f].width();
    }
  }
  return matrix;
}

/// The column of a level within its feature; nothing if it is unknown.
std::optional<std::size_t> Encoder::place_of(std::size_t feature, const std::string& level) const {
  const auto& coding = std::get<CategoryCoding>(features_[feature].coding);
  const auto found = level_index_[feature].find(level);
  if (found != level_index_[feature].end()) return found->second;
  if (coding.has_other) return coding.levels.size();
  const auto meaning = coding.is_boolean ? parse_boolean(level) : std::nullopt;
  for (std::size_t i = 0; meaning && i < coding.levels.size(); ++i) {
    if (parse_boolean(coding.levels[i]) == meaning) return i;
  }
  return std::nullopt;
}

/// NaN if the cell is missing.
Result<double> Encoder::number_in(const FeatureCoding& feature,
                                  std::size_t row,
                                  const CellValue& cell,
                                  std::vector<PredictWarning>& warnings) const {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  const auto* date = std::get_if<DateCoding>(&feature.coding);
  const auto* given = std::get_if<double>(&cell);
  if (given != nullptr && date == nullptr && std::abs(*given) <= kNumberMax) return *given;
  // A number in a date column is one of digits such as 20140131, as it is in a table.
  const std::string as_text = given != nullptr ? number_text(*given) : std::string{};
  const auto* text = given != nullptr ? &as_text : std::get_if<std::string>(&cell);
  if (text == nullptr || is_missing(*text)) return kMissing;
  const auto number =
      date != nullptr ? parse_date(*text, date->order) : parse_number(*text, decimal_);
  if (number) return *number;
  if (date == nullptr && is_infinite(*text, decimal_)) {
    warnings.push_back({row, feature.name, "infinite"});
    return kMissing;
  }
  return cell_error(
      row,
      feature.name,
      fmt::format("\"{:.40}\" is not a {}", *text, date != nullptr ? "date" : "number"));
}

Result<> Encoder::encode_cell(std::size_t feature,
                              std::size_t row,
                              const CellValue& cell,
                              float* out,
                              std::vector<PredictWarning>& warnings) const {
  const FeatureCoding& known = features_[feature];
  if (std::holds_alternative<TextCoding>(known.coding)) {
    put_text(text_counts(text_in(cell)), out);
    return {};
  }
  if (!std::holds_alternative<CategoryCoding>(known.coding)) {
    const auto number = number_in(known, row, cell, warnings);
    if (!number) return number.error();
    put_number(known, *number, out);
    return {};
  }
  const std::string level = text_in(cell);
  if (level.empty()) return {};
  const auto& coding = std::get<CategoryCoding>(known.coding);
  if (const auto of = place_among(coding.statistics.levels, level))
    std::ranges::copy(coding.statistics.of(*of), out + coding.places());
  const auto place = place_of(feature, level);
  if (place) {
    out[*place] = 1;
  } else {
    warnings.push_back({row, known.name, "unknown_category"});
  }
  return {};
}

}  // namespace starling::ml
