/// The standard normal distribution where TPE needs it: masses far in the tails, and inversion.
///
/// Source: Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (1988);
///         Abramowitz and Stegun 26.2.12 for the far tail.
#pragma once

namespace starling::ml {

/// log of the mass below x. Relative error below 1e-12 for every finite x.
double log_normal_below(double x);

/// log of the mass of [a, b], a <= b; -infinity if they are equal. No cancellation in the tails.
double log_normal_mass(double a, double b);

/// The x whose mass in [0, x] is `mass`, in (-0.5, 0.5): the quantile of 0.5 + mass.
/// Relative error about 1e-15 near 0, absolute error below 1e-9 as far as x = 6.
double normal_from_centre(double mass);

/// The quantile `unit` (in [0, 1)) of the standard normal truncated to [a, b], where a <= 0 <= b.
double truncated_normal(double a, double b, double unit);

}  // namespace starling::ml
