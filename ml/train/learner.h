/// What a trial needs of a model that learns, so that the trial itself knows neither LibTorch nor
/// XGBoost.
///
/// Anything may throw std::exception; the trial turns it into a failure with its words.
#pragma once

#include "ml/search/family_spec.h"
#include "ml/table/encoder.h"
#include "node/base/error.h"

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

namespace starling::ml {

/// Rows to learn from. One of `numbers` (standardised) and `classes` is filled.
struct FitData {
  EncodedRows features;
  std::vector<float> numbers;
  std::vector<std::int64_t> classes;
  std::vector<float> weights = {};  ///< what each row counts, 1 on average; empty: all the same
  /// What a model that learned by these weights adds to the logarithm of each class's chance, so
  /// that it says how common the classes are and not what they count; empty: nothing.
  std::vector<double> logit_adjustment = {};
};

class Learner {
 public:
  virtual ~Learner() = default;

  /// One pass over the rows in a new order. Returns the mean loss.
  virtual double train_epoch() = 0;

  /// Whether another epoch would change nothing.
  virtual bool has_converged() const { return false; }

  /// Regression: one value per row in original units. Classes: probabilities, row by row, with the
  /// adjustment. What a learner makes of the rows it may keep by their address: they stay as they
  /// are while it lives.
  virtual std::vector<float> predict(const EncodedRows& features) = 0;

  /// Keeps the model as it is now; `recall` brings it back. Nothing is trained after `recall`.
  virtual void remember() = 0;
  virtual void recall() = 0;

  /// What `save` would write; 0: this learner cannot be continued.
  virtual std::uint64_t state_bytes() const = 0;

  /// Writes all that decides how training goes on. A new learner of the same specs, rows and seed
  /// that reads it goes on as this one would, bit for bit.
  virtual void save(std::ostream& out) = 0;

  /// Takes what `save` wrote and no more. Throws if it is cut off; the learner is good for nothing
  /// then.
  virtual void restore(std::istream& in) = 0;

  /// `predict` as a file: TorchScript, or XGBoost's own form.
  virtual std::string script() = 0;
};

/// A model loaded from a file. Errors are thrown.
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
  virtual std::unique_ptr<Learner> make_learner(const FamilySpec& spec,
                                                const TargetCoding& target,
                                                const FitData& data,
                                                std::uint64_t seed) = 0;

  virtual std::unique_ptr<ServedModel> load(const std::string& path) = 0;
};

}  // namespace starling::ml
