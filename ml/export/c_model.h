/// What the models of an artifact have in common as C99 text, whatever they are.
///
/// Threads: none. Pure.
#pragma once

#include "ml/export/c_text.h"
#include "node/base/error.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace starling::ml {

/// One of an artifact's models. The text says it by `static void st_model_<index>(const float *x,
/// float *y)`, which sets `outputs` numbers of `y`: the target's value, or each class's chance.
struct CModel {
  std::size_t index = 0;
  std::size_t inputs = 0;   ///< floats of `x`
  std::size_t outputs = 1;  ///< the number of classes, or 1
  bool is_regression = true;
};

/// How a regression's output becomes the target's value.
struct CUnits {
  double scale = 1, shift = 0;
  bool is_log = false;  ///< of 1 + target
};

/// The function with these lines as its body.
std::string c_model_function(const CModel& model, std::string_view lines);

/// The line that brings y[0] into the target's units.
std::string c_units_line(const CUnits& units, CSource& source);

/// `static void st_softmax(float *y, size_t count)`.
const CHelper& c_softmax();

/// `corrupt`: a model that does not fit its encoder, or that cannot be understood.
Error c_model_error(const CModel& model, std::string_view why);

}  // namespace starling::ml
