/// Reads the fields of one JSON object, strictly: an unknown field, a wrong type or a value out of
/// range is an error that names field, value and limit.
///
/// Errors: `invalid_argument`, the detail starting with the field's name and a colon.
/// Threads: none. Pure.
#pragma once

#include "node/base/error.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::web {

/// Keeps the order of docs/api.md.
using Json = nlohmann::ordered_json;

inline constexpr std::size_t kJsonDepthMax = 64;

/// A value of its own type: `Json` converts from and to everything, `Result` too.
struct ParsedJson {
  Json value;
};

/// Any bytes to JSON. Errors: `invalid_argument`: not JSON, or nested deeper than `kJsonDepthMax`
/// (what walks a value recursively must not be led off its stack).
Result<ParsedJson> parse_json(std::string_view text);

/// JSON text that is valid UTF-8 whatever the strings hold.
std::string dump(const Json& value);

/// At most 40 bytes of a value, for a sentence.
std::string shown(const Json& value);

/// 1 to 64 of A-Z a-z 0-9 . _ -
bool is_plain_name(std::string_view text);

class JsonFields {
 public:
  /// `object` must outlive the reader.
  static Result<JsonFields> open(const Json& object, std::span<const std::string_view> known);

  /// Nothing when the field is absent or null.
  Result<std::optional<std::uint64_t>> whole(std::string_view field,
                                             std::uint64_t low,
                                             std::uint64_t high) const;
  Result<std::optional<std::string>> text(std::string_view field, std::size_t characters_max) const;
  Result<std::optional<std::string>> one_of(std::string_view field,
                                            std::span<const std::string_view> choices) const;

  /// Nothing when absent or null; not yet looked into.
  const Json* find(std::string_view field) const;

 private:
  explicit JsonFields(const Json& object) : object_(&object) {}

  const Json* object_;
};

/// `invalid_argument` about one field: "FIELD: SENTENCE".
Error field_error(std::string_view field, std::string_view sentence);

}  // namespace starling::web
