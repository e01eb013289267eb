#include "ml/table/profile.h"

#include "ml/table/cell.h"
#include "ml/table/csv_parser.h"
#include "ml/table/level_counter.h"
#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace starling::ml {
namespace {

constexpr std::uint64_t kTextLevelsMin = 50;  // more than so many different words may be text
constexpr double kTextShare = 0.1;            // ... if they are more than this share of the rows
constexpr double kIdShare = 0.95;             // so many different values and it names the row
constexpr std::uint64_t kIdRowsMin = 20;      // fewer rows say nothing about a column

std::size_t levels_per_column(std::size_t columns) {
  const std::size_t fair = kLevelsTrackedMax / std::max<std::size_t>(columns, 1);
  return std::clamp<std::size_t>(fair, 20, kDistinctExactMax);
}

}  // namespace

std::string_view to_string(ColumnType type) {
  switch (type) {
    case ColumnType::number: return "number";
    case ColumnType::category: return "category";
    case ColumnType::text: return "text";
    case ColumnType::id: return "id";
  }
  return "";
}

struct ProfileBuilder::Column {
  Column(std::string column_name, std::size_t exact_max)
      : name(std::move(column_name)), levels(exact_max) {}

  void add(std::string_view cell);
  void add_number(double number, std::string_view text);
  void become_words();
  ColumnProfile finish(std::uint64_t rows) const;
  ColumnType type(std::uint64_t present, std::uint64_t distinct) const;

  std::string name;
  std::uint64_t missing = 0;
  std::uint64_t present = 0;
  bool is_number = true;
  bool is_whole = true;
  double min = 0, max = 0, mean = 0, squares = 0;
  double last = 0;
  std::uint64_t successors = 0;  ///< cells that are the one before plus one
  LevelCounter levels;
};

void ProfileBuilder::Column::add(std::string_view cell) {
  const std::string_view text = trimmed(cell);
  if (is_missing(text)) {
    ++missing;
    return;
  }
  if (is_number) {
    if (const auto number = parse_number(text)) {
      add_number(*number, text);
      return;
    }
    become_words();
  }
  ++present;
  levels.add(hash_text(text), text);
}

void ProfileBuilder::Column::add_number(double number, std::string_view text) {
  ++present;
  if (present == 1) {
    min = max = number;
  } else {
    min = std::min(min, number);
    max = std::max(max, number);
    successors += number == last + 1 ? 1 : 0;
  }
  last = number;
  is_whole = is_whole && number == std::trunc(number);
  const double delta = number - mean;  // Welford's running mean and variance
  mean += delta / static_cast<double>(present);
  squares += delta * (number - mean);
  const bool was_exact = levels.is_exact();
  levels.add(hash_number(number), text);
  if (was_exact && !levels.is_exact()) levels.drop_levels();
}

void ProfileBuilder::Column::become_words() {
  is_number = false;
  levels.rehash_as_text();
}

ColumnType ProfileBuilder::Column::type(std::uint64_t cells, std::uint64_t distinct) const {
  const auto share = static_cast<double>(distinct) / std::max(1.0, static_cast<double>(cells));
  if (is_number && cells > 0) {
    const bool is_sequence =
        is_whole && cells >= kIdRowsMin &&
        static_cast<double>(successors + 1) > kIdShare * static_cast<double>(cells);
    return is_sequence ? ColumnType::id : ColumnType::number;
  }
  if (cells >= kIdRowsMin && share > kIdShare) return ColumnType::id;
  if (distinct > kTextLevelsMin && share > kTextShare) return ColumnType::text;
  return ColumnType::category;
}

ColumnProfile ProfileBuilder::Column::finish(std::uint64_t rows) const {
  ColumnProfile out;
  out.name = name;
  out.missing = missing;
  out.distinct = std::min(levels.distinct(), present);
  out.is_distinct_exact = levels.is_exact();
  out.type = type(rows - missing, out.distinct);
  const bool has_numbers = is_number && present > 0;
  if (has_numbers) {
    out.is_whole = is_whole;
    out.min = min;
    out.max = max;
    out.mean = mean;
    out.std = present > 1 ? std::sqrt(squares / static_cast<double>(present - 1)) : 0;
  }
  for (LevelCounter::Level& level : levels.levels()) {
    const auto number = has_numbers ? parse_number(level.text) : std::nullopt;
    out.levels.push_back({number ? number_text(*number) : level.text, level.count});
  }
  std::sort(out.levels.begin(), out.levels.end(), [](const auto& a, const auto& b) {
    return a.count != b.count ? a.count > b.count : a.value < b.value;
  });
  const std::size_t shown = out.levels.size() <= kLevelsKeptMax ? kLevelsKeptMax : kLevelsShownMax;
  if (out.levels.size() > shown) out.levels.resize(shown);
  return out;
}

namespace {

std::optional<std::string> warning_about(const ColumnProfile& column, std::uint64_t rows) {
  if (column.missing == rows) {
    return fmt::format("column \"{}\" has no values and is not used", column.name);
  }
  if (column.distinct == 1) {
    return fmt::format("column \"{}\" holds a single value and is not used", column.name);
  }
  if (column.type == ColumnType::id && !column.levels.empty() && !column.is_whole) {
    return fmt::format("column \"{}\" differs in nearly every row, like a name, and is not used",
                       column.name);
  }
  if (column.type == ColumnType::id) {
    return fmt::format("column \"{}\" looks like a row number and is not used", column.name);
  }
  if (column.type == ColumnType::text) {
    return fmt::format("column \"{}\" is text with {}{} different values and is not used",
                       column.name,
                       column.is_distinct_exact ? "" : "about ",
                       column.distinct);
  }
  if (column.missing * 2 > rows) {
    return fmt::format(
        "column \"{}\" is missing in {} of {} rows", column.name, column.missing, rows);
  }
  return std::nullopt;
}

}  // namespace

const ColumnProfile* TableProfile::find(std::string_view name) const {
  for (const ColumnProfile& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

bool is_feature(const ColumnProfile& column) {
  const bool is_usable = column.type == ColumnType::number || column.type == ColumnType::category;
  return is_usable && column.distinct >= 2;
}

ProfileBuilder::ProfileBuilder(std::vector<std::string> names) {
  const std::size_t exact_max = levels_per_column(names.size());
  columns_.reserve(names.size());
  for (std::string& name : names)
    columns_.emplace_back(std::move(name), exact_max);
}

ProfileBuilder::~ProfileBuilder() = default;
ProfileBuilder::ProfileBuilder(ProfileBuilder&&) noexcept = default;

void ProfileBuilder::add_row(std::span<const std::string_view> fields) {
  STARLING_ASSERT(fields.size() == columns_.size(), "a row has as many fields as the header");
  ++rows_;
  for (std::size_t i = 0; i < fields.size(); ++i)
    columns_[i].add(fields[i]);
}

TableProfile ProfileBuilder::finish(char delimiter) const {
  TableProfile profile;
  profile.delimiter = delimiter;
  profile.rows = rows_;
  for (const Column& column : columns_) {
    profile.columns.push_back(column.finish(rows_));
    if (auto warning = warning_about(profile.columns.back(), rows_)) {
      profile.warnings.push_back(std::move(*warning));
    }
  }
  return profile;
}

}  // namespace starling::ml
