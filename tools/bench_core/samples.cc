#include "tools/bench_core/samples.h"

#include <algorithm>
#include <cmath>

namespace starling::bench {

void Samples::add(Clock::duration duration) {
  sorted_.push_back(std::chrono::duration<float, std::micro>(duration).count());
  is_sorted_ = false;
}

void Samples::add(const Samples& others) {
  sorted_.insert(sorted_.end(), others.sorted_.begin(), others.sorted_.end());
  is_sorted_ = false;
}

double Samples::quantile_us(double share) const {
  if (sorted_.empty()) return 0;
  if (!is_sorted_) std::sort(sorted_.begin(), sorted_.end());
  is_sorted_ = true;
  const auto rank = std::ceil(share * static_cast<double>(sorted_.size()));
  const auto at = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted_[std::min(at, sorted_.size() - 1)];
}

Json Samples::to_json() const {
  return {{"count", count()},
          {"p50_us", rounded(quantile_us(0.50))},
          {"p95_us", rounded(quantile_us(0.95))},
          {"p99_us", rounded(quantile_us(0.99))},
          {"max_us", rounded(quantile_us(1))}};
}

double median(std::vector<double> numbers) {
  if (numbers.empty()) return 0;
  std::sort(numbers.begin(), numbers.end());
  const std::size_t half = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[half] : (numbers[half - 1] + numbers[half]) / 2;
}

double rounded(double number) {
  if (number == 0 || !std::isfinite(number)) return 0;
  const double scale = std::pow(10.0, 3 - std::floor(std::log10(std::abs(number))));
  return std::round(number * scale) / scale;
}

}  // namespace starling::bench
