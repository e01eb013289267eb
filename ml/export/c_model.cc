#include "ml/export/c_model.h"

#include <fmt/format.h>

namespace starling::ml {
namespace {

// As `scale_outputs` (ml/train/native_model.cc).
constexpr CHelper kFloat{.code = R"(
/* The most that a float can hold, if it is more. */
static float st_float(double v)
{
  const double most = 3.4028234663852886e38;
  return (float)(v > most ? most : v < -most ? -most : v);
}
)"};

// As XGBoost: the sum is a double, the rest is of floats.
constexpr CHelper kSoftmax{.code = R"(
static void st_softmax(float *y, size_t count)
{
  float most = y[0];
  double sum = 0;
  for (size_t k = 1; k < count; ++k)
    most = y[k] > most ? y[k] : most;
  for (size_t k = 0; k < count; ++k) {
    y[k] = expf(y[k] - most);
    sum += (double)y[k];
  }
  for (size_t k = 0; k < count; ++k)
    y[k] /= (float)sum;
}
)"};

}  // namespace

std::string c_model_function(const CModel& model, std::string_view lines) {
  return fmt::format(
      "static void st_model_{}(const float *x, float *y)\n{{\n{}}}\n\n", model.index, lines);
}

std::string c_units_line(const CUnits& units, CSource& source) {
  source.need(kFloat);
  const auto value =
      fmt::format("(double)y[0] * {} + {}", c_double(units.scale), c_double(units.shift));
  return fmt::format("  y[0] = st_float({});\n",
                     units.is_log ? fmt::format("expm1({})", value) : value);
}

const CHelper& c_softmax() {
  return kSoftmax;
}

Error c_model_error(const CModel& model, std::string_view why) {
  return {Errc::corrupt, fmt::format("model {} cannot be exported: {:.300}", model.index, why)};
}

}  // namespace starling::ml
