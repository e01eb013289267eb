#include "ml/export/c_source.h"

#include "ml/export/c_encoding.h"
#include "ml/export/c_model.h"
#include "ml/export/c_network.h"
#include "ml/export/c_trees.h"
#include "node/base/assert.h"
#include "node/base/durable_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <vector>

namespace starling::ml {
namespace {

/// A file that is larger makes no text of `kCSourceBytesMax`: a float takes 4 bytes of it and 11
/// of the text, a node of a tree about 55 and 19.
constexpr std::size_t kModelBytesMax = 64 << 20;

// --- what the text says for all models -----------------------------------------------------------

constexpr std::string_view kAbout =
    R"(/* A model that predicts {0} of a row: C99, with nothing but the standard library. Written by
 * Starling.
 *
 *   struct starling_row row = {{...}};  every field set: NAN or NULL where a value is missing
 *   double out[STARLING_OUTPUTS];
 *   if (starling_predict(&row, out) == 0) ...
 *
 * It has no state and allocates nothing: any number of threads may call it at once. A call takes
 * about {1} KiB of stack. Compile this file on its own; where it is used, define
 * STARLING_INTERFACE_ONLY before it is included. */
)";

constexpr std::string_view kOpening = R"(#ifndef STARLING_MODEL
#define STARLING_MODEL

#include <math.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

)";

/// {}: what `out` becomes, and what else is returned.
constexpr std::string_view kPredictPromise =
    R"(/* {}
 * Returns 0; or, with out as it was, 1 if row or out is NULL{}. */
int starling_predict(const struct starling_row *row, double out[STARLING_OUTPUTS]);
)";

constexpr std::string_view kClassesPromise = R"(
extern const char *const starling_class_names[STARLING_OUTPUTS];

/* The place in starling_class_names of the class to say{}; -1 if chances is NULL. */
int starling_class(const double chances[STARLING_OUTPUTS]);
)";

constexpr std::string_view kIntervalPromise = R"(
/* From where to where the truth lies with a chance of {}, where `said` was predicted. */
void starling_interval(double said, double *lo, double *hi);
)";

constexpr std::string_view kImplementation = R"(
#ifdef __cplusplus
}
#endif

#endif

#ifndef STARLING_INTERFACE_ONLY

#include <string.h>

#ifdef __FAST_MATH__
#error "-ffast-math cannot tell what is missing"
#endif
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

)";

constexpr std::string_view kEnd = "#endif\n";

// As `apply_temperature` (ml/ensemble/calibration.cc).
constexpr CHelper kTemper{.code = R"(
static double st_log(double chance)
{
  return log(chance < 1e-7 ? 1e-7 : chance > 1 ? 1 : chance);
}

/* softmax(log p / temperature) */
static void st_temper(double *p, int count, double temperature)
{
  double most = p[0], sum = 0;
  for (int k = 1; k < count; ++k)
    most = p[k] > most ? p[k] : most;
  most = st_log(most);
  for (int k = 0; k < count; ++k) {
    p[k] = exp((st_log(p[k]) - most) / temperature);
    sum += p[k];
  }
  for (int k = 0; k < count; ++k)
    p[k] /= sum;
}
)"};

constexpr CHelper kWeigh{.code = R"(
static void st_weigh(double weight, const float *y, double *sums, int count)
{
  for (int k = 0; k < count; ++k)
    sums[k] += weight * (double)y[k];
}
)"};

/// {}: count, knots, sizes, quantile.
constexpr std::string_view kInterval =
    R"(void starling_interval(double said, double *lo, double *hi)
{{
  const int count = {0};
  const double *const at = {1}, *const size = {2};
  double usual, part;
  int k = 0;
  while (k < count && !(said < at[k]))
    ++k;
  if (k == 0 || k == count) {{
    usual = size[k == 0 ? 0 : count - 1];
  }} else {{
    part = (said - at[k - 1]) / (at[k] - at[k - 1]);
    usual = size[k - 1] * (1 - part) + size[k] * part;
  }}
  if (lo != NULL) *lo = said - {3} * usual;
  if (hi != NULL) *hi = said + {3} * usual;
}}

)";

constexpr std::string_view kLikeliest =
    R"(int starling_class(const double chances[STARLING_OUTPUTS])
{
  int best = 0;
  if (chances == NULL) return -1;
  for (int k = 1; k < STARLING_OUTPUTS; ++k)
    if (chances[k] > chances[best]) best = k;
  return best;
}

)";

constexpr std::string_view kByThreshold =
    R"(int starling_class(const double chances[STARLING_OUTPUTS])
{{
  if (chances == NULL) return -1;
  return chances[1] >= {} ? 1 : 0;
}}

)";

/// {}: the table of factors.
constexpr std::string_view kByFactors =
    R"(int starling_class(const double chances[STARLING_OUTPUTS])
{{
  const double *const factors = {};
  int best = 0;
  if (chances == NULL) return -1;
  for (int k = 1; k < STARLING_OUTPUTS; ++k)
    if (chances[k] * factors[k] > chances[best] * factors[best]) best = k;
  return best;
}}

)";

// --- one artifact --------------------------------------------------------------------------------

class Exporter {
 public:
  explicit Exporter(const Artifact& artifact)
      : artifact_(artifact), target_(artifact.encoders.front().target()) {
    for (const Encoder& encoder : artifact.encoders) {
      from_.push_back(width_);
      width_ += encoder.width();
    }
  }

  Result<std::string> text() {
    auto columns = c_columns(artifact_.encoders);
    if (!columns) return columns.error();
    for (const std::string& name : target_.classes)
      if (auto checked = check_c_string("there is a class", name); !checked) return checked.error();
    for (std::size_t i = 0; i < artifact_.encoders.size(); ++i)
      write_encoder(artifact_.encoders[i], i, *columns, source_);
    for (std::size_t i = 0; i < artifact_.members.size(); ++i)
      if (auto written = write_model(i); !written) return written.error();
    write_predict();
    write_finish();
    return checked(interface(*columns) + std::string{kImplementation} + source_.text() +
                   std::string{kEnd});
  }

 private:
  bool has_classes() const { return !target_.classes.empty(); }

  std::size_t outputs() const { return std::max<std::size_t>(1, target_.classes.size()); }

  Error too_large(std::string_view words, std::size_t bytes) const {
    return {Errc::too_large,
            fmt::format("{} {} bytes, and C is exported up to {}: export a refit of one trial, or "
                        "the smallest candidate",
                        words,
                        bytes,
                        kCSourceBytesMax)};
  }

  Result<std::string> checked(std::string text) const {
    if (text.size() <= kCSourceBytesMax) return text;
    return too_large("the model as C takes", text.size());
  }

  /// What is too large by far is not read, nor written on.
  Result<std::string> read_model(const std::filesystem::path& path) const {
    std::error_code failed;
    const auto size = std::filesystem::file_size(path, failed);
    if (!failed && size > kModelBytesMax) return too_large("a file of the model has", size);
    if (source_.size() > kModelBytesMax)
      return too_large("the model as C takes more than", source_.size());
    return read_file(path);
  }

  Result<> write_model(std::size_t index) {
    const Artifact::Member& member = artifact_.members[index];
    const auto bytes = read_model(member.model);
    if (!bytes) return bytes.error();
    const CModel model{index,
                       artifact_.encoders[member.encoder].width(),
                       outputs(),
                       target_.task == TaskKind::regression};
    if (is_tree_model(*bytes)) return write_trees(*bytes, model, source_);
    if (!is_native_model(*bytes)) {
      return Error{Errc::unsupported,
                   fmt::format("model {} is a network by LibTorch, and C is exported of those by "
                               "the own engine: train with mlp.engine native",
                               index)};
    }
    const auto network = read_native_model(*bytes);
    if (!network) return network.error();
    const auto stack = write_network(*network, model, source_);
    if (!stack) return stack.error();
    stack_ = std::max(stack_, *stack);
    return {};
  }

  /// Where a row begins as that encoder encodes it.
  std::string part(std::size_t encoder) const {
    return from_[encoder] == 0 ? "x" : fmt::format("x + {}", from_[encoder]);
  }

  /// As the predictor: all encoders, then the models, their mean as floats, then the finish.
  void write_predict() {
    const bool is_bag = artifact_.members.size() > 1;
    std::string lines =
        fmt::format("  float x[{}], y[STARLING_OUTPUTS];\n", std::max<std::size_t>(1, width_));
    if (is_bag) lines += "  double sums[STARLING_OUTPUTS] = {0};\n";
    lines += "  if (row == NULL || out == NULL) return 1;\n  memset(x, 0, sizeof x);\n";
    for (std::size_t i = 0; i < from_.size(); ++i)
      lines += fmt::format("  if (st_encode_{}(row, {}) != 0) return 2;\n", i, part(i));
    if (is_bag) source_.need(kWeigh);
    for (std::size_t i = 0; i < artifact_.members.size(); ++i) {
      const Artifact::Member& member = artifact_.members[i];
      lines += fmt::format("  st_model_{}({}, y);\n", i, part(member.encoder));
      if (!is_bag) continue;
      lines += fmt::format("  st_weigh({}, y, sums, STARLING_OUTPUTS);\n", c_double(member.weight));
    }
    lines += fmt::format("  for (int k = 0; k < STARLING_OUTPUTS; ++k)\n    out[k] = (double){};\n",
                         is_bag ? "(float)sums[k]" : "y[k]");
    if (has_classes() && artifact_.finish.temperature != 1) {
      source_.need(kTemper);
      lines += fmt::format("  st_temper(out, STARLING_OUTPUTS, {});\n",
                           c_double(artifact_.finish.temperature));
    }
    source_.add(
        fmt::format("int starling_predict(const struct starling_row *row, double "
                    "out[STARLING_OUTPUTS])\n{{\n{}  return 0;\n}}\n\n",
                    lines));
  }

  void write_finish() {
    if (has_classes()) write_classes();
    if (!artifact_.finish.conformal || has_classes()) return;
    const Conformal& conformal = *artifact_.finish.conformal;
    const auto knots = source_.table("knots", "double", c_doubles(conformal.at));
    const auto sizes = source_.table("sizes", "double", c_doubles(conformal.size));
    source_.add(
        fmt::format(kInterval, conformal.at.size(), knots, sizes, c_double(conformal.quantile)));
  }

  void write_classes() {
    std::string names;
    for (const std::string& name : target_.classes)
      names += fmt::format("{}\n  {}", names.empty() ? "" : ",", c_string(name));
    source_.add(fmt::format(
        "const char *const starling_class_names[STARLING_OUTPUTS] = {{{}}};\n\n", names));
    if (is_likeliest()) {
      source_.add(std::string{kLikeliest});
    } else if (outputs() == 2) {
      source_.add(fmt::format(kByThreshold, c_double(artifact_.finish.rule.threshold)));
    } else {
      const auto& factors = artifact_.finish.rule.factors;
      source_.add(fmt::format(kByFactors, source_.table("factors", "double", c_doubles(factors))));
    }
  }

  bool is_likeliest() const {
    const ClassRule& rule = artifact_.finish.rule;
    return outputs() == 2 ? rule.threshold == 0.5 : rule.factors.empty();
  }

  std::string interface(const std::vector<CColumn>& columns) const {
    const std::size_t stack =
        stack_ + (width_ + outputs()) * sizeof(float) + 2 * outputs() * sizeof(double);
    std::string text = fmt::format(kAbout, c_string(target_.name), stack / 1024 + 1);
    text += kOpening;
    text += fmt::format("struct starling_row {{\n{}}};\n\n", c_row_fields(columns));
    text += fmt::format("#define STARLING_OUTPUTS {}\n\n", outputs());
    text += fmt::format(
        kPredictPromise,
        has_classes() ? "out[k] becomes the chance of class k of starling_class_names."
                      : "out[0] becomes the number that is predicted.",
        has_dates(columns) ? ",\n * and 2 if a date is not within the years 1 to 9999" : "");
    if (has_classes()) {
      text += fmt::format(kClassesPromise, is_likeliest() ? ": the likeliest" : "");
    } else if (artifact_.finish.conformal) {
      text += fmt::format(kIntervalPromise, artifact_.finish.conformal->level);
    }
    return text;
  }

  static bool has_dates(const std::vector<CColumn>& columns) {
    return std::ranges::find(columns, CColumn::Kind::date, &CColumn::kind) != columns.end();
  }

  const Artifact& artifact_;
  const TargetCoding& target_;
  CSource source_;
  std::vector<std::size_t> from_;  ///< where in a row each encoder's part begins
  std::size_t width_ = 0;
  std::size_t stack_ = 0;
};

}  // namespace

Result<std::string> c_source(const Artifact& artifact) {
  STARLING_ASSERT(!artifact.encoders.empty() && !artifact.members.empty(),
                  "an artifact has a model and says how its rows are encoded");
  return Exporter{artifact}.text();
}

}  // namespace starling::ml
