/// Makes chances honest, and finds the chance from which on a class is best said.
///
/// All deterministic. Threads: none. Pure.
/// Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017),
///         section 4.2: temperature scaling.
#pragma once

#include "ml/table/metrics.h"

#include <cstddef>
#include <span>

namespace starling::ml {

constexpr double kTemperatureMin = 0.05;
constexpr double kTemperatureMax = 20;

/// The T in [kTemperatureMin, kTemperatureMax], to a millionth of it, for which the mean log loss
/// of softmax(log p / T) is least; 1 if that loss is not less than without it. Above 1: the model
/// was too sure of itself. `judged` is of classes and has a row.
double fit_temperature(const Judged& judged);

/// softmax(log p / T) of each row of `class_count` probabilities, in their place. A chance below a
/// ten-millionth counts as that much, so that no temperature has to work on a certainty. A larger
/// chance never becomes the smaller one. At 1 no bit changes.
void apply_temperature(double temperature,
                       std::size_t class_count,
                       std::span<double> probabilities);

/// What a model whose logits are adjusted by so much would say without that. Of chances that are
/// then equal, but for a millionth for each class between, of two classes the second is said, of
/// more the first: in the same way whoever computes it.
ClassRule rule_without(std::span<const double> logit_adjustment);

/// The chance of the second of two classes from which on it must be said (`said_class`) so that the
/// score is best.
///
/// For metrics of what is said: accuracy, f1, f1_macro, balanced_accuracy and mcc. Tried are 0.5
/// and the middles between neighbouring chances; of equal scores the one closest to 0.5 is taken,
/// of two as close the lower. 0.5 for all other metrics, and for another number of classes. The
/// chances are finite, and such as will be judged: scaled by the temperature, if there is one.
/// Time: n log n.
double best_threshold(Metric metric, const Judged& judged);

/// How one of more than two classes must be said so that the score is best: the factors are a power
/// of how rare the classes are among these rows, share^-a with a of 0, 0.1 .. 1; of equal scores
/// the least a. A class that none of them is of has 1. At 0, for all other metrics and for two
/// classes there are none.
std::vector<double> best_factors(Metric metric, const Judged& judged);

/// Both.
ClassRule best_rule(Metric metric, const Judged& judged);

}  // namespace starling::ml
