#include "ml/table/number_coding.h"

#include "ml/search/normal_distribution.h"

#include <algorithm>
#include <cmath>

namespace starling::ml {
namespace {

constexpr std::size_t kRowsPerQuantile = 30;
constexpr double kEnd = 1e-7;  // of the normal distribution, on either side

/// The value at quantile `q`, between the two nearest (numpy's default). `values` is not empty and
/// comes into another order.
double quantile(std::vector<double>& values, double q) {
  const double place = q * static_cast<double>(values.size() - 1);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), at, values.end());
  const double below = *at;
  const double above = at + 1 == values.end() ? below : *std::min_element(at + 1, values.end());
  return below + (place - std::floor(place)) * (above - below);
}

/// 1 / range, or 0 if there is none.
double factor_of(double range) {
  return range > 0 && std::isfinite(1 / range) ? 1 / range : 0;
}

void fit_robust(std::vector<double>& present, NumberCoding& coding) {
  coding.centre = quantile(present, 0.5);
  double range = quantile(present, 0.75) - quantile(present, 0.25);
  if (range == 0) {
    const auto [least, most] = std::minmax_element(present.begin(), present.end());
    range = 0.5 * (*most - *least);
  }
  coding.factor = factor_of(range);
}

/// In two passes: the squares of large numbers that are close would lose what differs. In units of
/// the largest distance: squares of what is large would be infinite.
void fit_standard(const std::vector<double>& present, NumberCoding& coding) {
  const auto count = static_cast<double>(present.size());
  for (const double number : present)
    coding.centre += number / count;
  double most = 0;
  for (const double number : present)
    most = std::max(most, std::abs(number - coding.centre));
  const bool is_constant =
      std::ranges::all_of(present, [&](double number) { return number == present.front(); });
  if (is_constant || most == 0) return;
  double squares = 0;
  for (const double number : present) {
    const double off = (number - coding.centre) / most;
    squares += off * off / count;
  }
  coding.factor = factor_of(most * std::sqrt(squares));
}

void fit_quantiles(std::vector<double>& present, NumberCoding& coding) {
  std::sort(present.begin(), present.end());
  if (present.front() == present.back()) return;
  const std::size_t count =
      std::clamp(present.size() / kRowsPerQuantile, kQuantilesMin, kQuantilesMax);
  for (std::size_t i = 0; i < count; ++i) {
    const double place = static_cast<double>(i) / static_cast<double>(count - 1) *
                         static_cast<double>(present.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, present.size() - 1);
    const double share = place - static_cast<double>(below);
    coding.quantiles.push_back(std::lerp(present[below], present[above], share));
  }
  coding.factor = 1;
}

/// x / sqrt(1 + (x/3)^2), also where the square would overflow.
double smoothly_clipped(double x) {
  constexpr double kFar = 1e9;  // 3 to the last bit of a float, as all beyond
  x = std::clamp(x, -kFar, kFar);
  return x / std::sqrt(1 + (x / 3) * (x / 3));
}

/// In 0 to 1; the middle where several quantiles are `number`.
double place_among(const std::vector<double>& quantiles, double number) {
  const auto first = std::lower_bound(quantiles.begin(), quantiles.end(), number);
  const auto after = std::upper_bound(first, quantiles.end(), number);
  const auto index = [&](auto at) { return static_cast<double>(at - quantiles.begin()); };
  const double last = static_cast<double>(quantiles.size() - 1);
  if (first != after) return (index(first) + index(after) - 1) / 2 / last;
  const double below = *(first - 1);
  return (index(first) - 1 + (number - below) / (*first - below)) / last;
}

double normal_place(const std::vector<double>& quantiles, double number) {
  if (number < quantiles.front()) return normal_from_centre(kEnd - 0.5);
  if (number > quantiles.back()) return normal_from_centre(0.5 - kEnd);
  const double place = std::clamp(place_among(quantiles, number), kEnd, 1 - kEnd);
  return normal_from_centre(place - 0.5);
}

}  // namespace

NumberCoding fit_number(std::vector<double>& present, NumberScaling scaling) {
  NumberCoding coding;
  coding.scaling = scaling;
  if (present.empty()) return coding;
  switch (scaling) {
    case NumberScaling::robust: fit_robust(present, coding); break;
    case NumberScaling::standard: fit_standard(present, coding); break;
    case NumberScaling::quantile: fit_quantiles(present, coding); break;
  }
  return coding;
}

float scaled(const NumberCoding& coding, double number) {
  constexpr double kFar = 1000;  // one absurd cell must not make a whole prediction infinite
  if (coding.factor == 0) return 0;
  switch (coding.scaling) {
    case NumberScaling::robust:
      return static_cast<float>(smoothly_clipped((number - coding.centre) * coding.factor));
    case NumberScaling::standard:
      return static_cast<float>(std::clamp((number - coding.centre) * coding.factor, -kFar, kFar));
    case NumberScaling::quantile: return static_cast<float>(normal_place(coding.quantiles, number));
  }
  return 0;
}

}  // namespace starling::ml
