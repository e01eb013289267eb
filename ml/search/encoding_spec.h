/// What a trial's parameters say of how rows are encoded.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/param_value.h"
#include "node/base/error.h"

#include <cstdint>

namespace starling::ml {

/// How numbers become numbers that networks take (ml/table/number_coding.h).
enum class NumberScaling : std::uint8_t { robust, standard, quantile };

/// The parameters `encode.*` of a trial.
struct EncodingSpec {
  NumberScaling numbers = NumberScaling::robust;
  bool has_log_target = false;        ///< regression: learn log(1 + target)
  bool has_balanced_classes = false;  ///< rows count for more, the fewer their class has

  friend bool operator==(const EncodingSpec&, const EncodingSpec&) = default;
};

/// Whether it is one of those: no network knows it.
bool is_encoding_param(std::string_view name);

/// `encode.numbers`: robust, standard or quantile; `encode.target`: standard or log1p;
/// `encode.class_weights`: none or balanced. A parameter that is absent keeps its default; all
/// others are left to the trial's family.
/// Errors: `invalid_argument` names the parameter, its value and what it may be.
Result<EncodingSpec> encoding_spec_from(const Params& params);

}  // namespace starling::ml
