#include "ml/report/evidence_json.h"

#include "ml/report/evidence.h"

#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kConfusedClassesMax = 30;

Json scores_json(const Judged& judged, std::uint64_t seed) {
  Json scores = Json::object();
  for (const auto& [name, score] : score_intervals(judged, seed))
    scores[name] = {{"value", score.value}, {"low", score.low}, {"high", score.high}};
  return scores;
}

Json importance_json(const ImportanceTask& task) {
  Json columns = Json::array();
  for (const ColumnImportance& column : importance_of(task))
    columns.push_back({{"name", column.name}, {"mean", column.mean}, {"spread", column.spread}});
  return {{"metric", to_string(task.metric)},
          {"rows", task.rows.rows},
          {"repeats", kImportanceRepeats},
          {"columns", columns}};
}

void add_numbers(const Judged& judged, Json& evidence) {
  const Residuals found = residuals_of(judged);
  evidence["residuals"] = {{"quantiles", found.quantiles},
                           {"from", found.from},
                           {"to", found.to},
                           {"counts", found.counts}};
  evidence["points"] = found.points;
}

void add_classes(const Judged& judged, const std::vector<std::string>& classes, Json& evidence) {
  const Calibration calibration = calibration_of(judged);
  Json bins = Json::array();
  for (const CalibrationBin& bin : calibration.bins)
    bins.push_back({{"rows", bin.rows}, {"said", bin.said}, {"hits", bin.hits}});
  evidence["calibration"] = {{"error", calibration.error}, {"bins", bins}};
  if (classes.size() <= kConfusedClassesMax) {
    evidence["classes"] = classes;
    evidence["confusion"] = confusion_of(judged);
  }
  if (classes.size() != 2) return;
  const Curves curves = curves_of(judged);
  evidence["roc"] = curves.roc;
  evidence["pr"] = curves.pr;
}

}  // namespace

std::string evidence_json(const Judged& judged,
                          const std::vector<std::string>& classes,
                          const ImportanceTask& importance) {
  Json evidence{{"format", 1},
                {"metric", to_string(importance.metric)},
                {"rows", judged.rows()},
                {"scores", scores_json(judged, importance.seed)},
                {"importance", importance_json(importance)}};
  if (judged.task == TaskKind::regression)
    add_numbers(judged, evidence);
  else
    add_classes(judged, classes, evidence);
  return evidence.dump();
}

}  // namespace starling::ml
