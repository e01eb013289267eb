#include "ml/study/split_plan.h"

#include "ml/table/cell.h"
#include "ml/table/column_store.h"
#include "ml/table/profile_json.h"
#include "ml/table/text_decoder.h"

#include <boost/algorithm/string/case_conv.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

namespace starling::ml {
namespace {

constexpr std::array<std::string_view, 2> kTrainWords{"train", "training"};
constexpr std::array<std::string_view, 4> kValidationWords{"val", "valid", "validation", "dev"};
constexpr std::array<std::string_view, 2> kTestWords{"test", "testing"};

Error wrong(std::string_view sentence) {
  return {Errc::invalid_argument, fmt::format("split: {}", sentence)};
}

const ColumnProfile* column_with(const TableProfile& profile, ColumnRole role) {
  const auto found = std::ranges::find(profile.columns, role, &ColumnProfile::role);
  return found == profile.columns.end() ? nullptr : &*found;
}

/// What the owner's roles say.
SplitSpec split_by_roles(const TableProfile& profile, std::string_view target) {
  SplitSpec spec;
  const auto* group = column_with(profile, ColumnRole::group);
  const auto* time = column_with(profile, ColumnRole::time);
  if (group != nullptr && group->name != target)
    spec.method = SplitMethod::group;
  else if (time != nullptr && time->name != target)
    spec.method = SplitMethod::time;
  return spec;
}

Result<const ColumnProfile*> column_of(SplitSpec& spec,
                                       const TableProfile& profile,
                                       std::string_view target) {
  if (spec.column.empty()) {
    const auto* by_role =
        spec.method == SplitMethod::group  ? column_with(profile, ColumnRole::group)
        : spec.method == SplitMethod::time ? column_with(profile, ColumnRole::time)
                                           : nullptr;
    if (by_role == nullptr)
      return wrong(fmt::format("method {} needs a column", to_string(spec.method)));
    spec.column = by_role->name;
  }
  const ColumnProfile* column = profile.find(spec.column);
  if (column == nullptr)
    return wrong(fmt::format("there is no column \"{:.60}\" in this table", spec.column));
  if (spec.column == target)
    return wrong(fmt::format("column \"{}\" is the target; it cannot divide the rows", target));
  if (column->distinct == 0)
    return wrong(fmt::format("column \"{}\" holds no value at all", spec.column));
  return column;
}

Result<> check_time(const ColumnProfile& column) {
  if (holds_numbers(column.type)) return {};
  return wrong(fmt::format(
      "column \"{}\" is {}, and time needs date, number or integer; if it is one, say so when the "
      "table is uploaded (--type \"{}={}\")",
      column.name,
      to_string(column.type),
      column.name,
      column.type == ColumnType::id ? "integer" : "date"));
}

/// Whether each cell names its group or part, so that rows that belong together are seen to.
Result<> check_names(const ColumnProfile& column) {
  const std::uint64_t unreadable = column.unreadable + column.infinite;
  if (unreadable > 0) {
    return wrong(fmt::format(
        "column \"{0}\" is {1}, and {2} of its cells cannot be read so; say when the table is "
        "uploaded that it is words (--type \"{0}=category\")",
        column.name,
        to_string(column.type),
        unreadable));
  }
  if (!holds_levels(column.type)) return {};
  if (column.distinct < kStoredLevelsMax - 1) return {};
  return wrong(fmt::format(
      "column \"{0}\" has {1} values, too many for a category; say when the table is uploaded that "
      "it names rows (--type \"{0}=id\")",
      column.name,
      column.distinct));
}

Result<> check_groups(const ColumnProfile& column, std::uint32_t folds) {
  const std::uint64_t parts = folds > 1 ? folds + 1 : 3;
  if (column.missing > 0 || column.distinct >= parts) return {};
  return wrong(fmt::format("column \"{}\" has {} values, and groups are needed for {} parts",
                           column.name,
                           column.distinct,
                           parts));
}

/// "train (13209), val (3303)" and that there are more.
std::string held_by(const ColumnProfile& column) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(column.levels.size(), kShown); ++i)
    text += fmt::format(
        "{}{:.40} ({})", i == 0 ? "" : ", ", column.levels[i].value, column.levels[i].count);
  return column.distinct > kShown ? text + ", ..." : text;
}

std::vector<std::string> known_words(const ColumnProfile& column,
                                     std::span<const std::string_view> words) {
  std::vector<std::string> found;
  for (const LevelCount& level : column.levels) {
    if (std::ranges::find(words, boost::algorithm::to_lower_copy(level.value)) != words.end())
      found.push_back(level.value);
  }
  return found;
}

/// Whether a value is none of the column's, as far as they are known.
bool is_unknown(const ColumnProfile& column, const std::string& value, char decimal) {
  if (!has_all_levels(column)) return false;
  const auto number = is_numeric(column.type) ? parse_number(value, decimal) : std::nullopt;
  const std::string_view start = utf8_prefix(value, kLevelTextBytesMax);
  return std::ranges::none_of(column.levels, [&](const LevelCount& level) {
    return level.value == start || (number && parse_number(level.value, decimal) == number);
  });
}

Result<> complete_values(SplitSpec& spec, const ColumnProfile& column, char decimal) {
  if (column.type == ColumnType::date) {
    return wrong(
        fmt::format("column \"{}\" holds dates; divide by them with method time", column.name));
  }
  if (spec.train.empty() && spec.validation.empty() && spec.test.empty()) {
    spec.train = known_words(column, kTrainWords);
    auto validation = known_words(column, kValidationWords);
    if (spec.folds == 1)
      spec.validation = std::move(validation);
    else
      spec.train.insert(spec.train.end(), validation.begin(), validation.end());
    spec.test = known_words(column, kTestWords);
    if (spec.train.empty() || spec.test.empty()) {
      return wrong(fmt::format("say which values of \"{}\" train, validate and test; it holds {}",
                               column.name,
                               held_by(column)));
    }
  }
  if (spec.test.empty()) {
    return wrong(
        fmt::format("say which values of \"{}\" test; it holds {}", column.name, held_by(column)));
  }
  for (const auto* list : {&spec.train, &spec.validation, &spec.test}) {
    for (const std::string& value : *list) {
      if (is_unknown(column, value, decimal)) {
        return wrong(fmt::format("\"{:.60}\" is no value of \"{}\", which holds {}",
                                 value,
                                 column.name,
                                 held_by(column)));
      }
    }
  }
  return {};
}

Result<> check_dataset(const Dataset& dataset,
                       const TableProfile& study_profile,
                       std::string_view target) {
  const auto profile = profile_from_stored(dataset.profile);
  if (!profile) return profile.error();
  for (const ColumnProfile& column : study_profile.columns) {
    const bool is_needed = column.name == target || is_feature(column);
    if (is_needed && profile->find(column.name) == nullptr) {
      return wrong(fmt::format("data set \"{}\" has no column \"{}\", which the study's own has",
                               dataset.name,
                               column.name));
    }
  }
  return {};
}

/// The final model learns from the rows that validate: they must say what they count, too.
Result<> check_weights(const Dataset& dataset, const TableProfile& study_profile) {
  const auto* weight = column_with(study_profile, ColumnRole::weight);
  if (weight == nullptr) return {};
  const auto profile = profile_from_stored(dataset.profile);
  if (!profile) return profile.error();
  const ColumnProfile* column = profile->find(weight->name);
  const bool is_number = column != nullptr && column->type != ColumnType::date &&
                         column->missing + column->unreadable + column->infinite == 0 &&
                         (is_numeric(column->type) || column->is_whole) && column->min >= 0;
  if (is_number) return {};
  return wrong(
      fmt::format("data set \"{}\" does not say in numbers of 0 or more what its rows count "
                  "(column \"{}\")",
                  dataset.name,
                  weight->name));
}

Result<> complete_datasets(SplitSpec& spec,
                           const Dataset& own,
                           const TableProfile& profile,
                           std::string_view target,
                           const FindDataset& find) {
  std::vector<Dataset> used{own};
  if (spec.test.empty()) return wrong("say which data set tests: {\"test\":\"d-...\"}");
  for (auto* list : {&spec.validation, &spec.test}) {
    for (std::string& id : *list) {
      const auto dataset = find(id);
      if (!dataset) return wrong(dataset.error().detail);
      if (std::ranges::find(used, dataset->blob, &Dataset::blob) != used.end()) {
        return wrong(
            fmt::format("data set \"{}\" holds the same rows as another part", dataset->name));
      }
      if (auto fits = check_dataset(*dataset, profile, target); !fits) return fits;
      if (list == &spec.validation) {
        if (auto fits = check_weights(*dataset, profile); !fits) return fits;
      }
      used.push_back(*dataset);
      id = dataset->id;
    }
  }
  return {};
}

}  // namespace

Result<SplitSpec> complete_split(const std::optional<SplitSpec>& asked,
                                 const Dataset& dataset,
                                 const TableProfile& profile,
                                 std::string_view target,
                                 const FindDataset& find) {
  SplitSpec spec = asked.value_or(split_by_roles(profile, target));
  if (auto ok = check_split(spec); !ok) return ok.error();
  if (spec.method == SplitMethod::holdout || spec.method == SplitMethod::kfold) return spec;
  if (spec.method == SplitMethod::datasets) {
    if (auto ok = complete_datasets(spec, dataset, profile, target, find); !ok) return ok.error();
    return spec;
  }
  const auto column = column_of(spec, profile, target);
  if (!column) return column.error();
  const bool is_time = spec.method == SplitMethod::time;
  if (auto ok = is_time ? check_time(**column) : check_names(**column); !ok) return ok.error();
  if (spec.method == SplitMethod::group) {
    if (auto ok = check_groups(**column, spec.folds); !ok) return ok.error();
  }
  if (spec.method == SplitMethod::column) {
    if (auto ok = complete_values(spec, **column, profile.dialect.decimal); !ok) return ok.error();
  }
  if (auto ok = check_split(spec); !ok) return ok.error();
  return spec;
}

}  // namespace starling::ml
