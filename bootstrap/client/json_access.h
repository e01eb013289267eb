/// Reading JSON that another program wrote: what is absent or of another type has a fallback.
#pragma once

#include "node/base/error.h"

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace starling::bootstrap {

using Json = nlohmann::json;

/// JSON converts to anything, so a Result has to be told that this is its value.
inline Result<Json> as_result(Json json) {
  return Result<Json>(boost::system::in_place_value, std::move(json));
}

/// Null if absent, so that a chain of these never fails.
inline const Json& field(const Json& object, const char* name) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

inline std::string text_field(const Json& object, const char* name) {
  const Json& value = field(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// NaN if there is no number.
inline double number_field(const Json& object, const char* name) {
  const Json& value = field(object, name);
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

inline std::uint64_t count_field(const Json& object, const char* name) {
  const Json& value = field(object, name);
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_number()) return 0;
  const double number = value.get<double>();
  return number > 0 && number < 1e18 ? static_cast<std::uint64_t>(number) : 0;
}

}  // namespace starling::bootstrap
