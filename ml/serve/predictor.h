/// Predictions from artifacts: encodes rows here, asks a serving worker, decodes its answer.
///
/// Keeps the last 4 artifacts with one worker child each; a child that died is started once more.
///
/// Threads: lives on the pools' executor. Calls may overlap; those for one artifact take turns.
#pragma once

#include "ml/table/encoder.h"
#include "ml/work/worker_pools.h"
#include "node/base/error.h"

#include <boost/asio/awaitable.hpp>

#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kServedArtifactsMax = 4;

struct Predictions {
  TaskKind task = TaskKind::regression;
  std::vector<double> values;                      ///< regression: one per row, original units
  std::vector<std::string> classes;                ///< sorted, as in `probabilities`
  std::vector<std::string> labels;                 ///< classes: what is said, one per row
  std::vector<std::vector<double>> probabilities;  ///< classes: one list per row
  /// Regression, if the model has them: one per row, within which the truth lies 9 times in 10.
  std::vector<std::pair<double, double>> intervals;
  std::vector<PredictWarning> warnings;
};

class Predictor {
 public:
  /// `pools` must outlive it. `folder` holds the unpacked models; it is emptied now, and
  /// made if need be.
  Predictor(asio::any_io_executor executor, WorkerPools& pools, std::filesystem::path folder);
  ~Predictor();

  /// `artifact` is the path of a zip whose content does not change (a blob, a downloaded model).
  /// Errors: those of `open_artifact`; `invalid_argument` names row and column; `unavailable` if
  ///         the worker died twice.
  asio::awaitable<Result<Predictions>> predict(std::filesystem::path artifact,
                                               std::vector<RawRow> rows,
                                               MissingColumns missing);

 private:
  struct Served;

  Result<std::shared_ptr<Served>> find_or_open(const std::filesystem::path& artifact);
  asio::awaitable<Result<>> ensure_child(std::shared_ptr<Served> served);
  asio::awaitable<Result<std::vector<float>>> ask(std::shared_ptr<Served> served, Matrix rows);
  asio::awaitable<Result<std::vector<float>>> ask_child(std::shared_ptr<Served> served,
                                                        PredictRequest request);

  asio::any_io_executor executor_;
  WorkerPools& pools_;
  std::filesystem::path folder_;
  std::list<std::shared_ptr<Served>> served_;  ///< last used first
  std::uint64_t last_request_ = 0;
};

}  // namespace starling::ml
