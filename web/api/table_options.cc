#include "web/api/table_options.h"

#include "web/api/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace starling::web {
namespace {

constexpr std::array<std::string_view, 7> kParameters{
    "name", "delimiter", "decimal", "encoding", "header", "skip", "columns"};
constexpr std::array<std::string_view, 2> kColumnFields{"type", "role"};
constexpr std::array<std::string_view, 7> kTypes{
    "number", "integer", "category", "date", "boolean", "id", "text"};
constexpr std::array<std::string_view, 6> kRoles{
    "feature", "ignore", "id", "group", "time", "weight"};

Result<> check_parameters(const Target& target) {
  for (const auto& [name, value] : target.query) {
    if (std::ranges::find(kParameters, name) == kParameters.end()) {
      return field_error(
          name.substr(0, 40),
          fmt::format("no such parameter; they are {}", fmt::join(kParameters, ", ")));
    }
    const auto is_it = [&name = name](const auto& other) { return other.first == name; };
    if (std::ranges::count_if(target.query, is_it) > 1) return field_error(name, "is given twice");
  }
  return {};
}

Result<char> character(std::string_view field, const std::string& value) {
  if (value == "tab" || value == "\\t") return '\t';
  if (value.size() == 1) return value[0];
  return field_error(field, fmt::format("must be one character, or tab, not \"{:.40}\"", value));
}

Result<bool> truth(std::string_view field, const std::string& value) {
  if (value == "true") return true;
  if (value == "false") return false;
  return field_error(field, fmt::format("must be true or false, not \"{:.40}\"", value));
}

Result<std::uint32_t> whole(std::string_view field, const std::string& value, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = ec == std::errc{} && end == value.data() + value.size();
  if (is_number && number <= most) return number;
  return field_error(field,
                     fmt::format("must be a number from 0 to {}, not \"{:.40}\"", most, value));
}

Result<ml::ColumnChoice> choice_from(const std::string& name, const Json& value) {
  const auto wrong = [&name](const Error& error) {
    return field_error("columns", fmt::format("\"{:.80}\": {}", name, error.detail));
  };
  const auto fields = JsonFields::open(value, kColumnFields);
  if (!fields) return wrong(fields.error());
  const auto type = fields->one_of("type", kTypes);
  if (!type) return wrong(type.error());
  const auto role = fields->one_of("role", kRoles);
  if (!role) return wrong(role.error());
  ml::ColumnChoice choice;
  if (*type) choice.type = ml::type_from_name(**type);
  if (*role) choice.role = ml::role_from_name(**role).value_or(ml::ColumnRole::automatic);
  return choice;
}

Result<> read_columns(const std::string& text, ml::TableOptions& options) {
  const auto json = parse_json(text);
  if (!json || !json->value.is_object()) {
    return field_error("columns", "must be a JSON object like {\"zip\":{\"type\":\"category\"}}");
  }
  for (const auto& [name, value] : json->value.items()) {
    auto choice = choice_from(name, value);
    if (!choice) return choice.error();
    options.columns.emplace(name, *choice);
  }
  return {};
}

/// `into` becomes what `read` makes of the parameter, if there is one.
template <class Value, class Read>
Result<> take(const Target& target, std::string_view name, std::optional<Value>& into, Read read) {
  const auto given = target.find(name);
  if (!given) return {};
  auto value = read(name, *given);
  if (!value) return value.error();
  into = std::move(*value);
  return {};
}

}  // namespace

Result<ml::TableOptions> table_options_from(const Target& target) {
  if (auto ok = check_parameters(target); !ok) return ok.error();
  ml::TableOptions options;
  ml::CsvOptions& csv = options.csv;
  const auto skip = [](std::string_view field, const std::string& value) {
    return whole(field, value, ml::kCsvSkipMax);
  };
  csv.encoding = target.find("encoding");
  if (auto ok = take(target, "delimiter", csv.delimiter, character); !ok) return ok.error();
  if (auto ok = take(target, "decimal", csv.decimal, character); !ok) return ok.error();
  if (auto ok = take(target, "header", csv.has_header, truth); !ok) return ok.error();
  if (auto ok = take(target, "skip", csv.skip, skip); !ok) return ok.error();
  if (auto ok = ml::check(csv); !ok) return ok.error();
  if (const auto columns = target.find("columns")) {
    if (auto ok = read_columns(*columns, options); !ok) return ok.error();
  }
  return options;
}

}  // namespace starling::web
