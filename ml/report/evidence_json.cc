#include "ml/report/evidence_json.h"

#include "ml/report/evidence.h"
#include "ml/table/text_decoder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kConfusedClassesMax = 30;
constexpr std::size_t kLevelBytesMax = 80;
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

Json importance_json(const ImportanceFound& found) {
  Json columns = Json::array();
  for (const ColumnImportance& column : found.columns)
    columns.push_back({{"name", column.name}, {"mean", column.mean}, {"spread", column.spread}});
  return {{"metric", to_string(found.metric)},
          {"rows", found.rows},
          {"held_out", found.is_held_out},
          {"repeats", found.repeats},
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
  const ClassRule& rule = judged.rule;
  if (classes.size() == 2) evidence["rule"] = {{"threshold", rule.threshold}};
  if (!rule.factors.empty()) evidence["rule"] = {{"class_factors", rule.factors}};
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

Json evidence_json(const Judged& judged,
                   const std::vector<std::string>& classes,
                   const ImportanceFound& importance,
                   bool are_independent,
                   std::uint64_t seed) {
  const std::size_t floats = judged.rows() * std::max<std::size_t>(judged.class_count, 1);
  Json evidence{
      {"format", 1},
      {"metric", to_string(importance.metric)},
      {"rows", judged.rows()},
      {"scores", scores_json(judged, seed, are_independent && floats <= kIntervalFloatsMax)},
      {"importance", importance_json(importance)}};
  if (judged.task == TaskKind::regression)
    add_numbers(judged, evidence);
  else
    add_classes(judged, classes, evidence);
  return evidence;
}

std::string_view level_start(std::string_view level) {
  return utf8_prefix(level, kLevelBytesMax);
}

Json to_json(const DependenceFound& found) {
  Json columns = Json::array();
  for (const auto& [column, means, singles] : found.columns) {
    Json one{{"name", column.name}, {"values", column.numbers}};
    for (const std::string& level : column.levels)
      one["values"].push_back(level_start(level));
    one["means"] = means;
    one["singles"] = singles;
    columns.push_back(std::move(one));
  }
  return {{"rows", found.rows}, {"columns", std::move(columns)}};
}

Json to_json(const std::vector<Slice>& slices) {
  Json list = Json::array();
  for (const Slice& slice : slices) {
    Json one = Json::object();
    if (slice.from && slice.to) {
      one["from"] = *slice.from;
      one["to"] = *slice.to;
    } else {
      one["level"] = level_start(slice.level);
    }
    one["rows"] = slice.rows;
    if (slice.hits)
      one["hits"] = {
          {"share", slice.hits->share}, {"low", slice.hits->low}, {"high", slice.hits->high}};
    else
      one["error"] = slice.error;
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace starling::ml
