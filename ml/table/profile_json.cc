#include "ml/table/profile_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

Json column_json(const ColumnProfile& column) {
  Json out{{"name", column.name},
           {"type", to_string(column.type)},
           {"missing", column.missing},
           {"distinct", column.distinct}};
  if (!column.is_distinct_exact) out["exact"] = false;
  if (column.type == ColumnType::number || column.is_whole) {
    out["min"] = column.min;
    out["max"] = column.max;
    out["mean"] = column.mean;
    out["std"] = column.std;
    out["whole"] = column.is_whole;
  }
  out["top"] = Json::array();
  for (const LevelCount& level : column.levels) {
    out["top"].push_back(Json{{"value", level.value}, {"count", level.count}});
  }
  return out;
}

ColumnType type_from(const std::string& name) {
  for (const auto type :
       {ColumnType::number, ColumnType::category, ColumnType::text, ColumnType::id}) {
    if (to_string(type) == name) return type;
  }
  throw std::invalid_argument(fmt::format("unknown column type \"{}\"", name));
}

ColumnProfile column_from(const Json& json) {
  ColumnProfile column;
  column.name = json.at("name").get<std::string>();
  column.type = type_from(json.at("type").get<std::string>());
  column.missing = json.at("missing").get<std::uint64_t>();
  column.distinct = json.at("distinct").get<std::uint64_t>();
  column.is_distinct_exact = json.value("exact", true);
  column.is_whole = json.value("whole", false);
  column.min = json.value("min", 0.0);
  column.max = json.value("max", 0.0);
  column.mean = json.value("mean", 0.0);
  column.std = json.value("std", 0.0);
  for (const Json& level : json.at("top")) {
    column.levels.push_back(
        {level.at("value").get<std::string>(), level.at("count").get<std::uint64_t>()});
  }
  return column;
}

}  // namespace

std::string to_json(const TableProfile& profile) {
  Json out{{"rows", profile.rows}, {"delimiter", std::string(1, profile.delimiter)}};
  out["columns"] = Json::array();
  for (const ColumnProfile& column : profile.columns)
    out["columns"].push_back(column_json(column));
  out["warnings"] = profile.warnings;
  // A level that was cut in the middle of a character must not make the whole profile unreadable.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<TableProfile> profile_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    TableProfile profile;
    profile.rows = json.at("rows").get<std::uint64_t>();
    const auto delimiter = json.at("delimiter").get<std::string>();
    if (delimiter.size() != 1) throw std::invalid_argument("the delimiter is not one character");
    profile.delimiter = delimiter[0];
    for (const Json& column : json.at("columns"))
      profile.columns.push_back(column_from(column));
    profile.warnings = json.at("warnings").get<std::vector<std::string>>();
    return profile;
  } catch (const std::exception& e) {
    return Error{Errc::corrupt, fmt::format("the stored profile cannot be read: {}", e.what())};
  }
}

}  // namespace starling::ml
