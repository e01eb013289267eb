/// Durations that were measured, and what is said of them.
///
/// Threads: none of its own.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

namespace starling::bench {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

class Samples {
 public:
  void add(Clock::duration duration);
  void add(const Samples& others);

  std::size_t count() const { return sorted_.size(); }

  /// The smallest sample that `share` (0 to 1) of all do not exceed, in µs. 0 if there is none.
  double quantile_us(double share) const;

  /// {"count", "p50_us", "p95_us", "p99_us", "max_us"}
  Json to_json() const;

 private:
  mutable std::vector<float> sorted_;  ///< µs; in order once somebody has asked
  mutable bool is_sorted_ = true;
};

/// The middle of `numbers`; 0 if there is none.
double median(std::vector<double> numbers);

/// To 4 digits, so that a person can read the JSON.
double rounded(double number);

}  // namespace starling::bench
