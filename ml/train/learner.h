/// What a trial needs of a network, so that the trial itself knows no LibTorch.
///
/// Anything may throw std::exception; the trial turns it into a failure with its words.
#pragma once

#include "ml/search/param_value.h"
#include "ml/table/encoder.h"
#include "node/base/error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace starling::ml {

/// The hyperparameters `mlp.*` of a trial.
struct MlpSpec {
  double learning_rate = 1e-3;
  std::uint32_t n_layers = 2;  ///< hidden layers
  std::uint32_t width = 128;
  double dropout = 0.1;
  double weight_decay = 1e-4;
  std::uint32_t batch_size = 64;
};

/// A parameter that is absent keeps its default; `family` may be there and must be "mlp".
/// Errors: `invalid_argument` names the parameter, its value and its limits.
Result<MlpSpec> mlp_spec_from(const Params& params);

/// Rows to learn from. One of `numbers` (standardised) and `classes` is filled.
struct FitData {
  Matrix features;
  std::vector<float> numbers;
  std::vector<std::int64_t> classes;
};

class Learner {
 public:
  virtual ~Learner() = default;

  /// One pass over the rows in a new order. Returns the mean loss.
  virtual double train_epoch() = 0;

  /// Regression: one value per row in original units. Classes: probabilities, row by row.
  virtual std::vector<float> predict(const Matrix& features) = 0;

  /// Keeps the weights as they are now; `recall` brings them back.
  virtual void remember() = 0;
  virtual void recall() = 0;

  /// The network as TorchScript: `predict` as a file.
  virtual std::string script() = 0;
};

/// A network loaded from a file. Errors are thrown.
class ServedModel {
 public:
  virtual ~ServedModel() = default;

  /// Returns the outputs row by row, and how many per row in `columns`.
  virtual std::vector<float> predict(const Matrix& features, std::size_t& columns) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  /// `threads` is for this process, which must do nothing else.
  virtual void prepare(std::uint32_t threads) = 0;

  /// `data` must outlive the learner.
  virtual std::unique_ptr<Learner> make_learner(const MlpSpec& spec,
                                                const TargetCoding& target,
                                                const FitData& data,
                                                std::uint64_t seed) = 0;

  virtual std::unique_ptr<ServedModel> load(const std::string& path) = 0;
};

}  // namespace starling::ml
