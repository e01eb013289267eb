#include "web/report/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace starling::web {

namespace {

constexpr double kOneSided = 1.645;  // standard errors that chance exceeds once in twenty

MeasuredScore score_in(const Json& json, double value) {
  MeasuredScore score{value};
  const auto low = number_at(json, {"low"});
  const auto high = number_at(json, {"high"});
  if (!low || !high || *low > value || *high < value) return score;
  score.has_range = true;
  score.low = *low;
  score.high = *high;
  return score;
}

Standing standing_of(const ReportFacts& facts, const Against& against) {
  const auto is_over = [&](double one) { return is_better(facts, one, against.other); };
  const MeasuredScore& test = against.test;
  if (!is_over(test.value)) return Standing::worse;
  if (!test.has_range) return Standing::better;
  return is_over(test.low) && is_over(test.high) ? Standing::clear : Standing::unclear;
}

/// Without a baseline. R² and MCC are 0 for what says nothing of a row, whatever the study's
/// metric.
Against against_guessing(const ReportFacts& facts) {
  Against against;
  against.metric = is_regression(facts) ? "r2" : "mcc";
  against.is_guessing = true;
  const auto test = test_score(facts, against.metric);
  if (!test) return against;
  against.test = *test;
  if (test->value <= 0) {
    against.standing = Standing::worse;
  } else if (!test->has_range) {
    against.standing = Standing::better;
  } else {
    against.standing = test->low > 0 ? Standing::clear : Standing::unclear;
  }
  return against;
}

double sum_of_mattering(const Json& columns) {
  double sum = 0;
  for (const Json& column : columns)
    sum += std::max(0.0, number_at(column, {"mean"}).value_or(0));
  return sum;
}

std::vector<ClassShare> shares_of_levels(const Json& column) {
  const Json& levels = list_at(column, {"top"});
  double sum = 0;
  for (const Json& level : levels)
    sum += number_at(level, {"count"}).value_or(0);
  std::vector<ClassShare> shares;
  if (count_at(column, {"distinct"}) != levels.size() || sum <= 0) return shares;
  for (const Json& level : levels)
    shares.push_back({text_at(level, {"value"}), number_at(level, {"count"}).value_or(0) / sum});
  return shares;
}

std::vector<ClassShare> shares_of_test_rows(const ReportFacts& facts) {
  const auto classes = class_counts(facts);
  double sum = 0;
  for (const ClassCount& one : classes)
    sum += static_cast<double>(one.rows);
  std::vector<ClassShare> shares;
  if (sum <= 0) return shares;
  for (const ClassCount& one : classes)
    shares.push_back({one.name, static_cast<double>(one.rows) / sum});
  return shares;
}

}  // namespace

std::string metric_of(const ReportFacts& facts) {
  const std::string metric = text_at(facts.study, {"metric"});
  return metric.empty() ? text_at(evidence_of(facts), {"metric"}) : metric;
}

bool is_maximized(const ReportFacts& facts) {
  return text_at(facts.study, {"direction"}) == "maximize";
}

bool is_regression(const ReportFacts& facts) {
  return text_at(facts.study, {"task"}) == "regression";
}

bool is_better(const ReportFacts& facts, double one, double other) {
  return is_maximized(facts) ? one > other : one < other;
}

const Json& evidence_of(const ReportFacts& facts) {
  return part_at(facts.report, {"evidence"});
}

std::optional<MeasuredScore> test_score(const ReportFacts& facts, std::string_view metric) {
  const Json& shown = part_at(evidence_of(facts), {"scores", metric});
  if (const auto value = number_at(shown, {"value"})) return score_in(shown, *value);
  if (const auto value = number_at(facts.study, {"result", "test", metric}))
    return MeasuredScore{*value};
  return std::nullopt;
}

std::optional<double> validation_score(const ReportFacts& facts, std::string_view metric) {
  return number_at(facts.study, {"result", "validation", metric});
}

std::optional<double> baseline_score(const ReportFacts& facts, std::string_view metric) {
  for (const Json& family : list_at(facts.report, {"families"})) {
    if (text_at(family, {"family"}) != "baseline") continue;
    if (metric == metric_of(facts)) return number_at(family, {"best", "value"});
    const auto number = count_at(family, {"best", "number"});
    return number ? number_at(trial_at(facts, *number), {"metrics", metric}) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> test_rows(const ReportFacts& facts) {
  if (const auto rows = count_at(evidence_of(facts), {"rows"})) return rows;
  return count_at(facts.study, {"result", "rows", "test"});
}

bool is_in_turn(const ReportFacts& facts) {
  const Json& rows = part_at(facts.study, {"result", "rows"});
  const bool has_folds = is_bag(facts) ||
                         count_at(facts.study, {"split", "folds"}).value_or(1) > 1 ||
                         text_at(facts.study, {"split", "method"}) == "kfold";
  const std::uint64_t train = count_at(rows, {"train"}).value_or(0);
  const std::uint64_t validation = count_at(rows, {"validation"}).value_or(0);
  return has_folds && validation > train / 2;  // rows of rare classes only train
}

std::optional<std::uint64_t> learning_rows(const ReportFacts& facts) {
  const Json& rows = part_at(facts.study, {"result", "rows"});
  const auto train = count_at(rows, {"train"});
  if (!train) return std::nullopt;
  return is_in_turn(facts) ? *train : *train + count_at(rows, {"validation"}).value_or(0);
}

Against against_baseline(const ReportFacts& facts) {
  const std::string metric = metric_of(facts);
  const auto baseline = baseline_score(facts, metric);
  if (!baseline) return against_guessing(facts);
  const auto test = test_score(facts, metric);
  const auto validation = validation_score(facts, metric);
  if (!test && !validation) return {};
  Against against;
  against.metric = metric;
  against.other = *baseline;
  against.is_measured = test.has_value();
  against.test = test ? *test : MeasuredScore{*validation};
  against.standing = standing_of(facts, against);
  if (!is_maximized(facts) && *baseline > 0 && against.test.value >= 0)
    against.less = 1 - against.test.value / *baseline;
  return against;
}

std::vector<ColumnShare> column_shares(const ReportFacts& facts) {
  const Json& columns = list_at(evidence_of(facts), {"importance", "columns"});
  const double sum = sum_of_mattering(columns);
  std::vector<ColumnShare> shares;
  for (const Json& column : columns) {
    const auto mean = number_at(column, {"mean"});
    if (!mean) continue;
    const double share = sum > 0 ? std::max(0.0, *mean) / sum : 0;
    shares.push_back({text_at(column, {"name"}),
                      *mean,
                      std::abs(number_at(column, {"spread"}).value_or(0)),
                      share});
  }
  std::ranges::stable_sort(shares, std::ranges::greater{}, &ColumnShare::mean);
  return shares;
}

std::vector<ClassCount> class_counts(const ReportFacts& facts) {
  const Json& names = list_at(evidence_of(facts), {"classes"});
  const Json& rows = list_at(evidence_of(facts), {"confusion"});
  if (names.size() != rows.size()) return {};
  std::vector<ClassCount> counts;
  for (const Json& name : names)
    counts.push_back({text_at(name, {}), 0, 0, 0});
  for (std::size_t truth = 0; truth < counts.size(); ++truth) {
    const Json& cells = list_at(rows[truth], {});
    if (cells.size() != counts.size()) return {};
    for (std::size_t said = 0; said < counts.size(); ++said) {
      const std::uint64_t count = count_at(cells[said], {}).value_or(0);
      counts[truth].rows += count;
      counts[said].said += count;
      if (truth == said) counts[truth].hits += count;
    }
  }
  return counts;
}

std::optional<Coverage> coverage_of(const ReportFacts& facts) {
  const Json& found = part_at(evidence_of(facts), {"coverage"});
  const auto level = number_at(found, {"level"});
  const auto share = number_at(found, {"share"});
  const auto rows = count_at(found, {"rows"});
  if (!level || !share || !rows || *rows == 0 || *level <= 0 || *level >= 1) return std::nullopt;
  const double error = std::sqrt(*level * (1 - *level) / static_cast<double>(*rows));
  return Coverage{*level,
                  *share,
                  number_at(found, {"width"}).value_or(0),
                  *rows,
                  *share < *level - kOneSided * error};
}

SearchCost cost_of(const ReportFacts& facts) {
  SearchCost cost;
  std::set<std::string> nodes;
  for (const Json& trial : list_at(facts.trials, {})) {
    ++cost.trials;
    cost.completed += text_at(trial, {"state"}) == "completed" ? 1 : 0;
    cost.trial_seconds += std::max(0.0, number_at(trial, {"seconds"}).value_or(0));
    if (const auto peak = number_at(trial, {"peak_mb"}))
      cost.peak_mb = std::max(cost.peak_mb.value_or(0), *peak);
    const std::string node = text_at(trial, {"node_name"});
    nodes.insert(node.empty() ? text_at(trial, {"node"}) : node);
  }
  nodes.erase("");
  cost.nodes = nodes.size();
  const auto started = number_at(facts.study, {"started_ms"});
  const auto ended = number_at(facts.study, {"ended_ms"});
  if (started && ended && *started > 0 && *ended >= *started)
    cost.wall_seconds = (*ended - *started) / 1000;
  return cost;
}

bool is_bag(const ReportFacts& facts) {
  if (!evidence_of(facts).is_object()) return text_at(facts.study, {"final_model"}) == "bag";
  return part_at(evidence_of(facts), {"bag"}).is_object();
}

std::vector<Candidate> candidates_of(const ReportFacts& facts) {
  std::vector<Candidate> candidates;
  for (const Json& one : list_at(evidence_of(facts), {"candidates"})) {
    candidates.push_back({.trial = count_at(one, {"trial"}),
                          .weight = number_at(one, {"weight"}),
                          .validation = number_at(one, {"validation"}),
                          .low = number_at(one, {"low"}),
                          .high = number_at(one, {"high"}),
                          .test = number_at(one, {"test"}),
                          .bytes = number_at(one, {"bytes"}),
                          .predict_ms = number_at(one, {"predict_ms"}),
                          .ties = flag_at(one, {"ties"}),
                          .smallest = flag_at(one, {"smallest"})});
  }
  return candidates;
}

std::string name_of(const Candidate& candidate) {
  return candidate.trial ? fmt::format("Trial {}", *candidate.trial) : "All, blended";
}

const Json& target_column(const ReportFacts& facts) {
  const std::string target = text_at(facts.study, {"target"});
  for (const Json& column : list_at(facts.dataset, {"columns"})) {
    if (!target.empty() && text_at(column, {"name"}) == target) return column;
  }
  return no_part();
}

std::vector<ClassShare> class_shares(const ReportFacts& facts) {
  std::vector<ClassShare> shares = shares_of_levels(target_column(facts));
  if (shares.empty()) shares = shares_of_test_rows(facts);
  std::ranges::stable_sort(shares, std::ranges::greater{}, &ClassShare::share);
  return shares;
}

}  // namespace starling::web
