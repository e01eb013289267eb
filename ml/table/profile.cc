#include "ml/table/profile.h"

#include "ml/table/cell.h"
#include "ml/table/column_profiler.h"
#include "ml/table/row_counter.h"
#include "node/base/assert.h"
#include "node/base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <utility>

namespace starling::ml {
namespace {

constexpr std::array<std::pair<ColumnType, std::string_view>, 7> kTypes{
    {{ColumnType::number, "number"},
     {ColumnType::category, "category"},
     {ColumnType::text, "text"},
     {ColumnType::id, "id"},
     {ColumnType::integer, "integer"},
     {ColumnType::date, "date"},
     {ColumnType::boolean, "boolean"}}};

constexpr std::array<std::pair<ColumnRole, std::string_view>, 7> kRoles{
    {{ColumnRole::automatic, "auto"},
     {ColumnRole::feature, "feature"},
     {ColumnRole::ignore, "ignore"},
     {ColumnRole::id, "id"},
     {ColumnRole::group, "group"},
     {ColumnRole::time, "time"},
     {ColumnRole::weight, "weight"}}};

template <class Names, class Value>
std::string_view name_in(const Names& names, Value value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "";
}

template <class Value, class Names>
std::optional<Value> value_in(const Names& names, std::string_view wanted) {
  for (const auto& [known, name] : names) {
    if (name == wanted) return known;
  }
  return std::nullopt;
}

constexpr std::size_t kFewLevels = 20;

std::size_t levels_per_column(std::size_t columns) {
  const std::size_t fair = kLevelsTrackedMax / std::max<std::size_t>(columns, 1);
  // A target of as many classes as there may be must be counted whatever the table's width.
  return std::clamp<std::size_t>(fair, kLevelsKeptMax + 1, kDistinctExactMax);
}

std::size_t level_bytes(const ColumnProfile& column) {
  constexpr std::size_t kAround = 24;  // of each in JSON
  std::size_t bytes = 0;
  for (const LevelCount& level : column.levels)
    bytes += level.value.size() + kAround;
  return bytes;
}

/// The columns of a category that was spread over zeros and ones before always sum to one: no news.
bool is_remarkable(const Relation& relation, const TableProfile& profile) {
  const auto is_binary = [&profile](const std::string& name) {
    return profile.find(name)->distinct <= 2;
  };
  return !is_binary(relation.column) ||
         !std::all_of(relation.from.begin(), relation.from.end(), is_binary);
}

/// A table of thousands of columns would have as many sentences.
void shorten(std::vector<std::string>& warnings) {
  if (warnings.size() <= kWarningsMax) return;
  const std::size_t more = warnings.size() - kWarningsMax;
  warnings.resize(kWarningsMax);
  warnings.push_back(fmt::format("and {} more of this kind", more));
}

std::string relation_warning(const Relation& relation) {
  return fmt::format(
      "{}: if one of these columns is the target, the others tell it; give "
      "them the role ignore then",
      to_string(relation));
}

}  // namespace

std::string_view to_string(ColumnType type) {
  return name_in(kTypes, type);
}

std::string_view to_string(ColumnRole role) {
  return name_in(kRoles, role);
}

std::optional<ColumnType> type_from_name(std::string_view name) {
  return value_in<ColumnType>(kTypes, name);
}

std::optional<ColumnRole> role_from_name(std::string_view name) {
  return value_in<ColumnRole>(kRoles, name);
}

const ColumnProfile* TableProfile::find(std::string_view name) const {
  for (const ColumnProfile& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

bool has_all_levels(const ColumnProfile& column) {
  return column.is_distinct_exact && column.levels.size() == column.distinct;
}

void fit_levels(std::vector<ColumnProfile>& columns, std::size_t bytes) {
  struct Listed {
    bool is_partial;
    bool is_long_of_numbers;  // rather a quantity than classes
    std::size_t bytes;
    ColumnProfile* column;
  };

  std::vector<Listed> lists;
  for (ColumnProfile& column : columns)
    lists.push_back({!has_all_levels(column),
                     is_numeric(column.type) && column.levels.size() > kFewLevels,
                     level_bytes(column),
                     &column});
  std::stable_sort(lists.begin(), lists.end(), [](const Listed& a, const Listed& b) {
    return std::tuple{a.is_partial, a.is_long_of_numbers, a.bytes} <
           std::tuple{b.is_partial, b.is_long_of_numbers, b.bytes};
  });
  for (Listed& list : lists) {
    while (!list.column->levels.empty() && level_bytes(*list.column) > bytes)
      list.column->levels.resize(list.column->levels.size() / 2);
    bytes -= level_bytes(*list.column);
  }
}

bool is_feature(const ColumnProfile& column) {
  if (is_set_aside(column.role)) return false;
  const bool tells_by_missing = column.distinct == 1 && column.missing > 0;
  if (column.distinct < 2 && !tells_by_missing) return false;
  return column.type != ColumnType::id;
}

struct ProfileBuilder::Parts {
  Parts(const std::vector<std::string>& column_names, char decimal_mark)
      : names(column_names), decimal(decimal_mark), sample(column_names.size()) {}

  void sample_rows(const CsvBatch& batch);

  std::vector<std::string> names;
  char decimal;
  std::uint64_t rows = 0;
  std::vector<ColumnProfiler> columns;
  RowCounter different;
  RowSample sample;
  std::vector<double> row;
};

void ProfileBuilder::Parts::sample_rows(const CsvBatch& batch) {
  for (std::size_t i = 0; i < batch.rows(); ++i) {
    if (!sample.wants_next()) continue;
    row.clear();
    for (const std::string_view cell : batch.row(i)) {
      row.push_back(parse_number(cell, decimal).value_or(std::numeric_limits<double>::quiet_NaN()));
    }
    sample.add(row);
  }
}

ProfileBuilder::ProfileBuilder(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ProfileBuilder::~ProfileBuilder() = default;
ProfileBuilder::ProfileBuilder(ProfileBuilder&&) noexcept = default;
ProfileBuilder& ProfileBuilder::operator=(ProfileBuilder&&) noexcept = default;

Result<ProfileBuilder> ProfileBuilder::make(const std::vector<std::string>& names,
                                            char decimal,
                                            const std::map<std::string, ColumnChoice>& choices) {
  for (const auto& [name, choice] : choices) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::vector<std::string_view> known{names.begin(), names.end()};
    const auto near = nearest_name(name, known);
    return Error{Errc::invalid_argument,
                 fmt::format("columns: no column \"{:.80}\" in this table{}",
                             name,
                             near ? fmt::format("; did you mean \"{}\"?", *near) : "")};
  }
  auto parts = std::make_unique<Parts>(names, decimal);
  const std::size_t levels_max = levels_per_column(names.size());
  parts->columns.reserve(names.size());
  for (const std::string& name : names) {
    const auto chosen = choices.find(name);
    const ColumnChoice choice = chosen == choices.end() ? ColumnChoice{} : chosen->second;
    parts->columns.emplace_back(name, decimal, choice, levels_max);
  }
  return ProfileBuilder{std::move(parts)};
}

void ProfileBuilder::add(const CsvBatch& batch) {
  STARLING_ASSERT(batch.columns == parts_->columns.size(), "a row has as many cells as the header");
  parts_->rows += batch.rows();
  for (std::size_t i = 0; i < batch.columns; ++i)
    parts_->columns[i].add(batch, i);
  for (std::size_t i = 0; i < batch.rows(); ++i)
    parts_->different.add(batch.row(i));
  parts_->sample_rows(batch);
}

Result<TableProfile> ProfileBuilder::finish(const CsvDialect& dialect,
                                            std::vector<std::string> remarks) const {
  TableProfile profile;
  profile.dialect = dialect;
  profile.rows = parts_->rows;
  profile.warnings = std::move(remarks);
  for (const ColumnProfiler& column : parts_->columns) {
    auto finished = column.finish(parts_->rows);
    if (!finished) return finished.error();
    for (std::string& warning : column.warnings(*finished, parts_->rows))
      profile.warnings.push_back(std::move(warning));
    profile.columns.push_back(std::move(*finished));
  }
  const auto is_weight = [](const ColumnProfile& column) {
    return column.role == ColumnRole::weight;
  };
  if (std::ranges::count_if(profile.columns, is_weight) > 1)
    return Error{Errc::invalid_argument, "columns: only one can have the role weight"};
  profile.relations = find_relations(parts_->sample, parts_->names);
  for (const Relation& relation : profile.relations) {
    if (is_remarkable(relation, profile)) profile.warnings.push_back(relation_warning(relation));
  }
  profile.duplicate_rows = parts_->different.duplicates();
  if (profile.duplicate_rows > 0) {
    profile.warnings.push_back(fmt::format(
        "{}{} of {} rows equal an earlier one; equal rows stay on one side of a split by content",
        parts_->different.is_exact() ? "" : "about ",
        profile.duplicate_rows,
        profile.rows));
  }
  shorten(profile.warnings);
  return profile;
}

}  // namespace starling::ml
