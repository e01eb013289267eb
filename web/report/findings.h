/// What the facts say, worked out once: scores, how they stand against the baseline, which columns
/// matter, what became of the classes. What is not known is nothing.
///
/// Threads: none. Pure.
#pragma once

#include "web/report/report_facts.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace starling::web {

/// By which the study chose; "" if it is not known.
std::string metric_of(const ReportFacts& facts);
bool is_maximized(const ReportFacts& facts);
bool is_regression(const ReportFacts& facts);
bool is_better(const ReportFacts& facts, double one, double other);

const Json& evidence_of(const ReportFacts& facts);

/// Of one score, low <= value <= high; without independent rows there is no range.
struct MeasuredScore {
  double value = 0;
  bool has_range = false;
  double low = 0, high = 0;
};

/// On the test rows, by what the report shows, else by what the study keeps.
std::optional<MeasuredScore> test_score(const ReportFacts& facts, std::string_view metric);

/// Of the final model, on rows that it did not learn from but that chose it.
std::optional<double> validation_score(const ReportFacts& facts, std::string_view metric);

/// Of the baseline's best trial, on the search's validation rows.
std::optional<double> baseline_score(const ReportFacts& facts, std::string_view metric);

/// How many rows the scores above are of.
std::optional<std::uint64_t> test_rows(const ReportFacts& facts);

/// What the model could learn from: the rows that train and those that validate, each once.
std::optional<std::uint64_t> learning_rows(const ReportFacts& facts);

/// Whether the rows that validate train too, in turn.
bool is_in_turn(const ReportFacts& facts);

/// How the test score stands to that of the baseline or, where none was tried, to guessing (R² or
/// MCC of 0).
enum class Standing {
  unknown,
  worse,    ///< or equal
  unclear,  ///< better, but the range reaches to it
  better,   ///< and no range is known
  clear,    ///< the whole range is better
};

struct Against {
  Standing standing = Standing::unknown;
  std::string metric;          ///< compared by
  MeasuredScore test;          ///< of the metric
  bool is_measured = true;     ///< false: there are no test rows, `test` is a validation score
  double other = 0;            ///< the baseline's
  bool is_guessing = false;    ///< not the baseline's, but what guessing scores
  std::optional<double> less;  ///< of an error: the share of the baseline's that is gone
};

Against against_baseline(const ReportFacts& facts);

struct ColumnShare {
  std::string name;
  double mean = 0, spread = 0;
  double share = 0;  ///< of what all columns that matter lose together
};

/// The most important first.
std::vector<ColumnShare> column_shares(const ReportFacts& facts);

/// The test rows of one class.
struct ClassCount {
  std::string name;
  std::uint64_t rows = 0, said = 0, hits = 0;
};

/// By the confusion; empty where there is none.
std::vector<ClassCount> class_counts(const ReportFacts& facts);

/// Whether intervals hold what they promise.
struct Coverage {
  double level = 0, share = 0, width = 0;
  std::uint64_t rows = 0;
  bool is_low = false;  ///< by more than chance: 1.645 standard errors of a share
};

std::optional<Coverage> coverage_of(const ReportFacts& facts);

struct SearchCost {
  std::uint64_t trials = 0, completed = 0, nodes = 0;
  double trial_seconds = 0;
  std::optional<double> wall_seconds, peak_mb;
};

SearchCost cost_of(const ReportFacts& facts);

/// Whether the model is a bag; where its file has no report, whether it was to be one.
bool is_bag(const ReportFacts& facts);

/// One of a bag's candidates; the first is the bag itself and has no trial.
struct Candidate {
  std::optional<std::uint64_t> trial;
  std::optional<double> weight, validation, low, high, test, bytes, predict_ms;
  bool ties = false;      ///< with the best: the difference may be chance
  bool smallest = false;  ///< of those within one standard error of the best
};

std::vector<Candidate> candidates_of(const ReportFacts& facts);

/// "Trial 7", or "All, blended".
std::string name_of(const Candidate& candidate);

/// Of the target, by its profile, else by the test rows; the most frequent first.
struct ClassShare {
  std::string name;
  double share = 0;
};

std::vector<ClassShare> class_shares(const ReportFacts& facts);

/// The profile of the target; null if it is not known.
const Json& target_column(const ReportFacts& facts);

}  // namespace starling::web
