/// The API's JSON as the tables and sentences that people read. Pure.
#pragma once

#include "bootstrap/client/json_access.h"
#include "bootstrap/client/terminal.h"

#include <string>

namespace starling::bootstrap {

/// The best completed trials, best first, with the parameters in which trials differ.
std::string leaderboard_text(const Json& study,
                             const Json& trials,
                             std::size_t rows,
                             const TextStyle& style);

/// "rmse 4,500.2 · r2 0.86", the study's own metric first.
std::string metrics_text(const Json& metrics, const std::string& first, const TextStyle& style);

/// "final: refit (an answer is to take 1 ms at most)": what nobody asked for in so many words.
std::string decision_text(const Json& decision);

/// What the bar of a study shows.
Progress study_progress(const Json& study, double seconds);

/// How a study that has ended ended, in one line.
std::string study_end_text(const Json& study, const TextStyle& style);

/// Validation and test metrics with the rows behind them. Empty without a result.
std::string result_text(const Json& study, const TextStyle& style);

std::string datasets_text(const Json& datasets, const TextStyle& style);
std::string dataset_text(const Json& dataset, const TextStyle& style);
std::string studies_text(const Json& studies, const TextStyle& style);
std::string trials_text(const Json& study, const Json& trials, const TextStyle& style);
std::string trial_text(const Json& trial, const TextStyle& style);
std::string models_text(const Json& models, const TextStyle& style);
std::string model_text(const Json& model, const TextStyle& style);
std::string members_text(const Json& swarm, const TextStyle& style);

/// A parameter's or cell's value, as short as it can be read.
std::string value_text(const Json& value);

}  // namespace starling::bootstrap
