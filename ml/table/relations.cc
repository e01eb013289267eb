#include "ml/table/relations.h"

#include "ml/table/cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace starling::ml {
namespace {

constexpr std::size_t kRowsMin = 20;
constexpr std::size_t kSampleValuesMax = 1'000'000;
constexpr double kResidualMax = 1e-8;  // of a column's own length
constexpr double kFactorMin = 1e-7;    // of the largest part that a member has

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

/// One column of the complete rows: centred and scaled to length 1.
struct Scaled {
  std::size_t column = 0;
  double mean = 0;
  double length = 0;
  Vector values;
};

/// What is left of a column when all before it are taken out, and how it is made of them.
struct Basis {
  std::size_t of = 0;   ///< index into the scaled columns
  Vector direction;     ///< length 1
  Vector coefficients;  ///< in terms of the scaled columns of the basis before it, itself last
};

std::vector<std::size_t> usable_columns(const RowSample& sample, std::size_t columns) {
  std::vector<std::size_t> usable;
  for (std::size_t c = 0; c < columns && usable.size() < kRelationColumnsMax; ++c) {
    std::size_t missing = 0;
    for (std::size_t r = 0; r < sample.rows(); ++r)
      missing += std::isnan(sample.at(r, c)) ? 1 : 0;
    if (missing * 2 < sample.rows()) usable.push_back(c);
  }
  return usable;
}

std::vector<std::size_t> complete_rows(const RowSample& sample,
                                       std::span<const std::size_t> columns) {
  std::vector<std::size_t> rows;
  for (std::size_t r = 0; r < sample.rows(); ++r) {
    const auto is_there = [&](std::size_t c) { return !std::isnan(sample.at(r, c)); };
    if (std::all_of(columns.begin(), columns.end(), is_there)) rows.push_back(r);
  }
  return rows;
}

std::optional<Scaled> scaled(const RowSample& sample,
                             std::size_t column,
                             std::span<const std::size_t> rows) {
  Scaled out;
  out.column = column;
  for (const std::size_t r : rows)
    out.mean += sample.at(r, column) / static_cast<double>(rows.size());
  double largest = 0;
  for (const std::size_t r : rows) {
    out.values.push_back(sample.at(r, column) - out.mean);
    largest = std::max(largest, std::abs(out.values.back()));
  }
  if (!(largest > std::abs(out.mean) * 1e-12)) return std::nullopt;  // constant
  for (double& value : out.values)
    value /= largest;
  const double length = std::sqrt(dot(out.values, out.values));
  for (double& value : out.values)
    value /= length;
  out.length = length * largest;
  return out;
}

/// The dependence of `basis.size()` columns that `coefficients` (of scaled columns) describe.
std::optional<Relation> relation_of(const Scaled& column,
                                    const Vector& coefficients,
                                    const std::vector<Basis>& basis,
                                    const std::vector<Scaled>& columns,
                                    std::span<const std::string> names) {
  Relation relation;
  relation.column = names[column.column];
  relation.constant = column.mean;
  for (std::size_t i = 0; i < basis.size(); ++i) {
    const Scaled& other = columns[basis[i].of];
    if (std::abs(coefficients[i]) < kFactorMin) continue;
    if (relation.from.size() == kRelationMembersMax) return std::nullopt;
    const double factor = coefficients[i] * column.length / other.length;
    const double rounded = std::round(factor * 1e6) / 1e6;
    const double shown = std::abs(rounded - factor) < 1e-6 * std::abs(factor) ? rounded : factor;
    relation.from.push_back(names[other.column]);
    relation.factors.push_back(shown);
    relation.constant -= shown * other.mean;
  }
  const double scale = std::abs(column.mean) + column.length;
  if (std::abs(relation.constant) < 1e-7 * scale) relation.constant = 0;
  const auto is_finite = [](double factor) { return std::isfinite(factor); };
  const bool can_be_told = is_finite(relation.constant) &&
                           std::all_of(relation.factors.begin(), relation.factors.end(), is_finite);
  if (!can_be_told) return std::nullopt;
  return relation;
}

/// Takes the directions of `basis` out of `rest`, twice, and says how much of each it was.
Vector project(Vector& rest, const std::vector<Basis>& basis) {
  Vector parts(basis.size());
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < basis.size(); ++i) {
      const double part = dot(rest, basis[i].direction);
      parts[i] += part;
      for (std::size_t r = 0; r < rest.size(); ++r)
        rest[r] -= part * basis[i].direction[r];
    }
  }
  return parts;
}

/// From parts along the directions to coefficients of the columns themselves.
Vector in_columns(const Vector& parts, const std::vector<Basis>& basis) {
  Vector coefficients(basis.size());
  for (std::size_t i = 0; i < basis.size(); ++i) {
    for (std::size_t k = 0; k <= i; ++k)
      coefficients[k] += parts[i] * basis[i].coefficients[k];
  }
  return coefficients;
}

void extend(
    std::vector<Basis>& basis, std::size_t of, Vector rest, double length, const Vector& parts) {
  const Vector of_columns = in_columns(parts, basis);
  Basis next;
  next.of = of;
  for (double& value : rest)
    value /= length;
  next.direction = std::move(rest);
  for (const double part : of_columns)
    next.coefficients.push_back(-part / length);
  next.coefficients.push_back(1 / length);
  basis.push_back(std::move(next));
}

}  // namespace

std::string to_string(const Relation& relation) {
  std::string text = relation.column + " = ";
  auto add = [&text, is_first = true](double factor, const std::string& what) mutable {
    if (!is_first) text += factor < 0 ? " - " : " + ";
    if (is_first && factor < 0) text += "-";
    is_first = false;
    const double size = std::abs(factor);
    if (what.empty()) {
      text += fmt::format("{:.6g}", size);
    } else {
      text += size == 1 ? what : fmt::format("{:.6g} * {}", size, what);
    }
  };
  for (std::size_t i = 0; i < relation.from.size(); ++i)
    add(relation.factors[i], relation.from[i]);
  if (relation.constant != 0) add(relation.constant, "");
  return text;
}

RowSample::RowSample(std::size_t columns)
    : columns_(std::max<std::size_t>(columns, 1)),
      rows_max_(std::clamp<std::size_t>(kSampleValuesMax / columns_, kRowsMin, kRelationRowsMax)) {}

void RowSample::add(std::span<const double> row) {
  values_.insert(values_.end(), row.begin(), row.end());
  if (rows() < 2 * rows_max_) return;
  stride_ *= 2;
  until_next_ = stride_ - 1;
  std::size_t to = 0;
  for (std::size_t from = 0; from < rows(); from += 2, ++to) {
    std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(from * columns_),
                columns_,
                values_.begin() + static_cast<std::ptrdiff_t>(to * columns_));
  }
  values_.resize(to * columns_);
}

std::vector<Relation> find_relations(const RowSample& sample, std::span<const std::string> names) {
  const auto usable = usable_columns(sample, names.size());
  const auto rows = complete_rows(sample, usable);
  std::vector<Relation> found;
  if (rows.size() < kRowsMin) return found;
  std::vector<Scaled> columns;
  for (const std::size_t c : usable) {
    if (auto column = scaled(sample, c, rows)) columns.push_back(std::move(*column));
  }
  std::vector<Basis> basis;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    // With as many directions as rows everything follows from everything.
    if ((basis.size() + 2) * 2 > rows.size()) break;
    Vector rest = columns[i].values;
    const Vector parts = project(rest, basis);
    const double length = std::sqrt(dot(rest, rest));
    if (length > kResidualMax) {
      extend(basis, i, std::move(rest), length, parts);
      continue;
    }
    auto relation = relation_of(columns[i], in_columns(parts, basis), basis, columns, names);
    if (relation) found.push_back(std::move(*relation));
  }
  return found;
}

}  // namespace starling::ml
