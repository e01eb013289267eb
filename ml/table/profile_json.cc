#include "ml/table/profile_json.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <zlib.h>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kPackedMark = '\x01';
constexpr std::size_t kPackedHead = 5;  // the mark, then the size unpacked, low byte first
constexpr std::string_view kDayFirst = "day first";
constexpr std::string_view kMonthFirst = "month first";

bool has_range(const ColumnProfile& column) {
  return is_numeric(column.type) || column.is_whole || column.type == ColumnType::date;
}

void put_range(Json& out, const ColumnProfile& column) {
  if (column.unreadable > 0) out["unreadable"] = column.unreadable;
  if (column.infinite > 0) out["infinite"] = column.infinite;
  if (column.type == ColumnType::date) {
    out["min"] = date_text(column.min);
    out["max"] = date_text(column.max);
    out["order"] = column.date_order == DateOrder::day_first ? kDayFirst : kMonthFirst;
    if (column.is_date_order_sure) out["order_sure"] = true;
    return;
  }
  out["min"] = column.min;
  out["max"] = column.max;
  out["mean"] = column.mean;
  out["std"] = column.std;
  out["whole"] = column.is_whole;
}

Json column_json(const ColumnProfile& column) {
  Json out{{"name", column.name},
           {"type", to_string(column.type)},
           {"missing", column.missing},
           {"distinct", column.distinct}};
  if (column.role != ColumnRole::automatic) out["role"] = to_string(column.role);
  if (!column.is_distinct_exact) out["exact"] = false;
  if (has_range(column)) put_range(out, column);
  out["top"] = Json::array();
  for (const LevelCount& level : column.levels) {
    out["top"].push_back(Json{{"value", level.value}, {"count", level.count}});
  }
  return out;
}

template <class Value>
Value known(std::optional<Value> value, std::string_view what, const std::string& name) {
  if (value) return *value;
  throw std::invalid_argument(fmt::format("unknown {} \"{}\"", what, name));
}

double date_from(const Json& json, const char* field) {
  const auto text = json.at(field).get<std::string>();
  const auto date = parse_date(text, DateOrder::day_first);
  if (!date) throw std::invalid_argument(fmt::format("{} is no date: {}", field, text));
  return *date;
}

void take_range(const Json& json, ColumnProfile& column) {
  column.unreadable = json.value("unreadable", std::uint64_t{0});
  column.infinite = json.value("infinite", std::uint64_t{0});
  if (column.type == ColumnType::date) {
    column.min = date_from(json, "min");
    column.max = date_from(json, "max");
    column.date_order =
        json.at("order") == kDayFirst ? DateOrder::day_first : DateOrder::month_first;
    column.is_date_order_sure = json.value("order_sure", false);
    return;
  }
  column.is_whole = json.value("whole", false);
  column.min = json.value("min", 0.0);
  column.max = json.value("max", 0.0);
  column.mean = json.value("mean", 0.0);
  column.std = json.value("std", 0.0);
}

ColumnProfile column_from(const Json& json) {
  ColumnProfile column;
  column.name = json.at("name").get<std::string>();
  const auto type = json.at("type").get<std::string>();
  column.type = known(type_from_name(type), "column type", type);
  const auto role = json.value("role", std::string{"auto"});
  column.role = known(role_from_name(role), "role", role);
  column.missing = json.at("missing").get<std::uint64_t>();
  column.distinct = json.at("distinct").get<std::uint64_t>();
  column.is_distinct_exact = json.value("exact", true);
  take_range(json, column);
  for (const Json& level : json.at("top")) {
    column.levels.push_back(
        {level.at("value").get<std::string>(), level.at("count").get<std::uint64_t>()});
  }
  return column;
}

Json dialect_json(const CsvDialect& dialect) {
  return Json{{"encoding", dialect.encoding},
              {"delimiter", std::string(1, dialect.delimiter)},
              {"decimal", std::string(1, dialect.decimal)},
              {"header", dialect.has_header},
              {"skip", dialect.skip}};
}

char character_from(const Json& json, const char* field) {
  const auto text = json.at(field).get<std::string>();
  if (text.size() != 1) throw std::invalid_argument(fmt::format("{} is not one character", field));
  return text[0];
}

CsvDialect dialect_from(const Json& json) {
  CsvDialect dialect;
  dialect.encoding = json.at("encoding").get<std::string>();
  dialect.delimiter = character_from(json, "delimiter");
  dialect.decimal = character_from(json, "decimal");
  dialect.has_header = json.at("header").get<bool>();
  dialect.skip = json.at("skip").get<std::uint32_t>();
  if (const auto ok = check(CsvOptions{dialect}); !ok)
    throw std::invalid_argument(ok.error().detail);
  return dialect;
}

Json relation_json(const Relation& relation) {
  return Json{{"column", relation.column},
              {"from", relation.from},
              {"factors", relation.factors},
              {"constant", relation.constant}};
}

Relation relation_from(const Json& json) {
  Relation relation{json.at("column").get<std::string>(),
                    json.at("from").get<std::vector<std::string>>(),
                    json.at("factors").get<std::vector<double>>(),
                    json.at("constant").get<double>()};
  if (relation.from.size() != relation.factors.size())
    throw std::invalid_argument("a relation has not one factor per column");
  return relation;
}

}  // namespace

std::string to_json(const TableProfile& profile) {
  Json out{{"rows", profile.rows},
           {"duplicate_rows", profile.duplicate_rows},
           {"csv", dialect_json(profile.dialect)}};
  if (profile.is_packed) out["gzip"] = true;
  out["columns"] = Json::array();
  for (const ColumnProfile& column : profile.columns)
    out["columns"].push_back(column_json(column));
  out["relations"] = Json::array();
  for (const Relation& relation : profile.relations)
    out["relations"].push_back(relation_json(relation));
  out["warnings"] = profile.warnings;
  // A level that was cut in the middle of a character must not make the whole profile unreadable.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

namespace {

std::string packed_if_long(const TableProfile& profile) {
  const std::string json = to_json(profile);
  if (json.size() <= kPlainProfileMax) return json;
  uLongf size = ::compressBound(json.size());
  std::string packed(kPackedHead + size, kPackedMark);
  for (std::size_t i = 1; i < kPackedHead; ++i)
    packed[i] = static_cast<char>(json.size() >> (8 * (i - 1)));
  const int code = ::compress2(reinterpret_cast<Bytef*>(packed.data() + kPackedHead),
                               &size,
                               reinterpret_cast<const Bytef*>(json.data()),
                               json.size(),
                               Z_BEST_COMPRESSION);
  STARLING_ASSERT(code == Z_OK, "there is room for the packed profile");
  packed.resize(kPackedHead + size);
  return packed;
}

}  // namespace

Result<std::string> stored_profile(TableProfile profile) {
  constexpr std::array<std::size_t, 5> kLevelBytes{4 << 20, 1 << 20, 256 << 10, 64 << 10, 0};
  for (const std::size_t level_bytes : kLevelBytes) {
    fit_levels(profile.columns, level_bytes);
    std::string stored = packed_if_long(profile);
    if (stored.size() <= kStoredProfileMax) return stored;
  }
  profile.relations.clear();
  profile.warnings = {"this table is so wide that its levels and warnings are left out"};
  std::string stored = packed_if_long(profile);
  if (stored.size() <= kStoredProfileMax) return stored;
  return Error{
      Errc::too_large,
      fmt::format("the profile of {} columns takes {} bytes, packed; at most {}: leave out "
                  "columns, or shorten their names",
                  profile.columns.size(),
                  stored.size(),
                  kStoredProfileMax)};
}

bool is_packed_profile(std::string_view stored) {
  return stored.starts_with(kPackedMark);
}

Result<std::string> profile_text(std::string_view stored) {
  if (!is_packed_profile(stored)) return std::string{stored};
  std::size_t bytes = 0;
  for (std::size_t i = 1; i < std::min(kPackedHead, stored.size()); ++i)
    bytes |= std::size_t{static_cast<unsigned char>(stored[i])} << (8 * (i - 1));
  const Error damaged{Errc::corrupt, "the stored profile cannot be unpacked"};
  if (stored.size() < kPackedHead || bytes > kProfileBytesMax) return damaged;
  std::string json(bytes, '\0');
  uLongf size = bytes;
  const int code = ::uncompress(reinterpret_cast<Bytef*>(json.data()),
                                &size,
                                reinterpret_cast<const Bytef*>(stored.data() + kPackedHead),
                                stored.size() - kPackedHead);
  if (code != Z_OK || size != bytes) return damaged;
  return json;
}

Result<TableProfile> profile_from_stored(std::string_view stored) {
  const auto json = profile_text(stored);
  if (!json) return json.error();
  return profile_from_json(*json);
}

Result<TableProfile> profile_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    TableProfile profile;
    profile.rows = json.at("rows").get<std::uint64_t>();
    profile.is_packed = json.value("gzip", false);
    profile.duplicate_rows = json.value("duplicate_rows", std::uint64_t{0});
    // Profiles that were stored before there were dialects know their delimiter only.
    if (json.contains("csv"))
      profile.dialect = dialect_from(json.at("csv"));
    else
      profile.dialect.delimiter = character_from(json, "delimiter");
    for (const Json& column : json.at("columns"))
      profile.columns.push_back(column_from(column));
    for (const Json& relation : json.value("relations", Json::array()))
      profile.relations.push_back(relation_from(relation));
    profile.warnings = json.at("warnings").get<std::vector<std::string>>();
    return profile;
  } catch (const std::exception& e) {
    return Error{Errc::corrupt, fmt::format("the stored profile cannot be read: {}", e.what())};
  }
}

}  // namespace starling::ml
