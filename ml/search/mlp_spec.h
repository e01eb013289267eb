/// What a trial's parameters say of a multilayer perceptron.
///
/// Threads: none. Pure.
#pragma once

#include "ml/engine/network_shape.h"
#include "ml/search/param_value.h"
#include "node/base/error.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace starling::ml {

/// How the learning rate goes over the epochs that a trial may take, t from 0 to 1. cosine: from 1
/// to 0. coslog4: four waves from 0 to 1 and back, each twice as long as the one before.
/// Source: Holzmüller et al., "Better by Default", 2024 (coslog4).
enum class RateSchedule : std::uint8_t { constant, cosine, coslog4 };

/// Which program trains: the own kernels, or LibTorch.
enum class TrainingEngine : std::uint8_t { native, torch };

enum class NumberLoss : std::uint8_t { squared, huber, absolute };
enum class OptimizerKind : std::uint8_t { adamw, adam, sgd };

/// What the learning rate is multiplied by at t.
double rate_at(RateSchedule schedule, double t);

/// Of one hidden layer (`mlp.width_1`, ...), where it differs from what holds for all.
struct MlpLayerSpec {
  std::optional<std::uint32_t> width = {};
  std::optional<Activation> activation = {};
  std::optional<Norm> norm = {};
  std::optional<double> dropout = {};
};

inline constexpr std::size_t kMlpLayersMax = 16;

/// What holds for classes where it differs from what holds for numbers and a trial does not say.
struct ClassRecipe {
  std::optional<double> learning_rate = {};
  std::optional<Activation> activation = {};
};

/// The hyperparameters `mlp.*` of a trial.
struct MlpSpec {
  double learning_rate = 1e-3;
  std::uint32_t n_layers = 2;  ///< hidden layers
  std::uint32_t width = 128;
  double dropout = 0.1;
  double weight_decay = 1e-4;
  std::uint32_t batch_size = 64;
  Activation activation = Activation::relu;
  Norm norm = Norm::none;
  bool is_residual = false;
  NumberEmbedding embedding = NumberEmbedding::none;
  std::uint32_t embedding_width = 16;  ///< floats that a number becomes
  std::uint32_t embedding_bins = 16;   ///< of a number, or its frequencies
  double embedding_scale = 0.1;        ///< of periodic: how high the frequencies begin
  std::uint32_t level_width = 0;       ///< floats that a level becomes; 0: levels stay as they are
  std::uint32_t members = 1;           ///< of the ensemble that the network is
  std::array<MlpLayerSpec, kMlpLayersMax> layers = {};
  WeightInit init = WeightInit::inputs;
  double beta1 = 0.9;                 ///< what adam and adamw keep of the first moment in a step
  double beta2 = 0.999;               ///< and of the second
  double bias_rate = 1;               ///< so many times the learning rate for biases
  double scale_rate = 0;              ///< and for a factor of each input; 0: there are none
  bool is_averaged = true;            ///< judged by the running average of its weights
  double momentum = 0.9;              ///< of sgd
  double grad_clip = 1;               ///< gradients are no longer than this
  std::uint32_t epochs_max = 10'000;  ///< where the study allows more
  std::uint32_t patience = 10'000;    ///< where the study allows more
  RateSchedule schedule = RateSchedule::constant;
  OptimizerKind optimizer = OptimizerKind::adamw;
  NumberLoss loss = NumberLoss::squared;  ///< of regression
  double label_smoothing = 0;             ///< of classes
  ClassRecipe for_classes = {};
  TrainingEngine engine = TrainingEngine::native;
  std::uint32_t epochs = 100;  ///< no parameter: how many the schedule is laid out for; at most
                               ///< `epochs_max`
};

/// As it is for classes.
MlpSpec spec_for_classes(MlpSpec spec);

/// The hidden layers, each as it is.
std::vector<HiddenLayer> layers_of(const MlpSpec& spec);

/// A parameter that is absent keeps its default. `family` and those of encoding_spec.h are left
/// out.
/// Errors: `invalid_argument` names the parameter, its value and its limits.
Result<MlpSpec> mlp_spec_from(const Params& params);

/// The same fields under other names and with other defaults (`realmlp.width`, ...): networks that
/// others found to be good ones. They are trained by the own engine.
///
/// realmlp: RealMLP-TD-S: factors of inputs, tangent parametrisation, four waves of a high learning
///          rate; another rate and activation for classes. Source: Holzmüller, Grinsztajn and
///          Steinwart, "Better by Default" (2024).
/// resnet:  layers that add what they were given, layer norm. Source: Gorishniy et al., "Revisiting
///          Deep Learning Models for Tabular Data" (2021).
/// tabm:    16 members in one network, piecewise embeddings. Source: Gorishniy, Kotelnikov and
///          Babenko, "TabM" (2025), as TabM-mini.
Result<MlpSpec> realmlp_spec_from(const Params& params);
Result<MlpSpec> resnet_spec_from(const Params& params);
Result<MlpSpec> tabm_spec_from(const Params& params);

}  // namespace starling::ml
