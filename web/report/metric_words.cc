#include "web/report/metric_words.h"

#include <array>

namespace starling::web {

namespace {

struct KnownMetric {
  std::string_view name, label, meaning;
  ScoreKind kind;
};

constexpr std::array<KnownMetric, 15> kMetrics{{
    {"rmse",
     "RMSE",
     "Root mean squared error: the usual size of an error, in the target's own units; large errors "
     "count more. Smaller is better.",
     ScoreKind::error_in_units},
    {"mae",
     "MAE",
     "Mean absolute error: how far off a prediction is on average, in the target's own units. "
     "Smaller is better.",
     ScoreKind::error_in_units},
    {"r2",
     "R²",
     "The share of the target's differences between rows that is explained: 1 is perfect, 0 is no "
     "better than saying the mean.",
     ScoreKind::share_of_best},
    {"rmsle",
     "RMSLE",
     "Root mean squared error of log(1 + y): errors count by ratio, not by size. Smaller is "
     "better.",
     ScoreKind::error},
    {"mape",
     "MAPE",
     "Mean absolute error as a share of the true value; enormous where that is near 0. Smaller is "
     "better.",
     ScoreKind::error},
    {"pinball",
     "Pinball loss",
     "At the level 0.5: half of the mean absolute error, in the target's own units. Smaller is "
     "better.",
     ScoreKind::error_in_units},
    {"log_loss",
     "Log loss",
     "How surprised the stated chances are by what came true: being sure and wrong costs most. "
     "Smaller is better; 0 is perfect.",
     ScoreKind::error},
    {"brier",
     "Brier score",
     "Mean squared difference between the stated chance and what came true. Smaller is better; 0 "
     "is "
     "perfect.",
     ScoreKind::error},
    {"accuracy",
     "Accuracy",
     "The share of rows whose class is named rightly; easily high where one class is frequent.",
     ScoreKind::share_of_best},
    {"balanced_accuracy",
     "Balanced accuracy",
     "The share of each class that is named rightly, averaged over classes: a rare class counts as "
     "much as a frequent one.",
     ScoreKind::share_of_best},
    {"f1",
     "F1",
     "Of the second class, the harmonic mean of precision (how many of those named are right) and "
     "recall (how many are found); 1 is perfect.",
     ScoreKind::share_of_best},
    {"f1_macro",
     "F1 (macro)",
     "The F1 of each class, averaged over classes; 1 is perfect.",
     ScoreKind::share_of_best},
    {"roc_auc",
     "ROC AUC",
     "The chance that a row of the class is ranked above one that is not: 1 is perfect, 0.5 is "
     "guessing.",
     ScoreKind::share_of_best},
    {"pr_auc",
     "PR AUC",
     "Average precision: how pure the rows ranked first are, over all recalls; guessing scores the "
     "share of the class.",
     ScoreKind::share_of_best},
    {"mcc",
     "MCC",
     "Matthews correlation between what was said and what was true: 1 is perfect, 0 is guessing.",
     ScoreKind::share_of_best},
}};

}  // namespace

MetricWords metric_words(std::string_view metric) {
  for (const KnownMetric& known : kMetrics) {
    if (known.name == metric)
      return {std::string{known.label}, std::string{known.meaning}, known.kind};
  }
  return {metric.empty() ? "score" : std::string{metric}, "", ScoreKind::error};
}

std::string_view family_words(std::string_view family) {
  if (family == "baseline") return "says the mean, or how often each class is";
  if (family == "linear") return "linear or logistic regression";
  if (family == "xgboost") return "boosted trees";
  if (family == "mlp") return "neural network";
  if (family == "realmlp") return "neural network (RealMLP)";
  if (family == "resnet") return "residual neural network";
  if (family == "tabm") return "several neural networks in one (TabM)";
  return "";
}

}  // namespace starling::web
