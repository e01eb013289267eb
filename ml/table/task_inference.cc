#include "ml/table/task_inference.h"

#include "ml/table/cell.h"
#include "ml/table/level_statistics.h"
#include "node/base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::ml {
namespace {

constexpr std::uint64_t kClassValuesSurely = 10;
constexpr std::uint64_t kClassValuesPerhaps = 20;
constexpr std::uint64_t kRowsPerClassPerhaps = 50;

Error refusal(std::string sentence) {
  return {Errc::invalid_argument, std::move(sentence)};
}

/// How many rows have a target that can be read.
std::uint64_t rows_with(const ColumnProfile& column, std::uint64_t rows) {
  return rows - column.missing - column.unreadable - column.infinite;
}

/// Why no task at all can have this target.
Result<> check_target(const ColumnProfile& column, std::uint64_t rows) {
  const std::uint64_t usable = rows_with(column, rows);
  const auto& name = column.name;
  if (usable == 0) return refusal(fmt::format("target \"{}\" is missing in every row", name));
  if (usable < kUsableRowsMin) {
    return refusal(fmt::format("target \"{}\" has {} row{}: at least {} are needed",
                               name,
                               usable,
                               usable == 1 ? "" : "s",
                               kUsableRowsMin));
  }
  if (column.distinct == 1) {
    const auto value = column.levels.empty() ? "" : column.levels[0].value;
    return refusal(fmt::format(
        "target \"{}\" is \"{}\" in every row: there is nothing to predict", name, value));
  }
  if (column.type == ColumnType::date) {
    return refusal(fmt::format(
        "target \"{}\" holds dates; a number, such as the days until then, can be predicted",
        name));
  }
  if (column.type == ColumnType::id) {
    return refusal(fmt::format("target \"{}\" differs in nearly every row like an id", name));
  }
  if (column.type == ColumnType::text) {
    return refusal(fmt::format(
        "target \"{}\" is text with {} different values; at most {} classes are supported",
        name,
        column.distinct,
        kClassesMax));
  }
  return {};
}

bool looks_like_classes(const ColumnProfile& column, std::uint64_t usable) {
  if (!is_numeric(column.type)) return true;
  if (!column.is_whole || column.distinct > kClassValuesPerhaps) return false;
  return column.distinct <= kClassValuesSurely || usable >= kRowsPerClassPerhaps * column.distinct;
}

bool class_before(const std::string& a, const std::string& b) {
  const auto x = parse_number(a);
  const auto y = parse_number(b);
  if (x && y && *x != *y) return *x < *y;
  return a < b;
}

/// Whether it is a class with a dot behind it.
bool is_dotted(const std::string& level, const std::vector<std::string>& classes) {
  if (!level.ends_with('.')) return false;
  return std::ranges::find(classes, level.substr(0, level.size() - 1)) != classes.end();
}

void decide_on_rare(RareClasses wanted, TaskChoice& choice) {
  const std::size_t common = choice.classes.size();
  const std::size_t all = common + choice.rare.size();
  if (wanted == RareClasses::leave_out) {
    choice.rare_reason = "one each to train, to validate and to test";
  } else if (common == 2) {
    choice.rare_reason = "beside two classes they are more likely slips";
  } else if (choice.rare.size() >= common) {
    choice.rare_reason = "as many as the other classes, they are more likely slips";
  } else if (common <= kStatisticTargetsMax && all > kStatisticTargetsMax) {
    choice.rare_reason = fmt::format(
        "with them there are more than the {} classes whose shares levels are encoded by",
        kStatisticTargetsMax);
  } else {
    choice.keeps_rare = true;
    choice.rare_reason = "too few to validate and to test with";
  }
}

Result<TaskChoice> choose_classes(const ColumnProfile& column,
                                  RareClasses rare,
                                  TaskChoice choice) {
  if (column.distinct > kClassesMax) {
    return refusal(fmt::format("target \"{}\" has {} classes; at most {} are supported",
                               column.name,
                               column.distinct,
                               kClassesMax));
  }
  if (!has_all_levels(column)) {
    return refusal(
        fmt::format("target \"{}\": of its {} classes the profile of so wide a table "
                    "holds only {}; upload it with fewer columns",
                    column.name,
                    column.distinct,
                    column.levels.size()));
  }
  for (const LevelCount& level : column.levels)
    if (level.count >= kClassRowsMin) choice.classes.push_back(level.value);
  std::uint64_t rare_rows = 0;
  for (const LevelCount& level : column.levels) {
    if (level.count >= kClassRowsMin || is_dotted(level.value, choice.classes)) continue;
    rare_rows += level.count;
    choice.rare.push_back(level.value);
  }
  if (choice.classes.size() < 2) {
    return refusal(fmt::format("target \"{}\" has fewer than two classes with at least {} rows",
                               column.name,
                               kClassRowsMin));
  }
  if (!choice.rare.empty()) decide_on_rare(rare, choice);
  if (choice.keeps_rare)
    choice.classes.insert(choice.classes.end(), choice.rare.begin(), choice.rare.end());
  else
    choice.usable_rows -= rare_rows;
  std::sort(choice.classes.begin(), choice.classes.end(), class_before);
  choice.task = choice.classes.size() == 2 ? TaskKind::binary : TaskKind::multiclass;
  choice.reason = fmt::format("\"{}\" has {} classes", column.name, choice.classes.size());
  return choice;
}

}  // namespace

std::string nearest_column(const TableProfile& profile, std::string_view name) {
  std::vector<std::string_view> names;
  for (const ColumnProfile& column : profile.columns)
    names.push_back(column.name);
  return nearest_name(name, names).value_or("");
}

Result<TaskChoice> infer_task(const TableProfile& profile,
                              std::string_view target,
                              std::optional<TaskKind> wanted,
                              RareClasses rare) {
  const ColumnProfile* column = profile.find(target);
  if (column == nullptr) {
    const std::string near = nearest_column(profile, target);
    return refusal(fmt::format("no column \"{}\" in this table{}",
                               target,
                               near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  const auto checked = check_target(*column, profile.rows);
  if (!checked) return checked.error();
  if (!std::any_of(profile.columns.begin(), profile.columns.end(), [&](const auto& other) {
        return &other != column && is_feature(other);
      })) {
    return refusal("no column beside the target can be used as a feature");
  }

  TaskChoice choice;
  choice.usable_rows = rows_with(*column, profile.rows);
  const bool is_number = is_numeric(column->type);
  if (wanted == TaskKind::regression && !is_number) {
    return refusal(fmt::format("regression needs numbers, but \"{}\" holds words", target));
  }
  const bool wants_classes =
      wanted ? *wanted != TaskKind::regression : looks_like_classes(*column, choice.usable_rows);
  if (!wants_classes) {
    choice.reason = fmt::format("\"{}\" is a number with {} values", target, column->distinct);
    return choice;
  }
  auto chosen = choose_classes(*column, rare, std::move(choice));
  if (chosen && wanted && *wanted != chosen->task) {
    return refusal(fmt::format("{} was asked for, but \"{}\" has {} classes",
                               to_string(*wanted),
                               target,
                               chosen->classes.size()));
  }
  return chosen;
}

}  // namespace starling::ml
