#include "ml/search/xgboost_spec.h"

#include "ml/search/param_fields.h"

namespace starling::ml {
namespace {

const ParamFields<XgboostSpec>& fields() {
  static const ParamFields<XgboostSpec> kFields{
      {{"xgb.learning_rate", 1e-4, 1, 0, [](auto& s, double v) { s.learning_rate = v; }},
       {"xgb.max_depth", 1, 16, 1, [](auto& s, double v) { s.max_depth = std::uint32_t(v); }},
       {"xgb.min_child_weight", 0, 1000, 0, [](auto& s, double v) { s.min_child_weight = v; }},
       {"xgb.subsample", 0.1, 1, 0, [](auto& s, double v) { s.subsample = v; }},
       {"xgb.colsample_bylevel", 0.1, 1, 0, [](auto& s, double v) { s.colsample_bylevel = v; }},
       {"xgb.reg_lambda", 0, 1000, 0, [](auto& s, double v) { s.reg_lambda = v; }},
       {"xgb.reg_alpha", 0, 1000, 0, [](auto& s, double v) { s.reg_alpha = v; }},
       {"xgb.max_bin", 2, 256, 1, [](auto& s, double v) { s.max_bin = std::uint32_t(v); }}},
      {}};
  return kFields;
}

}  // namespace

Result<XgboostSpec> xgboost_spec_from(const Params& params) {
  return fields().spec_from(params);
}

}  // namespace starling::ml
