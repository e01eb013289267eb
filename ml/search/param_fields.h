/// How the parameters of a family are read: a table of numbers with their limits, and one of words.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/encoding_spec.h"
#include "ml/search/param_value.h"
#include "node/base/error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

template <class Spec>
struct NumberField {
  std::string name;
  double low, high;
  int step;  ///< 0: any number; else a multiple of it
  std::function<void(Spec&, double)> set;
};

template <class Spec>
struct WordField {
  std::string name;
  std::vector<std::string_view> words;
  std::function<void(Spec&, std::size_t)> set;  ///< by the place of the word
};

template <class Spec>
struct ParamFields {
  std::vector<NumberField<Spec>> numbers;
  std::vector<WordField<Spec>> words;

  /// Errors: `invalid_argument` names the parameter, its value and its limits; or says that there
  ///         is no such parameter.
  Result<> apply(const std::string& name, const ParamValue& value, Spec& spec) const;

  /// All of them but `family` and those of encoding_spec.h. Errors: as `apply`.
  /// `spec`: the defaults.
  Result<Spec> spec_from(const Params& params, Spec spec = {}) const;
};

/// NaN for a word.
inline double number_of(const ParamValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  const auto* number = std::get_if<double>(&value);
  return number == nullptr ? std::nan("") : *number;
}

template <class Spec>
Result<> apply_number(const NumberField<Spec>& field, const ParamValue& value, Spec& spec) {
  const double number = number_of(value);
  const bool fits = number >= field.low && number <= field.high;
  if (fits && (field.step == 0 || std::fmod(number, field.step) == 0)) {
    field.set(spec, number);
    return {};
  }
  const auto* text = std::get_if<std::string>(&value);
  return Error{Errc::invalid_argument,
               fmt::format("{} must be a {} from {} to {}, not {}",
                           field.name,
                           field.step == 0   ? "number"
                           : field.step == 1 ? "whole number"
                                             : fmt::format("multiple of {}", field.step),
                           field.low,
                           field.high,
                           text != nullptr ? *text : fmt::format("{}", number))};
}

template <class Spec>
Result<> apply_word(const WordField<Spec>& field, const ParamValue& value, Spec& spec) {
  const auto* text = std::get_if<std::string>(&value);
  const auto found = text == nullptr ? field.words.end() : std::ranges::find(field.words, *text);
  if (found == field.words.end()) {
    return Error{Errc::invalid_argument,
                 fmt::format("{} must be one of {}, not {}",
                             field.name,
                             fmt::join(field.words, ", "),
                             text == nullptr ? "a number" : fmt::format("\"{:.40}\"", *text))};
  }
  field.set(spec, static_cast<std::size_t>(found - field.words.begin()));
  return {};
}

template <class Spec>
Result<> ParamFields<Spec>::apply(const std::string& name,
                                  const ParamValue& value,
                                  Spec& spec) const {
  const auto word = std::ranges::find(words, name, &WordField<Spec>::name);
  if (word != words.end()) return apply_word(*word, value, spec);
  const auto number = std::ranges::find(numbers, name, &NumberField<Spec>::name);
  if (number != numbers.end()) return apply_number(*number, value, spec);
  return Error{Errc::invalid_argument, fmt::format("there is no parameter \"{}\"", name)};
}

template <class Spec>
Result<Spec> ParamFields<Spec>::spec_from(const Params& params, Spec spec) const {
  for (const auto& [name, value] : params) {
    if (name == "family" || is_encoding_param(name)) continue;
    const auto applied = apply(name, value, spec);
    if (!applied) return applied.error();
  }
  return spec;
}

}  // namespace starling::ml
