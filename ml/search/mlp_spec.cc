#include "ml/search/mlp_spec.h"

#include "ml/search/encoding_spec.h"
#include "ml/search/param_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <string_view>

namespace starling::ml {
namespace {

constexpr double kWidthMax = 8192;
constexpr double kDropoutMax = 0.95;

ParamFields<MlpSpec> fields_of_all_layers() {
  return {
      {
          {"mlp.learning_rate", 1e-7, 1, 0, [](auto& s, double v) { s.learning_rate = v; }},
          {"mlp.n_layers",
           1,
           kMlpLayersMax,
           1,
           [](auto& s, double v) { s.n_layers = std::uint32_t(v); }},
          {"mlp.width", 1, kWidthMax, 1, [](auto& s, double v) { s.width = std::uint32_t(v); }},
          {"mlp.dropout", 0, kDropoutMax, 0, [](auto& s, double v) { s.dropout = v; }},
          {"mlp.label_smoothing", 0, 0.5, 0, [](auto& s, double v) { s.label_smoothing = v; }},
          {"mlp.weight_decay", 0, 10, 0, [](auto& s, double v) { s.weight_decay = v; }},
          {"mlp.batch_size",
           1,
           65536,
           1,
           [](auto& s, double v) { s.batch_size = std::uint32_t(v); }},
          {"mlp.members", 1, 64, 1, [](auto& s, double v) { s.members = std::uint32_t(v); }},
          {"mlp.embedding_width",
           16,
           128,
           16,
           [](auto& s, double v) { s.embedding_width = std::uint32_t(v); }},
          {"mlp.embedding_bins",
           2,
           128,
           1,
           [](auto& s, double v) { s.embedding_bins = std::uint32_t(v); }},
          {"mlp.embedding_scale", 1e-4, 100, 0, [](auto& s, double v) { s.embedding_scale = v; }},
          {"mlp.level_width",
           0,
           128,
           16,
           [](auto& s, double v) { s.level_width = std::uint32_t(v); }},
          {"mlp.beta1", 0, 0.9999, 0, [](auto& s, double v) { s.beta1 = v; }},
          {"mlp.beta2", 0, 0.99999, 0, [](auto& s, double v) { s.beta2 = v; }},
          {"mlp.bias_rate", 0, 100, 0, [](auto& s, double v) { s.bias_rate = v; }},
          {"mlp.scale_rate", 0, 100, 0, [](auto& s, double v) { s.scale_rate = v; }},
          {"mlp.momentum", 0, 0.9999, 0, [](auto& s, double v) { s.momentum = v; }},
          {"mlp.grad_clip", 1e-3, 1e6, 0, [](auto& s, double v) { s.grad_clip = v; }},
          {"mlp.epochs", 1, 10'000, 1, [](auto& s, double v) { s.epochs_max = std::uint32_t(v); }},
          {"mlp.patience", 1, 10'000, 1, [](auto& s, double v) { s.patience = std::uint32_t(v); }},
      },
      {
          {"mlp.activation",
           {kActivationNames.begin(), kActivationNames.end()},
           [](auto& s, std::size_t i) { s.activation = static_cast<Activation>(i); }},
          {"mlp.norm",
           {kNormNames.begin(), kNormNames.end()},
           [](auto& s, std::size_t i) { s.norm = static_cast<Norm>(i); }},
          {"mlp.residual", {"no", "yes"}, [](auto& s, std::size_t i) { s.is_residual = i == 1; }},
          {"mlp.average", {"no", "yes"}, [](auto& s, std::size_t i) { s.is_averaged = i == 1; }},
          {"mlp.embedding",
           {kEmbeddingNames.begin(), kEmbeddingNames.end()},
           [](auto& s, std::size_t i) { s.embedding = static_cast<NumberEmbedding>(i); }},
          {"mlp.schedule",
           {"constant", "cosine", "coslog4"},
           [](auto& s, std::size_t i) { s.schedule = static_cast<RateSchedule>(i); }},
          {"mlp.optimizer",
           {"adamw", "adam", "sgd"},
           [](auto& s, std::size_t i) { s.optimizer = static_cast<OptimizerKind>(i); }},
          {"mlp.engine",
           {"native", "torch"},
           [](auto& s, std::size_t i) { s.engine = static_cast<TrainingEngine>(i); }},
          {"mlp.loss",
           {"squared", "huber", "absolute"},
           [](auto& s, std::size_t i) { s.loss = static_cast<NumberLoss>(i); }},
          {"mlp.init",
           {kWeightInitNames.begin(), kWeightInitNames.end()},
           [](auto& s, std::size_t i) { s.init = static_cast<WeightInit>(i); }},
      }};
}

/// The same limits as for all layers; `mlp.width_1` is of the first hidden one.
void add_layer(std::size_t layer, ParamFields<MlpSpec>& fields) {
  const auto name = [layer](const char* what) { return fmt::format("mlp.{}_{}", what, layer + 1); };
  fields.numbers.push_back({name("width"), 1, kWidthMax, 1, [layer](MlpSpec& s, double v) {
                              s.layers[layer].width = std::uint32_t(v);
                            }});
  fields.numbers.push_back({name("dropout"), 0, kDropoutMax, 0, [layer](MlpSpec& s, double v) {
                              s.layers[layer].dropout = v;
                            }});
  fields.words.push_back({name("activation"),
                          {kActivationNames.begin(), kActivationNames.end()},
                          [layer](MlpSpec& s, std::size_t i) {
                            s.layers[layer].activation = static_cast<Activation>(i);
                          }});
  fields.words.push_back(
      {name("norm"), {kNormNames.begin(), kNormNames.end()}, [layer](MlpSpec& s, std::size_t i) {
         s.layers[layer].norm = static_cast<Norm>(i);
       }});
}

const ParamFields<MlpSpec>& fields() {
  static const ParamFields<MlpSpec> kFields = [] {
    ParamFields<MlpSpec> all = fields_of_all_layers();
    for (std::size_t layer = 0; layer < kMlpLayersMax; ++layer)
      add_layer(layer, all);
    return all;
  }();
  return kFields;
}

}  // namespace

double rate_at(RateSchedule schedule, double t) {
  switch (schedule) {
    case RateSchedule::constant: break;
    case RateSchedule::cosine: return 0.5 * (1 + std::cos(std::numbers::pi * t));
    case RateSchedule::coslog4:
      return 0.5 * (1 - std::cos(2 * std::numbers::pi * std::log2(1 + 15 * t)));
  }
  return 1;
}

MlpSpec spec_for_classes(MlpSpec spec) {
  spec.learning_rate = spec.for_classes.learning_rate.value_or(spec.learning_rate);
  spec.activation = spec.for_classes.activation.value_or(spec.activation);
  return spec;
}

std::vector<HiddenLayer> layers_of(const MlpSpec& spec) {
  std::vector<HiddenLayer> layers;
  for (std::size_t i = 0; i < spec.n_layers; ++i) {
    const MlpLayerSpec& own = spec.layers[i];
    layers.push_back({.width = own.width.value_or(spec.width),
                      .activation = own.activation.value_or(spec.activation),
                      .norm = own.norm.value_or(spec.norm),
                      .dropout = own.dropout.value_or(spec.dropout)});
  }
  return layers;
}

namespace {

/// LibTorch trains what there was before.
Result<> check_engine(const MlpSpec& spec) {
  if (spec.init == WeightInit::tangent && spec.optimizer == OptimizerKind::sgd)
    return Error{Errc::invalid_argument, "mlp.init tangent needs mlp.optimizer adamw or adam"};
  const bool is_known = spec.init != WeightInit::tangent && spec.beta2 == MlpSpec{}.beta2 &&
                        spec.bias_rate == 1 && spec.scale_rate == 0 && spec.is_averaged;
  if (spec.engine == TrainingEngine::native || is_known) return {};
  return Error{Errc::invalid_argument,
               "mlp.engine torch has no mlp.init tangent, mlp.beta2, mlp.bias_rate, "
               "mlp.scale_rate and mlp.average: leave them out, or the engine"};
}

Result<MlpSpec> checked(Result<MlpSpec> spec) {
  if (!spec) return spec;
  if (auto ok = check_engine(*spec); !ok) return ok.error();
  const auto layers = layers_of(*spec);
  const bool has_batch_norm =
      std::ranges::find(layers, Norm::batch, &HiddenLayer::norm) != layers.end();
  if (has_batch_norm && spec->batch_size * spec->members < 2)
    return Error{Errc::invalid_argument, "mlp.norm batch needs mlp.batch_size to be 2 or more"};
  return spec;
}

constexpr std::string_view kOwnPrefix = "mlp.";

/// Reads `PREFIX.width` as `mlp.width`; what is wrong is told by the name that was given.
Result<MlpSpec> spec_named(std::string_view prefix, const Params& params, const MlpSpec& base) {
  Params renamed;
  for (const auto& [name, value] : params) {
    const bool is_own = name.starts_with(prefix);
    if (name.starts_with(kOwnPrefix))
      return Error{Errc::invalid_argument, fmt::format("there is no parameter \"{}\"", name)};
    renamed[is_own ? std::string{kOwnPrefix} + name.substr(prefix.size()) : name] = value;
  }
  auto spec = checked(fields().spec_from(renamed, base));
  if (spec) return spec;
  std::string detail = spec.error().detail;
  for (auto at = detail.find(kOwnPrefix); at != std::string::npos;
       at = detail.find(kOwnPrefix, at + prefix.size()))
    detail.replace(at, kOwnPrefix.size(), prefix);
  return Error{spec.error().code, std::move(detail)};
}

}  // namespace

Result<MlpSpec> mlp_spec_from(const Params& params) {
  return checked(fields().spec_from(params));
}

Result<MlpSpec> realmlp_spec_from(const Params& params) {
  MlpSpec base;
  base.learning_rate = 0.07;
  base.n_layers = 3;
  base.width = 256;
  base.dropout = 0;
  base.weight_decay = 0;
  base.batch_size = 256;
  base.activation = Activation::mish;
  base.init = WeightInit::tangent;
  base.beta2 = 0.95;
  base.bias_rate = 0.1;
  base.scale_rate = 6;
  base.is_averaged = false;
  base.grad_clip = 1e6;
  base.schedule = RateSchedule::coslog4;
  if (!params.contains("realmlp.learning_rate")) base.for_classes.learning_rate = 0.04;
  if (!params.contains("realmlp.activation")) base.for_classes.activation = Activation::selu;
  return spec_named("realmlp.", params, base);
}

Result<MlpSpec> resnet_spec_from(const Params& params) {
  MlpSpec base;
  base.n_layers = 4;
  base.width = 128;
  base.norm = Norm::layer;
  base.is_residual = true;
  base.batch_size = 256;
  base.learning_rate = 1e-3;
  return spec_named("resnet.", params, base);
}

Result<MlpSpec> tabm_spec_from(const Params& params) {
  MlpSpec base;
  base.n_layers = 2;
  base.width = 128;
  base.members = 16;
  base.embedding = NumberEmbedding::piecewise;
  base.batch_size = 256;
  base.learning_rate = 2e-3;
  base.weight_decay = 3e-4;
  return spec_named("tabm.", params, base);
}

}  // namespace starling::ml
