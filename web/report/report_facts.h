/// What a report page is told, and how it is read: any part may be missing or of another kind than
/// expected, which is answered with nothing. No reader here throws.
///
/// Threads: none. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace starling::web {

using Json = nlohmann::ordered_json;

/// The answers of the API (docs/api.md); null where there is none.
struct ReportFacts {
  Json study = nullptr;    ///< GET /studies/{id}
  Json report = nullptr;   ///< GET /studies/{id}/report
  Json trials = nullptr;   ///< the array of GET /studies/{id}/trials
  Json dataset = nullptr;  ///< GET /datasets/{id}; null: it was removed
  std::string generated;   ///< when, as people write it
};

/// Names of fields, from the outermost on.
using JsonPath = std::initializer_list<std::string_view>;

/// Null, for ever.
const Json& no_part();

/// Null where the path leads nowhere. What is returned lives as long as `json`, or for ever.
const Json& part_at(const Json& json, JsonPath path);

/// Finite numbers only.
std::optional<double> number_at(const Json& json, JsonPath path);

/// Of a number that is not negative: its whole part.
std::optional<std::uint64_t> count_at(const Json& json, JsonPath path);

/// Empty where there is no text. Any bytes: what is shown goes through `html_escaped`.
std::string text_at(const Json& json, JsonPath path);

/// False where there is neither true nor false.
bool flag_at(const Json& json, JsonPath path);

/// Empty where there is no array.
const Json& list_at(const Json& json, JsonPath path);

/// The trial with that number in `facts.trials`; null if there is none.
const Json& trial_at(const ReportFacts& facts, std::uint64_t number);

}  // namespace starling::web
