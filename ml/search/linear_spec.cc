#include "ml/search/linear_spec.h"

#include "ml/search/param_fields.h"

namespace starling::ml {

Result<BaselineSpec> baseline_spec_from(const Params& params) {
  static const ParamFields<BaselineSpec> kFields{{}, {}};
  return kFields.spec_from(params);
}

Result<LinearSpec> linear_spec_from(const Params& params) {
  static const ParamFields<LinearSpec> kFields{
      {{"linear.l2", 0, 1000, 0, [](auto& s, double v) { s.l2 = v; }}}, {}};
  return kFields.spec_from(params);
}

}  // namespace starling::ml
