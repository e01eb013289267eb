#include "ml/search/normal_distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>

namespace starling::ml {
namespace {

constexpr double kSqrt2 = std::numbers::sqrt2;
constexpr double kLogSqrt2Pi = 0.91893853320467274178;

double polynomial(std::span<const double> coefficients, double x) {
  double sum = 0;
  for (auto next = coefficients.rbegin(); next != coefficients.rend(); ++next)
    sum = sum * x + *next;
  return sum;
}

/// The asymptotic series of erfc, for x where the mass itself is below the smallest double.
double log_below_far_left(double x) {
  const double inverse_square = 1 / (x * x);
  double term = 1;
  double sum = 1;
  for (int k = 1; k <= 12; ++k) {
    term *= -static_cast<double>(2 * k - 1) * inverse_square;
    sum += term;
  }
  return -0.5 * x * x - std::log(-x) - kLogSqrt2Pi + std::log(sum);
}

/// log(exp(large) - exp(small)).
double log_difference(double large, double small) {
  return large + std::log1p(-std::exp(small - large));
}

constexpr double kCentreTop[] = {3.3871328727963666080e0,
                                 1.3314166789178437745e+2,
                                 1.9715909503065514427e+3,
                                 1.3731693765509461125e+4,
                                 4.5921953931549871457e+4,
                                 6.7265770927008700853e+4,
                                 3.3430575583588128105e+4,
                                 2.5090809287301226727e+3};
constexpr double kCentreBottom[] = {1.0,
                                    4.2313330701600911252e+1,
                                    6.8718700749205790830e+2,
                                    5.3941960214247511077e+3,
                                    2.1213794301586595867e+4,
                                    3.9307895800092710610e+4,
                                    2.8729085735721942674e+4,
                                    5.2264952788528545610e+3};
constexpr double kTailTop[] = {1.42343711074968357734e0,
                               4.63033784615654529590e0,
                               5.76949722146069140550e0,
                               3.64784832476320460504e0,
                               1.27045825245236838258e0,
                               2.41780725177450611770e-1,
                               2.27238449892691845833e-2,
                               7.74545014278341407640e-4};
constexpr double kTailBottom[] = {1.0,
                                  2.05319162663775882187e0,
                                  1.67638483018380384940e0,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};
constexpr double kFarTop[] = {6.65790464350110377720e0,
                              5.46378491116411436990e0,
                              1.78482653991729133580e0,
                              2.96560571828504891230e-1,
                              2.65321895265761230930e-2,
                              1.24266094738807843860e-3,
                              2.71155556874348757815e-5,
                              2.01033439929228813265e-7};
constexpr double kFarBottom[] = {1.0,
                                 5.99832206555887937690e-1,
                                 1.36929880922735805310e-1,
                                 1.48753612908506148525e-2,
                                 7.86869131145613259100e-4,
                                 1.84631831751005468180e-5,
                                 1.42151175831644588870e-7,
                                 2.04426310338993978564e-15};

}  // namespace

double log_normal_below(double x) {
  if (x > 6) return std::log1p(-0.5 * std::erfc(x / kSqrt2));
  if (x > -20) return std::log(0.5 * std::erfc(-x / kSqrt2));
  return log_below_far_left(x);
}

double log_normal_mass(double a, double b) {
  if (a >= b) return -std::numeric_limits<double>::infinity();
  if (a > 0) return log_normal_mass(-b, -a);
  if (b <= -20) return log_difference(log_normal_below(b), log_normal_below(a));
  if (b <= 0) return std::log(0.5 * (std::erfc(-b / kSqrt2) - std::erfc(-a / kSqrt2)));
  return std::log(0.5 * (std::erf(b / kSqrt2) - std::erf(a / kSqrt2)));
}

double normal_from_centre(double mass) {
  if (std::abs(mass) <= 0.425) {
    const double r = 0.180625 - mass * mass;
    return mass * polynomial(kCentreTop, r) / polynomial(kCentreBottom, r);
  }
  const double beyond = std::max(0.5 - std::abs(mass), std::numeric_limits<double>::min());
  const double r = std::sqrt(-std::log(beyond));
  const double x = r <= 5 ? polynomial(kTailTop, r - 1.6) / polynomial(kTailBottom, r - 1.6)
                          : polynomial(kFarTop, r - 5) / polynomial(kFarBottom, r - 5);
  return std::copysign(x, mass);
}

double truncated_normal(double a, double b, double unit) {
  const double mass_a = 0.5 * std::erf(a / kSqrt2);
  const double mass_b = 0.5 * std::erf(b / kSqrt2);
  return std::clamp(normal_from_centre(mass_a + unit * (mass_b - mass_a)), a, b);
}

}  // namespace starling::ml
