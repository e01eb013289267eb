#include "ml/table/encoder.h"

#include "ml/table/cell.h"
#include "ml/table/csv_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace starling::ml {
namespace {

/// The value at quantile `q`, between the two nearest (numpy's default). `sorted` is not empty.
double quantile(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

NumberCoding fit_number(const TableColumn& column, std::span<const std::uint32_t> rows) {
  NumberCoding coding;
  std::vector<double> present;
  for (const std::uint32_t row : rows) {
    if (!std::isnan(column.numbers[row])) present.push_back(column.numbers[row]);
  }
  coding.has_flag = present.size() < rows.size();
  if (present.empty()) return coding;
  std::sort(present.begin(), present.end());
  coding.median = quantile(present, 0.5);
  double range = quantile(present, 0.75) - quantile(present, 0.25);
  if (range == 0) range = 0.5 * (present.back() - present.front());
  coding.factor = range == 0 || !std::isfinite(1 / range) ? 0 : 1 / range;
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

/// `number` is NaN when missing. `out` is zeroed.
void put_number(const NumberCoding& coding, double number, float* out) {
  if (std::isnan(number)) {
    if (coding.has_flag) out[1] = 1;
    return;
  }
  const double x = (number - coding.median) * coding.factor;
  out[0] = static_cast<float>(x / std::sqrt(1 + (x / 3) * (x / 3)));
}

/// The column of a level within its feature; nothing if it is unknown.
std::optional<std::size_t> place_of(const CategoryCoding& coding,
                                    const std::unordered_map<std::string, std::size_t>& index,
                                    const std::string& level) {
  const auto found = index.find(level);
  if (found != index.end()) return found->second;
  if (coding.has_other) return coding.levels.size();
  return std::nullopt;
}

Error cell_error(std::size_t row, const std::string& column, const std::string& what) {
  return {Errc::invalid_argument, fmt::format("row {}, column \"{}\": {}", row, column, what)};
}

}  // namespace

std::size_t FeatureCoding::width() const {
  if (const auto* number = std::get_if<NumberCoding>(&coding)) return number->has_flag ? 2 : 1;
  const auto& category = std::get<CategoryCoding>(coding);
  return category.levels.size() + (category.has_other ? 1 : 0);
}

Encoder::Encoder(std::vector<FeatureCoding> features, TargetCoding target)
    : features_(std::move(features)), target_(std::move(target)), level_index_(features_.size()) {
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
    if (column.is_number) {
      feature.coding = fit_number(column, fit_rows);
    } else {
      feature.coding = fit_category(column, fit_rows);
    }
    features.push_back(std::move(feature));
  }
  fit_target(table, fit_rows, target);
  return Encoder{std::move(features), std::move(target)};
}

Matrix Encoder::encode(const Table& table, std::span<const std::uint32_t> rows) const {
  Matrix matrix{rows.size(), width_, std::vector<float>(rows.size() * width_)};
  std::size_t offset = 0;
  for (std::size_t f = 0; f < features_.size(); ++f) {
    const TableColumn& column = table.features[f];
    float* out = matrix.values.data() + offset;
    if (const auto* number = std::get_if<NumberCoding>(&features_[f].coding)) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        put_number(*number, column.numbers[rows[i]], out + i * width_);
      }
    } else {
      const auto& category = std::get<CategoryCoding>(features_[f].coding);
      std::vector<std::optional<std::size_t>> places;
      for (const std::string& level : column.levels) {
        places.push_back(place_of(category, level_index_[f], level));
      }
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::int32_t code = column.codes[rows[i]];
        if (code < 0) continue;
        const auto place = places[static_cast<std::size_t>(code)];
        if (place) out[i * width_ + *place] = 1;
      }
    }
    offset += features_[f].width();
  }
  return matrix;
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

Result<> Encoder::encode_cell(std::size_t feature,
                              std::size_t row,
                              const CellValue& cell,
                              float* out,
                              std::vector<PredictWarning>& warnings) const {
  const FeatureCoding& known = features_[feature];
  const auto* text = std::get_if<std::string>(&cell);
  const bool is_nothing =
      std::holds_alternative<std::monostate>(cell) || (text != nullptr && is_missing(*text));
  if (const auto* coding = std::get_if<NumberCoding>(&known.coding)) {
    double number = std::numeric_limits<double>::quiet_NaN();
    if (text != nullptr && !is_nothing) {
      const auto parsed = parse_number(*text);
      if (!parsed) {
        const auto shown = text->substr(0, 40);
        return cell_error(row, known.name, fmt::format("\"{}\" is not a number", shown));
      }
      number = *parsed;
    } else if (const auto* given = std::get_if<double>(&cell)) {
      number = *given;
    }
    put_number(*coding, number, out);
    return {};
  }
  if (is_nothing) return {};
  const std::string level =
      text != nullptr ? std::string{trimmed(*text)} : number_text(std::get<double>(cell));
  const auto place = place_of(std::get<CategoryCoding>(known.coding), level_index_[feature], level);
  if (place) {
    out[*place] = 1;
  } else {
    warnings.push_back({row, known.name, "unknown_category"});
  }
  return {};
}

}  // namespace starling::ml
