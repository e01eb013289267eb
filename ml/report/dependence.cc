#include "ml/report/dependence.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace starling::ml {
namespace {

constexpr std::size_t kPredictionsMax = 40'000;  // of single models
constexpr std::size_t kRowsMin = 20;
constexpr std::size_t kRowsMax = 300;
constexpr std::size_t kMatrixRowsMax = 500;
constexpr std::size_t kFloatsMax = 4 << 20;

ColumnValues number_values(const TableColumn& column, std::span<const std::uint32_t> rows) {
  std::vector<std::size_t> known;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (std::isfinite(column.numbers[rows[i]])) known.push_back(i);
  const auto number = [&](std::size_t i) { return column.numbers[rows[i]]; };
  std::ranges::stable_sort(known, {}, number);
  ColumnValues values{.name = column.name};
  for (std::size_t step = 0; !known.empty() && step < kDependenceValuesMax; ++step) {
    const std::size_t donor = known[step * (known.size() - 1) / (kDependenceValuesMax - 1)];
    if (!values.numbers.empty() && values.numbers.back() == number(donor)) continue;
    values.numbers.push_back(number(donor));
    values.donors.push_back(donor);
  }
  return values;
}

ColumnValues level_values(const TableColumn& column, std::span<const std::uint32_t> rows) {
  struct Seen {
    std::size_t count = 0, donor = 0;
  };

  std::map<std::int32_t, Seen> by_code;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int32_t code = column.codes[rows[i]];
    if (code >= 0 && by_code[code].count++ == 0) by_code[code].donor = i;
  }
  std::vector<std::pair<std::int32_t, Seen>> seen{by_code.begin(), by_code.end()};
  std::ranges::stable_sort(
      seen, std::ranges::greater{}, [](const auto& level) { return level.second.count; });
  if (seen.size() > kDependenceLevelsMax) seen.resize(kDependenceLevelsMax);
  ColumnValues values{.name = column.name};
  for (const auto& [code, level] : seen) {
    values.levels.push_back(column.levels[static_cast<std::size_t>(code)]);
    values.donors.push_back(level.donor);
  }
  return values;
}

std::size_t count_of_values(const DependenceTask& task) {
  std::size_t count = 0;
  for (const auto& [place, values] : task.columns)
    count += values.donors.size();
  return std::max<std::size_t>(count, 1);
}

void copy_row(const Matrix& from, std::size_t row, Matrix& to, std::size_t into) {
  std::copy_n(
      from.values.data() + row * from.columns, from.columns, to.values.data() + into * to.columns);
}

/// Rows of the matrix that are asked about.
Matrix asked_rows(const DependenceTask& task) {
  const std::size_t by_work =
      kPredictionsMax / (count_of_values(task) * std::max<std::size_t>(task.models, 1));
  const std::size_t count = std::min(task.rows.rows, std::clamp(by_work, kRowsMin, kRowsMax));
  Matrix asked{count, task.rows.columns, std::vector<float>(count * task.rows.columns)};
  for (std::size_t i = 0; i < count; ++i)
    copy_row(task.rows, i * task.rows.rows / count, asked, i);
  return asked;
}

void give_value(const DependenceTask& task,
                const ColumnPlace& place,
                std::size_t donor,
                Matrix& rows) {
  for (const ColumnPlace::Span& span : place.spans) {
    const float* value = task.rows.values.data() + donor * task.rows.columns + span.offset;
    for (std::size_t row = 0; row < rows.rows; ++row)
      std::copy_n(value, span.width, rows.values.data() + row * rows.columns + span.offset);
  }
}

std::vector<double> mean_of(const std::vector<float>& said, std::size_t outputs) {
  std::vector<double> mean(outputs, 0);
  for (std::size_t i = 0; i < said.size(); ++i)
    mean[i % outputs] += said[i];
  for (double& one : mean)
    one /= static_cast<double>(said.size() / outputs);
  return mean;
}

Dependence dependence_on(const DependenceTask& task,
                         const ColumnPlace& place,
                         const ColumnValues& values,
                         const Matrix& asked) {
  Dependence found{.column = values};
  if (task.outputs <= 2) found.singles.resize(std::min(asked.rows, kSingleRowsMax));
  for (const std::size_t donor : values.donors) {
    Matrix rows = asked;
    give_value(task, place, donor, rows);
    const auto said = task.predict(rows);
    found.means.push_back(mean_of(said, task.outputs));
    for (std::size_t i = 0; i < found.singles.size(); ++i) {
      const std::size_t row = i * asked.rows / found.singles.size();
      found.singles[i].push_back(said[row * task.outputs + task.outputs - 1]);
    }
  }
  return found;
}

}  // namespace

std::optional<ColumnValues> values_of(const TableColumn& column,
                                      std::span<const std::uint32_t> rows) {
  if (holds_words(column.type) || column.type == ColumnType::date) return std::nullopt;
  ColumnValues values =
      column.is_number() ? number_values(column, rows) : level_values(column, rows);
  if (values.donors.size() < 2) return std::nullopt;
  return values;
}

std::size_t dependence_rows(std::size_t rows, std::size_t width) {
  const std::size_t by_memory = kFloatsMax / std::max<std::size_t>(width, 1);
  return by_memory < kRowsMin ? 0 : std::min({rows, kMatrixRowsMax, by_memory});
}

DependenceFound dependence_of(const DependenceTask& task) {
  const Matrix asked = asked_rows(task);
  DependenceFound found{.rows = asked.rows};
  for (const auto& [place, values] : task.columns)
    found.columns.push_back(dependence_on(task, place, values, asked));
  return found;
}

}  // namespace starling::ml
