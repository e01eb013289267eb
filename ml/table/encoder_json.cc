#include "ml/table/encoder_json.h"

#include "ml/table/text_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> kScalings{"robust", "standard", "quantile"};

Json number_json(const NumberCoding& number) {
  Json out{{"median", number.centre}, {"factor", number.factor}};
  if (number.scaling == NumberScaling::robust) return out;
  out["scaling"] = kScalings[static_cast<std::size_t>(number.scaling)];
  if (number.scaling == NumberScaling::quantile) out["quantiles"] = number.quantiles;
  return out;
}

NumberCoding number_from(const Json& json) {
  NumberCoding number;
  number.centre = json.at("median").get<double>();
  number.factor = json.at("factor").get<double>();
  const auto scaling = json.value("scaling", std::string{kScalings.front()});
  const auto known = std::ranges::find(kScalings, scaling);
  if (known == kScalings.end())
    throw std::invalid_argument(fmt::format("unknown scaling \"{:.40}\"", scaling));
  number.scaling = static_cast<NumberScaling>(known - kScalings.begin());
  if (number.scaling != NumberScaling::quantile) return number;
  number.quantiles = json.at("quantiles").get<std::vector<double>>();
  const bool fits = number.factor == 0 ||
                    (number.quantiles.size() >= 2 && number.quantiles.size() <= kQuantilesMax &&
                     std::ranges::is_sorted(number.quantiles));
  if (!fits) throw std::invalid_argument("quantiles do not rise");
  return number;
}

Json date_json(const std::string& name, const DateCoding& date) {
  Json out{{"name", name},
           {"type", "date"},
           {"day_first", date.order == DateOrder::day_first},
           {"missing_flag", date.has_flag},
           {"parts", Json::array()}};
  for (const NumberCoding& part : date.parts)
    out["parts"].push_back(number_json(part));
  return out;
}

DateCoding date_from(const Json& json) {
  DateCoding date;
  date.order = json.at("day_first").get<bool>() ? DateOrder::day_first : DateOrder::month_first;
  date.has_flag = json.at("missing_flag").get<bool>();
  if (json.at("parts").size() != kDateParts)
    throw std::invalid_argument(fmt::format("a date has not {} parts", kDateParts));
  for (std::size_t k = 0; k < kDateParts; ++k)
    date.parts[k] = number_from(json.at("parts").at(k));
  return date;
}

Json feature_json(const FeatureCoding& feature) {
  if (const auto* date = std::get_if<DateCoding>(&feature.coding))
    return date_json(feature.name, *date);
  if (const auto* number = std::get_if<NumberCoding>(&feature.coding)) {
    Json out{{"name", feature.name}, {"type", "number"}};
    out.update(number_json(*number));
    out["missing_flag"] = number->has_flag;
    return out;
  }
  if (std::holds_alternative<TextCoding>(feature.coding))
    return Json{{"name", feature.name}, {"type", "text"}, {"buckets", kTextBuckets}};
  const auto& category = std::get<CategoryCoding>(feature.coding);
  Json out{{"name", feature.name},
           {"type", "category"},
           {"levels", category.levels},
           {"other", category.has_other}};
  if (category.is_boolean) out["boolean"] = true;
  const LevelStatistics& statistics = category.statistics;
  if (statistics.width() > 0) {
    out["statistics"] = {{"targets", statistics.targets},
                         {"levels", statistics.levels},
                         {"values", statistics.values}};
  }
  return out;
}

LevelStatistics statistics_from(const Json& json) {
  LevelStatistics statistics;
  if (!json.at("targets").is_number_unsigned())
    throw std::invalid_argument("a category's targets are no number");
  statistics.targets = json.at("targets").get<std::size_t>();
  statistics.levels = json.at("levels").get<std::vector<std::string>>();
  statistics.values = json.at("values").get<std::vector<float>>();
  const bool fits =
      statistics.targets <= kStatisticTargetsMax && !statistics.levels.empty() &&
      statistics.levels.size() <= kStatisticLevelsMax &&
      std::ranges::is_sorted(statistics.levels) &&
      std::ranges::all_of(statistics.values, [](float value) { return std::isfinite(value); }) &&
      statistics.values.size() == statistics.levels.size() * statistics.width();
  if (!fits) throw std::invalid_argument("a category's statistics do not fit together");
  return statistics;
}

FeatureCoding feature_from(const Json& json) {
  FeatureCoding feature;
  feature.name = json.at("name").get<std::string>();
  const auto type = json.at("type").get<std::string>();
  if (type == "number") {
    NumberCoding number = number_from(json);
    number.has_flag = json.at("missing_flag").get<bool>();
    feature.coding = number;
  } else if (type == "category") {
    CategoryCoding category;
    category.levels = json.at("levels").get<std::vector<std::string>>();
    category.has_other = json.at("other").get<bool>();
    category.is_boolean = json.value("boolean", false);
    if (json.contains("statistics")) category.statistics = statistics_from(json.at("statistics"));
    feature.coding = std::move(category);
  } else if (type == "date") {
    feature.coding = date_from(json);
  } else if (type == "text") {
    if (json.at("buckets") != kTextBuckets)
      throw std::invalid_argument("its text has another number of buckets");
    feature.coding = TextCoding{};
  } else {
    throw std::invalid_argument(fmt::format("unknown feature type \"{}\"", type));
  }
  return feature;
}

char decimal_from(const Json& json) {
  const auto text = json.value("decimal", std::string{"."});
  if (text != "." && text != ",") throw std::invalid_argument("its decimal mark is unknown");
  return text[0];
}

Result<CellValue> cell_from(const Json& json, std::size_t row, const std::string& column) {
  if (json.is_null()) return CellValue{};
  if (json.is_string()) return CellValue{json.get<std::string>()};
  if (json.is_boolean()) return CellValue{json.get<bool>() ? "true" : "false"};
  if (json.is_number()) return CellValue{json.get<double>()};
  return Error{
      Errc::invalid_argument,
      fmt::format(
          "row {}, column \"{}\": a value is a string, a number, a boolean or null", row, column)};
}

}  // namespace

namespace {

/// A program that knows no scaling but the first would read another and predict nonsense.
bool is_of_format_1(const Encoder& encoder) {
  const auto is_robust = [](const NumberCoding& number) {
    return number.scaling == NumberScaling::robust;
  };
  return !encoder.target().is_log &&
         std::ranges::all_of(encoder.features(), [&](const FeatureCoding& feature) {
           const auto* number = std::get_if<NumberCoding>(&feature.coding);
           const auto* date = std::get_if<DateCoding>(&feature.coding);
           const auto* category = std::get_if<CategoryCoding>(&feature.coding);
           return !std::holds_alternative<TextCoding>(feature.coding) &&
                  (category == nullptr || category->statistics.width() == 0) &&
                  (number == nullptr || is_robust(*number)) &&
                  (date == nullptr || std::ranges::all_of(date->parts, is_robust));
         });
}

}  // namespace

std::string to_json(const Encoder& encoder) {
  const TargetCoding& target = encoder.target();
  Json out{
      {"format", is_of_format_1(encoder) ? 1 : 2},
      {"clip", "x / sqrt(1 + (x / 3)^2) of (value - median) * factor, unless a scaling is named"},
      {"decimal", std::string(1, encoder.decimal())},
      {"width", encoder.width()},
      {"features", Json::array()},
      {"target",
       {{"name", target.name},
        {"task", to_string(target.task)},
        {"classes", target.classes},
        {"mean", target.mean},
        {"std", target.std}}}};
  if (target.is_log) out["target"]["log1p"] = true;
  for (const FeatureCoding& feature : encoder.features()) {
    out["features"].push_back(feature_json(feature));
  }
  return out.dump(2);
}

Result<Encoder> encoder_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("format") != 1 && json.at("format") != 2)
      throw std::invalid_argument("its format is neither 1 nor 2");
    std::vector<FeatureCoding> features;
    for (const Json& feature : json.at("features"))
      features.push_back(feature_from(feature));
    const Json& given = json.at("target");
    TargetCoding target;
    target.name = given.at("name").get<std::string>();
    const auto task = task_from_name(given.at("task").get<std::string>());
    if (!task) throw std::invalid_argument("its task is unknown");
    target.task = *task;
    target.classes = given.at("classes").get<std::vector<std::string>>();
    const std::size_t classes = target.classes.size();
    const bool fits = *task == TaskKind::regression ? classes == 0
                      : *task == TaskKind::binary   ? classes == 2
                                                    : classes >= 2;
    if (!fits) throw std::invalid_argument("its classes do not fit its task");
    target.mean = given.at("mean").get<double>();
    target.std = given.at("std").get<double>();
    target.is_log = given.value("log1p", false);
    Encoder encoder{std::move(features), std::move(target), decimal_from(json)};
    if (json.at("width") != encoder.width()) throw std::invalid_argument("its width is wrong");
    return encoder;
  } catch (const std::exception& e) {
    return Error{Errc::corrupt, fmt::format("the preprocessing cannot be read: {}", e.what())};
  }
}

namespace {

std::string_view feature_type(const FeatureCoding& feature) {
  if (std::holds_alternative<DateCoding>(feature.coding)) return "date";
  if (std::holds_alternative<TextCoding>(feature.coding)) return "text";
  return std::holds_alternative<NumberCoding>(feature.coding) ? "number" : "category";
}

}  // namespace

std::string features_json(const Encoder& encoder) {
  Json out = Json::array();
  for (const FeatureCoding& feature : encoder.features()) {
    const auto* category = std::get_if<CategoryCoding>(&feature.coding);
    Json one{{"name", feature.name}, {"type", feature_type(feature)}};
    if (category != nullptr) one["levels"] = category->levels;
    out.push_back(std::move(one));
  }
  return out.dump();
}

Result<std::vector<RawRow>> rows_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Error{Errc::invalid_argument, "the rows are not valid JSON"};
  if (!json.is_array()) return Error{Errc::invalid_argument, "the rows are not a JSON array"};
  std::vector<RawRow> rows;
  for (const Json& given : json) {
    if (!given.is_object()) {
      return Error{Errc::invalid_argument, fmt::format("row {} is not an object", rows.size())};
    }
    RawRow row;
    for (const auto& [name, value] : given.items()) {
      auto cell = cell_from(value, rows.size(), name);
      if (!cell) return cell.error();
      row.emplace(name, std::move(*cell));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace starling::ml
