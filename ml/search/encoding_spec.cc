#include "ml/search/encoding_spec.h"

#include "ml/search/param_fields.h"

namespace starling::ml {
namespace {

constexpr std::string_view kPrefix = "encode.";

const ParamFields<EncodingSpec>& fields() {
  static const ParamFields<EncodingSpec> kFields{
      {},
      {{"encode.numbers",
        {"robust", "standard", "quantile"},
        [](auto& s, std::size_t i) { s.numbers = static_cast<NumberScaling>(i); }},
       {"encode.target",
        {"standard", "log1p"},
        [](auto& s, std::size_t i) { s.has_log_target = i == 1; }},
       {"encode.class_weights", {"none", "balanced"}, [](auto& s, std::size_t i) {
          s.has_balanced_classes = i == 1;
        }}}};
  return kFields;
}

}  // namespace

bool is_encoding_param(std::string_view name) {
  return name.starts_with(kPrefix);
}

Result<EncodingSpec> encoding_spec_from(const Params& params) {
  EncodingSpec spec;
  for (const auto& [name, value] : params) {
    if (!is_encoding_param(name)) continue;
    const auto applied = fields().apply(name, value, spec);
    if (!applied) return applied.error();
  }
  return spec;
}

}  // namespace starling::ml
