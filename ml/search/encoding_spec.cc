#include "ml/search/encoding_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace starling::ml {
namespace {

constexpr std::string_view kPrefix = "encode.";
constexpr std::array<std::string_view, 3> kScalings{"robust", "standard", "quantile"};
constexpr std::array<std::string_view, 2> kTargets{"standard", "log1p"};

/// Which of `words` the parameter is.
Result<std::size_t> place_of(const std::string& name,
                             const ParamValue& value,
                             std::span<const std::string_view> words) {
  const auto* word = std::get_if<std::string>(&value);
  const auto found = word == nullptr ? words.end() : std::ranges::find(words, *word);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  return Error{Errc::invalid_argument,
               fmt::format("{} must be {}, not {}",
                           name,
                           fmt::join(words, " or "),
                           word == nullptr ? "a number" : fmt::format("\"{:.40}\"", *word))};
}

}  // namespace

bool is_encoding_param(std::string_view name) {
  return name.starts_with(kPrefix);
}

Result<EncodingSpec> encoding_spec_from(const Params& params) {
  EncodingSpec spec;
  for (const auto& [name, value] : params) {
    if (!is_encoding_param(name)) continue;
    if (name == "encode.numbers") {
      const auto place = place_of(name, value, kScalings);
      if (!place) return place.error();
      spec.numbers = static_cast<NumberScaling>(*place);
    } else if (name == "encode.target") {
      const auto place = place_of(name, value, kTargets);
      if (!place) return place.error();
      spec.has_log_target = *place == 1;
    } else {
      return Error{Errc::invalid_argument, fmt::format("there is no parameter \"{}\"", name)};
    }
  }
  return spec;
}

}  // namespace starling::ml
