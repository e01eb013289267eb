#include "ml/export/c_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>

namespace starling::ml {
namespace {

// --- what the text says for all networks ---------------------------------------------------------

constexpr CHelper kProduct{.code = R"(
/* y += x w, w[inputs][outputs]; most inputs are levels, and 0. */
static void st_add_product(const float *restrict x, size_t inputs, const float *restrict w,
                           size_t outputs, float *restrict y)
{
  for (size_t i = 0; i < inputs; ++i, w += outputs) {
    const float v = x[i];
    if (v == 0) continue;
    for (size_t k = 0; k < outputs; ++k)
      y[k] += v * w[k];
  }
}
)"};

constexpr CHelper kLinear{.needs = {&kProduct}, .code = R"(
static void st_linear(const float *x, size_t inputs, const float *w, const float *bias,
                      size_t outputs, float *y)
{
  memcpy(y, bias, outputs * sizeof *y);
  st_add_product(x, inputs, w, outputs, y);
}
)"};

constexpr CHelper kAdd{.code = R"(
static void st_add(float *y, const float *x, size_t count)
{
  for (size_t k = 0; k < count; ++k)
    y[k] += x[k];
}
)"};

constexpr CHelper kLayerNorm{.code = R"(
static void st_layer_norm(float *y, size_t count, const float *gain, const float *shift)
{
  double sum = 0, squares = 0;
  float mean, inverse;
  for (size_t k = 0; k < count; ++k)
    sum += (double)y[k];
  mean = (float)(sum / (double)count);
  for (size_t k = 0; k < count; ++k)
    squares += (double)(y[k] - mean) * (double)(y[k] - mean);
  inverse = 1.0f / sqrtf((float)(squares / (double)count) + 1e-5f);
  for (size_t k = 0; k < count; ++k)
    y[k] = (y[k] - mean) * inverse * gain[k] + shift[k];
}
)"};

constexpr CHelper kBatchNorm{.code = R"(
static void st_batch_norm(float *y, size_t count, const float *mean, const float *variance,
                          const float *gain, const float *shift)
{
  for (size_t k = 0; k < count; ++k)
    y[k] = (y[k] - mean[k]) * (1.0f / sqrtf(variance[k] + 1e-5f)) * gain[k] + shift[k];
}
)"};

constexpr CHelper kRelu{.code = R"(
static void st_relu(float *y, size_t count)
{
  for (size_t k = 0; k < count; ++k)
    y[k] = y[k] <= 0 ? 0.0f : y[k];
}
)"};

constexpr CHelper kGelu{.code = R"(
static void st_gelu(float *y, size_t count)
{
  for (size_t k = 0; k < count; ++k) {
    const float v = y[k];
    y[k] = 0.5f * v * (1.0f + tanhf(0.7978845608f * (v + 0.044715f * (v * v * v))));
  }
}
)"};

constexpr CHelper kSelu{.code = R"(
static void st_selu(float *y, size_t count)
{
  const float scale = 1.05070099f, alpha = 1.67326324f;
  for (size_t k = 0; k < count; ++k)
    y[k] = y[k] > 0 ? scale * y[k] : scale * alpha * expf(y[k]) - scale * alpha;
}
)"};

constexpr CHelper kMish{.code = R"(
/* tanh(log(1 + e^v)) is n / (n + 2) with n = e^v (e^v + 2). */
static void st_mish(float *y, size_t count)
{
  for (size_t k = 0; k < count; ++k) {
    const float v = y[k], e = expf(v > 20.0f ? 20.0f : v), n = e * (e + 2.0f);
    y[k] = v * (n / (n + 2.0f));
  }
}
)"};

constexpr CHelper kSilu{.code = R"(
static void st_silu(float *y, size_t count)
{
  for (size_t k = 0; k < count; ++k)
    y[k] /= 1.0f + expf(-y[k]);
}
)"};

constexpr CHelper kTanh{.code = R"(
static void st_tanh(float *y, size_t count)
{
  for (size_t k = 0; k < count; ++k)
    y[k] = tanhf(y[k]);
}
)"};

constexpr CHelper kLogistic{.code = R"(
static void st_logistic(float *y, size_t count)
{
  for (size_t k = 0; k < count; ++k)
    y[k] = 1.0f / (1.0f + expf(-y[k]));
}
)"};

constexpr CHelper kWaves{.code = R"(
/* cos(2 pi c v) for each of the frequencies c, then the sines. */
static void st_waves(float v, const float *c, size_t count, float *y)
{
  for (size_t k = 0; k < count; ++k) {
    const float turns = c[k] * v, quarter_on = turns + 0.25f;
    y[k] = (float)sin(6.283185307179586 * (double)(quarter_on - floorf(quarter_on + 0.5f)));
    y[count + k] = (float)sin(6.283185307179586 * (double)(turns - floorf(turns + 0.5f)));
  }
}
)"};

constexpr CHelper kBins{.code = R"(
/* How far v is through each bin, from 0 to 1. */
static void st_bins(float v, const float *low, const float *inverse, size_t count, float *y)
{
  for (size_t k = 0; k < count; ++k) {
    const float share = (v - low[k]) * inverse[k];
    y[k] = share <= 0 ? 0.0f : share >= 1 ? 1.0f : share;
  }
}
)"};

struct Activator {
  const char* name;
  const CHelper* helper;
};

/// In the order of `Activation`; of identity there is none.
const std::array<Activator, kActivationNames.size()>& activators() {
  static const std::array<Activator, kActivationNames.size()> kActivators{
      {{"st_relu", &kRelu},
       {"st_gelu", &kGelu},
       {"st_selu", &kSelu},
       {"st_mish", &kMish},
       {"st_silu", &kSilu},
       {"st_tanh", &kTanh},
       {"st_logistic", &kLogistic},
       {"", nullptr},
       {"st_softmax", &c_softmax()}}};
  return kActivators;
}

// --- one network ---------------------------------------------------------------------------------

/// "weight" of "weight12".
std::string_view kind_of(std::string_view tensor) {
  return tensor.substr(0, tensor.find_last_not_of("0123456789") + 1);
}

class NetworkWriter {
 public:
  NetworkWriter(const NativeModel& network, const CModel& model, CSource& source)
      : network_(network), net_(network.net), model_(model), source_(source) {
    const float* at = network.weights.data();
    const TensorPlan plan = tensors_of(net_);
    for (const Tensor& tensor : plan.tensors) {
      weights_[tensor.name] = {at, tensor.values()};
      at += tensor.values();
    }
  }

  /// Returns the bytes of its arrays.
  std::size_t write() {
    const std::string given = net_.embedding.is_empty() ? "x" : embed();
    if (net_.members == 1) {
      layers(given, "y");
      if (!network_.is_regression) softmax("y");
    } else {
      members(given);
    }
    if (network_.is_regression) {
      lines_ += c_units_line({network_.scale, network_.shift, network_.is_log}, source_);
    }
    source_.add(c_model_function(model_, arrays_ + lines_));
    return floats_ * sizeof(float);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    lines_ += indent_;
    lines_ += fmt::format(format, std::forward<Args>(args)...);
    lines_ += '\n';
  }

  std::string weights(const std::string& tensor) {
    return source_.table(kind_of(tensor), "float", c_floats(weights_.at(tensor)));
  }

  std::string layer_weights(const char* kind, std::size_t layer) {
    return weights(fmt::format("{}{}", kind, layer));
  }

  std::string indices(const std::vector<std::size_t>& inputs) {
    return source_.table("inputs", "int", c_indices(inputs));
  }

  void array(const char* name, std::size_t count) {
    arrays_ += fmt::format("  float {}[{}];\n", name, std::max<std::size_t>(1, count));
    floats_ += count;
  }

  /// Returns what holds the embedded row.
  std::string embed() {
    const InputEmbedding& e = net_.embedding;
    array("e", net_.embedded());
    if (!e.numbers.empty()) embed_numbers();
    std::size_t at = e.numbers.size() * e.width;
    for (std::size_t j = 0; j < e.levels.size(); ++j, at += e.level_width) {
      source_.need(kProduct);
      line("memset(e + {}, 0, {} * sizeof *e);", at, e.level_width);
      line("st_add_product(x + {}, {}, {}, {}, e + {});",
           e.levels[j].from,
           e.levels[j].count,
           layer_weights("level_weight", j),
           e.level_width,
           at);
    }
    const auto plain = net_.plain_inputs();
    if (!plain.empty()) {
      line("for (int i = 0; i < {}; ++i)", plain.size());
      line("  e[{} + i] = x[{}[i]];", at, indices(plain));
    }
    return "e";
  }

  /// One number after the other: its waves or bins, then its own linear layer.
  void embed_numbers() {
    const InputEmbedding& e = net_.embedding;
    const bool is_periodic = e.kind == NumberEmbedding::periodic;
    source_.need(is_periodic ? kWaves : kBins);
    source_.need(kLinear);
    source_.need(kRelu);
    array("f", e.features());
    line("for (int i = 0; i < {}; ++i) {{", e.numbers.size());
    const auto value = fmt::format("x[{}[i]]", indices(e.numbers));
    if (is_periodic) {
      line("  st_waves({}, {} + i * {}, {}, f);", value, weights("frequencies"), e.bins, e.bins);
    } else {
      line("  st_bins({0}, {1} + i * {3}, {2} + i * {3}, {3}, f);",
           value,
           weights("bin_low"),
           weights("bin_inverse"),
           e.bins);
    }
    line("  st_linear(f, {}, {} + i * {}, {} + i * {}, {}, e + i * {});",
         e.features(),
         weights("number_weight"),
         e.features() * e.width,
         weights("number_bias"),
         e.width,
         e.width,
         e.width);
    line("  st_relu(e + i * {0}, {0});", e.width);
    line("}}");
  }

  void members(const std::string& given) {
    const std::size_t embedded = net_.embedded();
    array("scaled", embedded);
    array("said", net_.outputs);
    const auto scales = weights("member_scale");
    line("memset(y, 0, {} * sizeof *y);", net_.outputs);
    line("for (int m = 0; m < {}; ++m) {{", net_.members);
    indent_ += "  ";
    line("for (int i = 0; i < {}; ++i)", embedded);
    line("  scaled[i] = {}[i] * {}[m * {} + i];", given, scales, embedded);
    layers("scaled", "said");
    if (!network_.is_regression) softmax("said");
    source_.need(kAdd);
    line("st_add(y, said, {});", net_.outputs);
    indent_.resize(2);
    line("}}");
    line("for (int k = 0; k < {}; ++k)", net_.outputs);
    line("  y[k] *= {};", c_float(1 / static_cast<float>(net_.members)));
  }

  void layers(std::string given, const char* out) {
    const std::size_t last = net_.hidden.size();
    std::array<std::size_t, 2> widest{};
    for (std::size_t i = 0; i < last; ++i) {
      const char* const next = i % 2 == 0 ? "a" : "b";
      widest[i % 2] = std::max(widest[i % 2], net_.hidden[i].width);
      hidden_layer(i, given, next);
      given = next;
    }
    for (const std::size_t turn : {0U, 1U})
      if (widest[turn] > 0) array(turn == 0 ? "a" : "b", widest[turn]);
    const std::size_t before = net_.width_before(last);
    const bool is_shared = net_.members == 1;
    const auto own = [is_shared](std::size_t size) {
      return is_shared ? std::string{} : fmt::format(" + m * {}", size);
    };
    source_.need(kLinear);
    line("st_linear({}, {}, {}{}, {}{}, {}, {});",
         given,
         before,
         layer_weights("weight", last),
         own(before * net_.outputs),
         layer_weights("bias", last),
         own(net_.outputs),
         net_.outputs,
         out);
  }

  void hidden_layer(std::size_t i, const std::string& given, const char* next) {
    const HiddenLayer& layer = net_.hidden[i];
    source_.need(kLinear);
    line("st_linear({}, {}, {}, {}, {}, {});",
         given,
         net_.width_before(i),
         layer_weights("weight", i),
         layer_weights("bias", i),
         layer.width,
         next);
    normalise(i, next);
    const Activator& activator = activators()[static_cast<std::size_t>(layer.activation)];
    if (activator.helper != nullptr) {
      source_.need(*activator.helper);
      line("{}({}, {});", activator.name, next, layer.width);
    }
    if (!net_.adds(i)) return;
    source_.need(kAdd);
    line("st_add({}, {}, {});", next, given, layer.width);
  }

  void normalise(std::size_t i, const char* values) {
    const HiddenLayer& layer = net_.hidden[i];
    if (layer.norm == Norm::none) return;
    const auto gain = layer_weights("gain", i);
    const auto shift = layer_weights("shift", i);
    if (layer.norm == Norm::layer) {
      source_.need(kLayerNorm);
      line("st_layer_norm({}, {}, {}, {});", values, layer.width, gain, shift);
      return;
    }
    source_.need(kBatchNorm);
    line("st_batch_norm({}, {}, {}, {}, {}, {});",
         values,
         layer.width,
         layer_weights("mean", i),
         layer_weights("variance", i),
         gain,
         shift);
  }

  void softmax(const char* values) {
    source_.need(c_softmax());
    line("st_softmax({}, {});", values, net_.outputs);
  }

  const NativeModel& network_;
  const NetworkShape& net_;
  const CModel& model_;
  CSource& source_;
  std::map<std::string, std::span<const float>, std::less<>> weights_;
  std::string arrays_, lines_, indent_ = "  ";
  std::size_t floats_ = 0;
};

}  // namespace

Result<std::size_t> write_network(const NativeModel& network,
                                  const CModel& model,
                                  CSource& source) {
  const bool fits = network.net.inputs == model.inputs && network.net.outputs == model.outputs &&
                    network.is_regression == model.is_regression;
  if (!fits) return c_model_error(model, "the network is of other columns or classes");
  const bool is_finite =
      std::ranges::all_of(network.weights, [](float weight) { return std::isfinite(weight); });
  if (!is_finite) return c_model_error(model, "a weight is not finite");
  return NetworkWriter{network, model, source}.write();
}

}  // namespace starling::ml
