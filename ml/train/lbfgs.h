/// The minimum of a smooth function by its gradient: limited-memory BFGS with backtracking.
///
/// Threads: none. Pure: the same calls give the same numbers.
///
/// Source: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4, 7.5 and 3.1.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <iosfwd>
#include <utility>
#include <vector>

namespace starling::ml {

class Lbfgs {
 public:
  /// The function at `x`; fills `slope`, which has as many entries.
  using Objective = std::function<double(const std::vector<double>& x, std::vector<double>& slope)>;

  explicit Lbfgs(std::vector<double> start) : x_(std::move(start)) {}

  /// To a lower point, or, once there is none to be found, nowhere.
  void step(const Objective& objective);

  const std::vector<double>& x() const { return x_; }

  double value() const { return value_; }  ///< at `x`, after the first step

  bool has_converged() const { return has_converged_; }

  std::size_t state_bytes() const;
  void save(std::ostream& out) const;

  /// Throws if it is cut off; of a minimum in as many dimensions.
  void restore(std::istream& in);

 private:
  struct Pair {
    std::vector<double> moved, turned;  ///< of the point, of the slope
    double product = 0;                 ///< of the two
  };

  std::vector<double> direction() const;
  bool move(const Objective& objective, const std::vector<double>& direction, double slope);
  void learn(std::vector<double> x, std::vector<double> slope);

  std::vector<double> x_, slope_;
  double value_ = 0;
  bool has_begun_ = false;
  bool has_converged_ = false;
  std::deque<Pair> pairs_;  ///< the newest last
};

}  // namespace starling::ml
