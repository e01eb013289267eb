#include "ml/train/final_evidence.h"

#include "ml/report/evidence_json.h"
#include "ml/train/column_evidence.h"
#include "node/base/random.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

/// Some of the rows, evenly spread over all of them.
void take_rows(const EncodedRows& rows, const Judged& outcome, ImportanceTask& task) {
  const std::size_t wanted = importance_rows(rows.rows(), task.columns.size(), rows.columns());
  task.rows = {wanted, rows.columns(), std::vector<float>(wanted * rows.columns())};
  task.truth.task = outcome.task;
  task.truth.class_count = outcome.class_count;
  task.truth.rule = outcome.rule;
  for (std::size_t i = 0; i < wanted; ++i) {
    const std::size_t row = i * rows.rows() / wanted;
    rows.spread(row, task.rows.values.data() + i * rows.columns());
    add_truth_of(outcome, row, task.truth);
  }
}

}  // namespace

std::vector<ColumnPlace> places_of(const Encoder& encoder, std::size_t offset) {
  std::vector<ColumnPlace> places;
  for (const FeatureCoding& feature : encoder.features()) {
    places.push_back({feature.name, {{offset, feature.width()}}});
    offset += feature.width();
  }
  return places;
}

void add_truth_of(const Judged& from, std::size_t row, Judged& truth) {
  if (from.task == TaskKind::regression)
    truth.truth_values.push_back(from.truth_values[row]);
  else
    truth.truth_classes.push_back(from.truth_classes[row]);
}

bool has_independent_rows(const SplitSpec& split) {
  return split.method != SplitMethod::group && split.method != SplitMethod::time;
}

void add_coverage(const Finish& finish, const Judged& test, Json& evidence) {
  if (!finish.conformal) return;
  std::size_t held = 0;
  double width = 0;
  for (std::size_t row = 0; row < test.rows(); ++row) {
    const auto [low, high] = interval_of(*finish.conformal, test.values[row]);
    const double truth = test.truth_values[row];
    held += truth >= low && truth <= high ? 1 : 0;
    width += high - low;
  }
  const auto rows = static_cast<double>(test.rows());
  evidence["coverage"] = {{"level", finish.conformal->level},
                          {"rows", test.rows()},
                          {"share", static_cast<double>(held) / rows},
                          {"width", width / rows}};
}

std::string final_evidence(const WorkTask& task,
                           const TrialData& data,
                           const Judged& outcome,
                           const Finish& finish,
                           const std::filesystem::path& model,
                           Engine& engine) {
  const std::shared_ptr<ServedModel> served = engine.load(model.string());
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
  const std::uint64_t seed = importance.seed;
  AskedModel asked{
      .width = round.encoder.width(),
      .places = importance.columns,
      .encode =
          [&](const RowNumbers& rows) { return round.encoder.encode(data.table, rows).dense(); },
      .predict = importance.predict};
  const ImportanceFound found = importance_found(std::move(importance));
  auto evidence = evidence_json(
      outcome, round.encoder.target().classes, found, has_independent_rows(task.split), seed);
  add_coverage(finish, outcome, evidence);
  try {
    add_column_evidence(data.table, data.split.test, outcome, found, asked, seed, evidence);
  } catch (const std::exception& e) {  // the rest of the report stands without it
    fmt::print(stderr, "no report of columns in study {}: {}\n", task.study, e.what());
  }
  return evidence.dump();
}

}  // namespace starling::ml
