#include "ml/report/evidence_json.h"

#include "ml/report/evidence.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kConfusedClassesMax = 30;
constexpr std::size_t kIntervalFloatsMax = 10'000'000;  // more would take minutes

Json scores_json(const Judged& judged, std::uint64_t seed, bool has_intervals) {
  Json scores = Json::object();
  if (!has_intervals) {
    for (const auto& [name, value] : all_scores(judged))
      scores[name] = Json{{"value", value}};
    return scores;
  }
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
          {"repeats", importance_repeats(task.columns.size())},
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
                          const ImportanceTask& importance,
                          bool are_independent) {
  const std::size_t floats = judged.rows() * std::max<std::size_t>(judged.class_count, 1);
  Json evidence{
      {"format", 1},
      {"metric", to_string(importance.metric)},
      {"rows", judged.rows()},
      {"scores",
       scores_json(judged, importance.seed, are_independent && floats <= kIntervalFloatsMax)},
      {"importance", importance_json(importance)}};
  if (judged.task == TaskKind::regression)
    add_numbers(judged, evidence);
  else
    add_classes(judged, classes, evidence);
  return evidence.dump();
}

}  // namespace starling::ml
