#include "ml/table/encoder.h"

#include "ml/table/cell.h"
#include "ml/table/date.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace starling::ml {
namespace {

/// The value at quantile `q`, between the two nearest (numpy's default). `values` is not empty and
/// comes into another order.
double quantile(std::vector<double>& values, double q) {
  const double place = q * static_cast<double>(values.size() - 1);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), at, values.end());
  const double below = *at;
  const double above = at + 1 == values.end() ? below : *std::min_element(at + 1, values.end());
  return below + (place - std::floor(place)) * (above - below);
}

/// The column's numbers in `rows`, without the missing ones.
std::vector<double> present_in(const TableColumn& column, std::span<const std::uint32_t> rows) {
  std::vector<double> present;
  for (const std::uint32_t row : rows) {
    if (!std::isnan(column.numbers[row])) present.push_back(column.numbers[row]);
  }
  return present;
}

/// Without the flag. `present` comes into another order.
NumberCoding fit_number(std::vector<double>& present) {
  NumberCoding coding;
  if (present.empty()) return coding;
  coding.median = quantile(present, 0.5);
  double range = quantile(present, 0.75) - quantile(present, 0.25);
  if (range == 0) {
    const auto [least, most] = std::minmax_element(present.begin(), present.end());
    range = 0.5 * (*most - *least);
  }
  coding.factor = range == 0 || !std::isfinite(1 / range) ? 0 : 1 / range;
  return coding;
}

NumberCoding fit_number(const TableColumn& column, std::span<const std::uint32_t> rows) {
  std::vector<double> present = present_in(column, rows);
  NumberCoding coding = fit_number(present);
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

DateCoding fit_date(const TableColumn& column, std::span<const std::uint32_t> rows) {
  const std::vector<double> present = present_in(column, rows);
  DateCoding coding;
  coding.order = column.date_order;
  coding.has_flag = present.size() < rows.size();
  std::vector<double> part(present.size());
  for (std::size_t k = 0; k < kDateParts; ++k) {
    std::transform(present.begin(), present.end(), part.begin(), [k](double seconds) {
      return date_parts(seconds)[k];
    });
    coding.parts[k] = fit_number(part);
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
    if (counts[i] > 0) by_count.emplace_back(counts[i], column.levels[i]);
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
  double sum = 0;
  for (const std::uint32_t row : rows)
    sum += table.target.numbers[row];
  target.mean = sum / static_cast<double>(rows.size());
  double squares = 0;
  for (const std::uint32_t row : rows) {
    squares +=
        (table.target.numbers[row] - target.mean) * (table.target.numbers[row] - target.mean);
  }
  target.std = std::sqrt(squares / static_cast<double>(rows.size()));
  if (!(target.std > 0)) target.std = 1;
}

/// x / sqrt(1 + (x/3)^2), also where the square would overflow.
float smoothly_clipped(double x) {
  constexpr double kFar = 1e9;  // 3 to the last bit of a float, as all beyond
  x = std::clamp(x, -kFar, kFar);
  return static_cast<float>(x / std::sqrt(1 + (x / 3) * (x / 3)));
}

float scaled(const NumberCoding& coding, double number) {
  return smoothly_clipped((number - coding.median) * coding.factor);
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

Error cell_error(std::size_t row, const std::string& column, const std::string& what) {
  return {Errc::invalid_argument, fmt::format("row {}, column \"{}\": {}", row, column, what)};
}

}  // namespace

std::vector<EncodedRows::Feature> widest_features(const TableProfile& profile,
                                                  std::string_view target) {
  std::vector<EncodedRows::Feature> features;
  std::size_t offset = 0;
  for (const ColumnProfile& column : profile.columns) {
    if (column.name == target || !is_feature(column)) continue;
    const std::size_t flag = column.missing + column.unreadable + column.infinite > 0 ? 1 : 0;
    const bool is_date = column.type == ColumnType::date;
    const bool is_category = !holds_numbers(column.type);
    const std::size_t width = is_date ? kDateParts + flag
                              : is_category
                                  ? std::min<std::size_t>(column.distinct, kEncodedLevelsMax + 1)
                                  : 1 + flag;
    features.push_back({offset, width, is_category});
    offset += width;
  }
  return features;
}

std::size_t FeatureCoding::width() const {
  if (const auto* number = std::get_if<NumberCoding>(&coding)) return number->has_flag ? 2 : 1;
  if (const auto* date = std::get_if<DateCoding>(&coding)) {
    const auto used = std::count_if(
        date->parts.begin(), date->parts.end(), [](const auto& part) { return part.factor != 0; });
    return static_cast<std::size_t>(used) + (date->has_flag ? 1 : 0);
  }
  const auto& category = std::get<CategoryCoding>(coding);
  return category.levels.size() + (category.has_other ? 1 : 0);
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
                     TargetCoding target) {
  std::vector<FeatureCoding> features;
  for (const TableColumn& column : table.features) {
    FeatureCoding feature;
    feature.name = column.name;
    if (column.type == ColumnType::date) {
      feature.coding = fit_date(column, fit_rows);
    } else if (column.is_number()) {
      feature.coding = fit_number(column, fit_rows);
    } else {
      feature.coding = fit_category(column, fit_rows);
    }
    features.push_back(std::move(feature));
  }
  fit_target(table, fit_rows, target);
  return Encoder{std::move(features), std::move(target), table.decimal};
}

EncodedRows Encoder::encode(const Table& table, std::span<const std::uint32_t> rows) const {
  std::vector<EncodedRows::Feature> kept;
  std::size_t offset = 0;
  for (const FeatureCoding& feature : features_) {
    const bool is_category = std::holds_alternative<CategoryCoding>(feature.coding);
    kept.push_back({offset, feature.width(), is_category});
    offset += feature.width();
  }
  EncodedRows encoded{rows.size(), std::move(kept)};
  for (std::size_t f = 0; f < features_.size(); ++f) {
    if (table.features[f].is_number()) {
      for (std::size_t i = 0; i < rows.size(); ++i)
        put_number(features_[f], table.features[f].numbers[rows[i]], encoded.numbers(i, f).data());
    } else {
      put_places(f, table.features[f], rows, encoded);
    }
  }
  return encoded;
}

void Encoder::put_places(std::size_t feature,
                         const TableColumn& column,
                         std::span<const std::uint32_t> rows,
                         EncodedRows& encoded) const {
  std::vector<std::uint16_t> places;
  for (const std::string& level : column.levels) {
    const auto place = place_of(feature, level);
    places.push_back(place ? static_cast<std::uint16_t>(*place) : EncodedRows::kNowhere);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int32_t code = column.codes[rows[i]];
    if (code >= 0) encoded.set_place(i, feature, places[static_cast<std::size_t>(code)]);
  }
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
  if (!std::holds_alternative<CategoryCoding>(known.coding)) {
    const auto number = number_in(known, row, cell, warnings);
    if (!number) return number.error();
    put_number(known, *number, out);
    return {};
  }
  const auto* text = std::get_if<std::string>(&cell);
  if (std::holds_alternative<std::monostate>(cell) || (text != nullptr && is_missing(*text)))
    return {};
  const std::string level =
      text != nullptr ? std::string{trimmed(*text)} : number_text(std::get<double>(cell));
  const auto place = place_of(feature, level);
  if (place) {
    out[*place] = 1;
  } else {
    warnings.push_back({row, known.name, "unknown_category"});
  }
  return {};
}

}  // namespace starling::ml
