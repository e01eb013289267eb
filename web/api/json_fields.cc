#include "web/api/json_fields.h"

#include "node/base/nearest_name.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace starling::web {

namespace {

std::size_t nesting_of(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') deepest = std::max(deepest, ++depth);
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return deepest;
}

std::size_t characters_in(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string_view type_of(const Json& value) {
  if (value.is_string()) return "a text";
  if (value.is_boolean()) return "true or false";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return value.is_null() ? "null" : "a number";
}

}  // namespace

Error field_error(std::string_view field, std::string_view sentence) {
  return {Errc::invalid_argument, fmt::format("{}: {}", field, sentence)};
}

Result<ParsedJson> parse_json(std::string_view text) {
  const std::size_t depth = nesting_of(text);
  if (depth > kJsonDepthMax) {
    return Error{Errc::invalid_argument,
                 fmt::format("the JSON is nested {} deep, the limit is {}", depth, kJsonDepthMax)};
  }
  try {
    return ParsedJson{Json::parse(text)};
  } catch (const Json::parse_error& error) {
    return Error{
        Errc::invalid_argument,
        fmt::format("the body is not JSON: it breaks at byte {} of {}", error.byte, text.size())};
  } catch (const Json::exception& error) {
    return Error{Errc::invalid_argument, fmt::format("the body is not JSON: {}", error.what())};
  }
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string shown(const Json& value) {
  if (value.is_structured()) return std::string{type_of(value)};
  std::string text = dump(value);
  if (text.size() <= 40) return text;
  std::size_t end = 37;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return text.substr(0, end) + "...";
}

bool is_plain_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Result<JsonFields> JsonFields::open(const Json& object, std::span<const std::string_view> known) {
  if (!object.is_object()) {
    return Error{Errc::invalid_argument,
                 fmt::format("the body must be a JSON object, not {}", type_of(object))};
  }
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string named = shown(Json(name));
    if (const auto meant = nearest_name(name, known)) {
      return Error{Errc::invalid_argument,
                   fmt::format("no field {}; did you mean \"{}\"?", named, *meant)};
    }
    return Error{Errc::invalid_argument,
                 fmt::format("no field {}; there are: {}", named, fmt::join(known, ", "))};
  }
  return JsonFields{object};
}

const Json* JsonFields::find(std::string_view field) const {
  const auto at = object_->find(field);
  return at == object_->end() || at->is_null() ? nullptr : &*at;
}

Result<std::optional<std::uint64_t>> JsonFields::whole(std::string_view field,
                                                       std::uint64_t low,
                                                       std::uint64_t high) const {
  const Json* value = find(field);
  if (!value) return std::optional<std::uint64_t>{};
  const auto wrong = field_error(
      field, fmt::format("must be a whole number from {} to {}, not {}", low, high, shown(*value)));
  if (!value->is_number()) return wrong;
  if (value->is_number_integer()) {
    if (!value->is_number_unsigned() && value->get<std::int64_t>() < 0) return wrong;
    const auto number = value->get<std::uint64_t>();
    if (number < low || number > high) return wrong;
    return std::optional{number};
  }
  // 20.0 is what some clients make of 20. Limits are below 2^53, so the comparison is exact.
  const double number = value->get<double>();
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high))) return wrong;
  const auto whole_part = static_cast<std::uint64_t>(number);
  if (static_cast<double>(whole_part) != number) return wrong;
  return std::optional{whole_part};
}

Result<std::optional<std::string>> JsonFields::text(std::string_view field,
                                                    std::size_t characters_max) const {
  const Json* value = find(field);
  if (!value) return std::optional<std::string>{};
  if (!value->is_string()) {
    return field_error(field, fmt::format("must be a text, not {}", shown(*value)));
  }
  auto text = value->get<std::string>();
  const std::size_t characters = characters_in(text);
  if (characters > characters_max) {
    return field_error(
        field, fmt::format("has {} characters, the limit is {}", characters, characters_max));
  }
  return std::optional{std::move(text)};
}

Result<std::optional<std::string>> JsonFields::one_of(
    std::string_view field, std::span<const std::string_view> choices) const {
  const Json* value = find(field);
  if (!value) return std::optional<std::string>{};
  if (value->is_string()) {
    auto text = value->get<std::string>();
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) {
      return std::optional{std::move(text)};
    }
  }
  return field_error(
      field, fmt::format("must be one of {}, not {}", fmt::join(choices, ", "), shown(*value)));
}

}  // namespace starling::web
