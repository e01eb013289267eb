#include "ml/table/split_spec.h"

#include "ml/table/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 6> kMethods{
    "holdout", "kfold", "group", "time", "column", "datasets"};
constexpr std::array<std::string_view, 7> kFields{
    "method", "column", "train", "validation", "test", "folds", "gap"};
constexpr double kGapMax = 1e12;
constexpr std::uint32_t kFoldsDefault = 5;

Error wrong(std::string_view sentence) {
  return {Errc::invalid_argument, fmt::format("split: {}", sentence)};
}

Error wrong(std::string_view field, const Json& value, std::string_view limit) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return wrong(fmt::format("{} must be {}, not {}", field, limit, text));
}

bool is_value(const Json& json) {
  return json.is_string() && json.get_ref<const std::string&>().size() <= kSplitValueBytesMax;
}

Result<> read_values(const Json& json, std::string_view field, std::vector<std::string>& into) {
  const auto found = json.find(field);
  if (found == json.end() || found->is_null()) return {};
  const Json list = found->is_array() ? *found : Json::array({*found});
  const bool fits = list.size() <= kSplitValuesMax && std::ranges::all_of(list, is_value);
  if (!fits) {
    return wrong(field,
                 *found,
                 fmt::format("a text of at most {} bytes, or a list of at most {} of them",
                             kSplitValueBytesMax,
                             kSplitValuesMax));
  }
  into = list.get<std::vector<std::string>>();
  return {};
}

Result<> read_column(const Json& json, SplitSpec& spec) {
  const auto found = json.find("column");
  if (found == json.end() || found->is_null()) return {};
  if (!is_value(*found)) return wrong("column", *found, "the name of a column");
  spec.column = found->get<std::string>();
  return {};
}

Result<> read_folds(const Json& json, SplitSpec& spec) {
  spec.folds = spec.method == SplitMethod::kfold ? kFoldsDefault : 1;
  const auto found = json.find("folds");
  if (found == json.end() || found->is_null()) return {};
  const bool fits =
      found->is_number_unsigned() && *found >= 2 && found->get<std::uint64_t>() <= kFoldsMax;
  if (!fits) return wrong("folds", *found, fmt::format("a whole number from 2 to {}", kFoldsMax));
  spec.folds = found->get<std::uint32_t>();
  return {};
}

Result<> read_gap(const Json& json, SplitSpec& spec) {
  const auto found = json.find("gap");
  if (found == json.end() || found->is_null()) return {};
  const bool fits = found->is_number() && *found >= 0 && found->get<double>() <= kGapMax;
  if (!fits) return wrong("gap", *found, "a number from 0 to 1e12: days, or the column's unit");
  spec.gap = found->get<double>();
  return {};
}

Result<> check_fields(const Json& json) {
  if (!json.is_object()) {
    return wrong("it", json, R"(an object such as {"method":"group","column":"customer"})");
  }
  for (const auto& [name, value] : json.items()) {
    if (std::ranges::find(kFields, name) == kFields.end()) {
      return wrong(
          fmt::format("there is no field \"{:.40}\"; it has {}", name, fmt::join(kFields, ", ")));
    }
  }
  return {};
}

bool has_twice(const SplitSpec& spec) {
  std::vector<std::string> all = spec.train;
  all.insert(all.end(), spec.validation.begin(), spec.validation.end());
  all.insert(all.end(), spec.test.begin(), spec.test.end());
  std::ranges::sort(all);
  return std::ranges::adjacent_find(all) != all.end();
}

/// Fields that the method has no use for would be ignored in silence.
Result<> check_use(const SplitSpec& spec) {
  const bool is_listed = spec.method == SplitMethod::column || spec.method == SplitMethod::datasets;
  const bool has_lists = !spec.train.empty() || !spec.validation.empty() || !spec.test.empty();
  const auto unused = [&spec](std::string_view field) {
    return wrong(fmt::format("{} has no meaning for method {}", field, to_string(spec.method)));
  };
  if (has_lists && !is_listed) return unused("train, validation and test");
  if (spec.gap != 0 && spec.method != SplitMethod::time) return unused("gap");
  const bool has_column = spec.method == SplitMethod::group || spec.method == SplitMethod::time ||
                          spec.method == SplitMethod::column;
  if (!spec.column.empty() && !has_column) return unused("column");
  if (spec.folds > 1 && (spec.method == SplitMethod::holdout || spec.method == SplitMethod::time))
    return unused("folds");
  return {};
}

}  // namespace

std::string_view to_string(SplitMethod method) {
  const auto index = static_cast<std::size_t>(method);
  return index < kMethods.size() ? kMethods[index] : "unknown";
}

bool has_same_test_rows(const SplitSpec& one, const SplitSpec& other) {
  const auto is_of_content = [](const SplitSpec& spec) {
    return spec.method == SplitMethod::holdout || spec.method == SplitMethod::kfold;
  };
  if (is_of_content(one) && is_of_content(other)) return true;
  return one.method == other.method && one.column == other.column && one.test == other.test &&
         one.gap == other.gap;
}

void set_key_aside(const SplitSpec& spec, TableProfile& profile) {
  if (spec.method != SplitMethod::group && spec.method != SplitMethod::column) return;
  for (ColumnProfile& column : profile.columns) {
    if (column.name == spec.column && column.role != ColumnRole::weight)
      column.role = ColumnRole::group;
  }
}

Result<> check_split(const SplitSpec& spec) {
  if (static_cast<std::size_t>(spec.method) >= kMethods.size()) return wrong("no such method");
  if (spec.column.size() > kSplitColumnBytesMax || spec.folds < 1 || spec.folds > kFoldsMax ||
      !(spec.gap >= 0 && spec.gap <= kGapMax))
    return wrong("column, folds or gap is beyond its limits");
  for (const auto* list : {&spec.train, &spec.validation, &spec.test}) {
    const bool fits =
        list->size() <= kSplitValuesMax && std::ranges::all_of(*list, [](const std::string& value) {
          return value.size() <= kSplitValueBytesMax;
        });
    if (!fits) return wrong("a list of values is beyond its limits");
  }
  if (auto used = check_use(spec); !used) return used;
  if (has_twice(spec)) return wrong("train, validation and test must not share a value");
  if (spec.folds > 1 && !spec.validation.empty())
    return wrong("say either folds or validation: with folds every row validates once");
  if (spec.method == SplitMethod::kfold && spec.folds < 2)
    return wrong(fmt::format("folds must be from 2 to {}", kFoldsMax));
  const bool is_many = spec.validation.size() > 1 || spec.test.size() > 1 || !spec.train.empty();
  if (spec.method == SplitMethod::datasets && is_many) {
    return wrong(
        "for method datasets, test and validation are one data set each, and the study's "
        "own trains");
  }
  return {};
}

Result<std::optional<SplitSpec>> split_from_json(const Json& json) {
  if (auto fields = check_fields(json); !fields) return fields.error();
  const auto method = json.find("method");
  const bool is_said = method != json.end() && !method->is_null() && *method != "auto";
  if (!is_said) {
    if (json.size() > (method == json.end() ? 0U : 1U))
      return wrong("say the method to which the other fields belong");
    return std::optional<SplitSpec>{};
  }
  const auto known = method->is_string()
                         ? std::ranges::find(kMethods, method->get_ref<const std::string&>())
                         : kMethods.end();
  if (known == kMethods.end())
    return wrong("method", *method, fmt::format("auto, {}", fmt::join(kMethods, ", ")));
  SplitSpec spec;
  spec.method = static_cast<SplitMethod>(known - kMethods.begin());
  if (auto read = read_column(json, spec); !read) return read.error();
  if (auto read = read_values(json, "train", spec.train); !read) return read.error();
  if (auto read = read_values(json, "validation", spec.validation); !read) return read.error();
  if (auto read = read_values(json, "test", spec.test); !read) return read.error();
  if (auto read = read_folds(json, spec); !read) return read.error();
  if (auto read = read_gap(json, spec); !read) return read.error();
  if (auto fits = check_split(spec); !fits) return fits.error();
  return std::optional{std::move(spec)};
}

Json to_json(const SplitSpec& spec) {
  Json json{{"method", to_string(spec.method)}};
  if (!spec.column.empty()) json["column"] = spec.column;
  if (!spec.train.empty()) json["train"] = spec.train;
  if (!spec.validation.empty()) json["validation"] = spec.validation;
  if (!spec.test.empty()) json["test"] = spec.test;
  if (spec.folds > 1) json["folds"] = spec.folds;
  if (spec.gap != 0) json["gap"] = spec.gap;
  return json;
}

}  // namespace starling::ml
