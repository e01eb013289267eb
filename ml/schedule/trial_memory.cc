#include "ml/schedule/trial_memory.h"

#include "ml/search/family_spec.h"
#include "ml/table/encoder.h"
#include "ml/table/split.h"
#include "ml/train/network_choice.h"

#include <algorithm>
#include <cmath>

namespace starling::ml {
namespace {

constexpr double kProcessBytes = 2e6;  // measured: 1 MB of a fork's own, and its buffers
constexpr double kLevelBytes = 200;    // a level: its name, read, kept and looked up
constexpr double kSplitBytes = 96;     // a row: its hash and class, its place in two orders
constexpr double kKeptBytes = 24;      // a row: its number in a part, its class and stratum
constexpr double kLearntBytes = 20;    // a row to learn from: target, weight, place in the order
constexpr double kFoldSumBytes = 48;   // a level and a target: six sums (level_statistics.h)
constexpr double kTorchBytes = 120e6;  // measured: 58 MB private when it is loaded, and its pools
constexpr double kTreeLibraryBytes = 16e6;  // XGBoost, its buffers, one batch of rows
constexpr double kTreeRowBytes = 36;        // gradients, margins, label and place of a row
constexpr double kHistogramBytes = 16;      // of a node's bin: two sums
constexpr double kTreeNodeBytes = 250;      // as text: in segments, in all, and as it is joined
constexpr double kSketchedPerBin = 32;
constexpr double kMinimumVectors = 28;  // of L-BFGS: ten pairs, point, slope, best and their copies
constexpr double kOrderBytes = 8;       // a row's place in the order
constexpr double kNumberSketchBytes = 64;  // of a sketched value, where values differ
constexpr double kFlagSketchBytes = 16;    // where they do not
constexpr double kJudgedBytes = 24;        // an output of a row to judge: said, true and compared

/// What is kept of encoded rows: many lie in a file. They may be fewer than is assumed here.
double kept_of_rows(double bytes) {
  return std::min(bytes, static_cast<double>(EncodedRows::kInMemoryMax));
}

/// Of all rows, those that one network learns from and is judged on.
struct Shares {
  double fit = 0, judged = 0;
};

/// What a column or data sets decide may be anything: then nearly all rows are counted as either.
Shares shares_of(const SplitSpec& split) {
  const bool is_free = split.method == SplitMethod::column || split.method == SplitMethod::datasets;
  const double known = is_free ? 1 : 1 - kTestShare;
  if (split.folds > 1) return {known * (split.folds - 1) / split.folds, known / split.folds};
  return is_free ? Shares{0.9, 0.5}
                 : Shares{known * (1 - kValidationShare), known * kValidationShare};
}

/// The slab, and the rows of a batch spread out; by LibTorch as much twice, and all rows.
double model_bytes(const MlpSpec& spec, const TrialSize& size, double fit, double) {
  const MlpShape shape =
      shape_of(spec, size.features, size.outputs, size.outputs == 1, static_cast<std::size_t>(fit));
  const auto slab = static_cast<double>(Mlp::slab_bytes(shape));
  const double row = 4 * static_cast<double>(shape.net.inputs);
  if (spec.engine == TrainingEngine::torch) return kTorchBytes + 2 * slab + row * fit;
  return slab + row * static_cast<double>(shape.batch);
}

/// Rows to learn from that a leaf must have at least decide how many leaves there can be.
double plain_bytes(const TrialSize& size, double fit, double vectors) {
  const MlpShape shape =
      plain_shape(size.features, size.outputs, size.outputs == 1, static_cast<std::size_t>(fit));
  const auto weights = static_cast<double>((shape.net.inputs + 1) * size.outputs);
  return static_cast<double>(Mlp::slab_bytes(shape)) + 8 * vectors * weights +
         4 * static_cast<double>(shape.net.inputs * shape.batch) + kOrderBytes * fit;
}

/// Its point, slope, trials and what it learned of the curvature, in double.
double model_bytes(const LinearSpec&, const TrialSize& size, double fit, double) {
  return plain_bytes(size, fit, kMinimumVectors);
}

double model_bytes(const BaselineSpec&, const TrialSize& size, double fit, double) {
  return plain_bytes(size, fit, 2);
}

double leaves_of(const XgboostSpec& spec, double fit) {
  const double rows = fit * spec.subsample / std::max(2.0, spec.min_child_weight);
  return std::clamp(rows, 1.0, std::exp2(spec.max_depth));
}

/// Bins by rows and by columns, what is known of each row; then either sketches of all columns,
/// from which the bins are found, or histograms of a tree's nodes, and the trees.
double model_bytes(const XgboostSpec& spec, const TrialSize& size, double fit, double judged) {
  double inputs = 0;
  double bins = 0;
  double sketches = 0;
  const double sketched = std::min(fit, kSketchedPerBin * spec.max_bin);
  for (const EncodedRows::Feature& feature : size.features) {
    const auto numbers = static_cast<double>(feature.numbers);
    const double flags = static_cast<double>(feature.width) - numbers;
    inputs += numbers + flags;
    bins += numbers * std::min<double>(spec.max_bin, fit) + 2 * flags;
    sketches += sketched * (kNumberSketchBytes * numbers + kFlagSketchBytes * flags);
  }
  const auto outputs = static_cast<double>(size.outputs);
  const double leaves = leaves_of(spec, fit);
  const double nodes = 2 * leaves * outputs * kRoundsPerEpoch * size.epochs;
  const double training = kHistogramBytes * leaves * bins + kTreeNodeBytes * nodes;
  return kTreeLibraryBytes + inputs * (2 * fit + judged) +
         kTreeRowBytes * outputs * (fit + judged) + std::max(sketches, training);
}

}  // namespace

std::uint64_t predicted_peak_mb(const Params& params, const TrialSize& size) {
  const auto rows = static_cast<double>(size.rows);
  const Shares shares = shares_of(size.split);
  const double fit = rows * shares.fit;
  const double judged = rows * shares.judged;
  const double targets =
      size.outputs <= kStatisticTargetsMax ? static_cast<double>(size.outputs) : 0;
  const auto row_bytes = static_cast<double>(EncodedRows::row_bytes(size.features));
  const double rows_kept = kept_of_rows(row_bytes * fit) + kept_of_rows(row_bytes * judged);
  double encoding = 0;
  if (size.levels > kEncodedLevelsMax) {
    encoding = rows_kept + 4 * (2 * targets + 1) * fit +
               kFoldSumBytes * (targets + 1) * static_cast<double>(size.levels);
  }
  double training = 0;
  if (const auto spec = family_spec_from(params)) {
    const auto model =
        std::visit([&](const auto& known) { return model_bytes(known, size, fit, judged); }, *spec);
    const double round = model + rows_kept + kLearntBytes * fit;
    const double all_judged = size.split.folds * judged;
    training =
        size.split.folds * round + kJudgedBytes * all_judged * static_cast<double>(size.outputs);
  }
  const double bytes = kProcessBytes + kKeptBytes * rows +
                       kLevelBytes * static_cast<double>(size.levels) +
                       std::max({kSplitBytes * rows, encoding, training});
  return static_cast<std::uint64_t>(bytes / 1e6) + 1;
}

std::uint64_t final_peak_mb(std::uint64_t trial_peak_mb) {
  return trial_peak_mb + trial_peak_mb / 4;
}

}  // namespace starling::ml
