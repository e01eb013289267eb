/// What metrics and families of models are called, and what they mean, for people.
///
/// Source: scikit-learn's definitions, which ml/table/metrics.h follows. Threads: none. Pure.
#pragma once

#include <string>
#include <string_view>

namespace starling::web {

/// What kind of number a score is.
enum class ScoreKind { error_in_units, error, share_of_best };

struct MetricWords {
  std::string label;    ///< RMSE
  std::string meaning;  ///< one sentence; empty of metrics of other programs
  ScoreKind kind = ScoreKind::error;
};

/// A name that is not known is its own label.
MetricWords metric_words(std::string_view metric);

/// "boosted trees" of xgboost; empty of what is not known.
std::string_view family_words(std::string_view family);

}  // namespace starling::web
