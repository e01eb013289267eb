#include "ml/train/final_evidence.h"

#include "ml/report/evidence_json.h"
#include "node/base/random.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

namespace starling::ml {
namespace {

constexpr std::uint64_t kSeedOfEvidence = 3;

std::vector<ColumnPlace> places_of(const Encoder& encoder) {
  std::vector<ColumnPlace> places;
  std::size_t offset = 0;
  for (const FeatureCoding& feature : encoder.features()) {
    places.push_back({feature.name, offset, feature.width()});
    offset += feature.width();
  }
  return places;
}

/// Some of the rows, evenly spread over all of them.
void take_rows(const EncodedRows& rows, const Judged& outcome, ImportanceTask& task) {
  const std::size_t wanted = importance_rows(rows.rows(), task.columns.size(), rows.columns());
  task.rows = {wanted, rows.columns(), std::vector<float>(wanted * rows.columns())};
  task.truth.task = outcome.task;
  task.truth.class_count = outcome.class_count;
  for (std::size_t i = 0; i < wanted; ++i) {
    const std::size_t row = i * rows.rows() / wanted;
    rows.spread(row, task.rows.values.data() + i * rows.columns());
    if (outcome.task == TaskKind::regression)
      task.truth.truth_values.push_back(outcome.truth_values[row]);
    else
      task.truth.truth_classes.push_back(outcome.truth_classes[row]);
  }
}

}  // namespace

std::string final_evidence(const WorkTask& task,
                           const TrialData& data,
                           const Judged& outcome,
                           const std::string& model,
                           Engine& engine) {
  const auto path = std::filesystem::path{task.work_dir} / "evidence.model";
  std::ofstream file(path, std::ios::binary);
  file << model;
  file.close();
  if (!file) throw std::runtime_error("there is no room for a copy of the model");
  const std::shared_ptr<ServedModel> served = engine.load(path.string());
  const TrialRound& round = data.rounds.front();
  ImportanceTask importance;
  importance.metric = data.metric;
  importance.columns = places_of(round.encoder);
  importance.seed = mix_seeds(task.seed, kSeedOfEvidence);
  importance.predict = [served](const Matrix& rows) {
    std::size_t columns = 0;
    return served->predict(rows, columns);
  };
  take_rows(round.judge_features, outcome, importance);
  const SplitMethod method = task.split.method;
  const bool is_independent = method != SplitMethod::group && method != SplitMethod::time;
  return evidence_json(outcome, round.encoder.target().classes, importance, is_independent);
}

}  // namespace starling::ml
