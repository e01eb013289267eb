#include "ml/train/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <istream>
#include <ostream>
#include <stdexcept>

namespace starling::ml {
namespace {

constexpr std::size_t kPairsMax = 10;
constexpr double kFlat = 1e-6;           // no slope is greater at the minimum
constexpr double kEnough = 1e-4;         // of the fall that the slope promises
constexpr int kHalvingsMax = 30;         // until a step is too small
constexpr double kCurvatureMin = 1e-10;  // of a pair that says something

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

void add(std::vector<double>& to, double factor, const std::vector<double>& what) {
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] += factor * what[i];
}

double steepest(const std::vector<double>& slope) {
  double most = 0;
  for (const double one : slope)
    most = std::max(most, std::abs(one));
  return most;
}

void put(std::ostream& out, const std::vector<double>& values) {
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(double)));
}

void take(std::istream& in, std::vector<double>& values) {
  in.read(reinterpret_cast<char*>(values.data()),
          static_cast<std::streamsize>(values.size() * sizeof(double)));
}

}  // namespace

/// The slope turned by what the last steps say of the curvature.
std::vector<double> Lbfgs::direction() const {
  std::vector<double> down = slope_;
  std::vector<double> shares(pairs_.size());
  for (std::size_t i = pairs_.size(); i-- > 0;) {
    shares[i] = dot(pairs_[i].moved, down) / pairs_[i].product;
    add(down, -shares[i], pairs_[i].turned);
  }
  const double scale =
      pairs_.empty() ? 1 / std::max(1.0, std::sqrt(dot(slope_, slope_)))
                     : pairs_.back().product / dot(pairs_.back().turned, pairs_.back().turned);
  for (double& one : down)
    one *= scale;
  for (std::size_t i = 0; i < pairs_.size(); ++i)
    add(down, shares[i] - dot(pairs_[i].turned, down) / pairs_[i].product, pairs_[i].moved);
  for (double& one : down)
    one = -one;
  return down;
}

void Lbfgs::learn(std::vector<double> x, std::vector<double> slope) {
  Pair pair{x, slope, 0};
  add(pair.moved, -1, x_);
  add(pair.turned, -1, slope_);
  pair.product = dot(pair.moved, pair.turned);
  x_ = std::move(x);
  slope_ = std::move(slope);
  if (pair.product <= kCurvatureMin * dot(pair.turned, pair.turned)) return;
  pairs_.push_back(std::move(pair));
  if (pairs_.size() > kPairsMax) pairs_.pop_front();
}

bool Lbfgs::move(const Objective& objective, const std::vector<double>& direction, double slope) {
  double length = 1;
  for (int halvings = 0; halvings < kHalvingsMax; ++halvings, length /= 2) {
    std::vector<double> there = x_;
    add(there, length, direction);
    if (there == x_) return false;
    std::vector<double> slope_there(x_.size());
    const double value = objective(there, slope_there);
    if (!(value <= value_ + kEnough * length * slope)) continue;
    value_ = value;
    learn(std::move(there), std::move(slope_there));
    return true;
  }
  return false;
}

void Lbfgs::step(const Objective& objective) {
  if (!has_begun_) {
    slope_.assign(x_.size(), 0);
    value_ = objective(x_, slope_);
    has_begun_ = true;
  }
  if (has_converged_ || !std::isfinite(value_)) return;
  std::vector<double> down = direction();
  double slope = dot(down, slope_);
  if (!(slope < 0)) {  // what was learned does not fit here
    pairs_.clear();
    down = direction();
    slope = dot(down, slope_);
  }
  has_converged_ =
      !(steepest(slope_) > kFlat) || !move(objective, down, slope) || !(steepest(slope_) > kFlat);
}

std::size_t Lbfgs::state_bytes() const {
  const std::size_t vectors = 1 + (has_begun_ ? 1 : 0) + 2 * pairs_.size();
  return 3 * sizeof(std::uint64_t) + sizeof(double) + vectors * x_.size() * sizeof(double);
}

void Lbfgs::save(std::ostream& out) const {
  const std::uint64_t head[] = {has_begun_, has_converged_, pairs_.size()};
  out.write(reinterpret_cast<const char*>(head), sizeof(head));
  put(out, {value_});
  put(out, x_);
  put(out, slope_);
  for (const Pair& pair : pairs_) {
    put(out, pair.moved);
    put(out, pair.turned);
  }
}

void Lbfgs::restore(std::istream& in) {
  std::uint64_t head[3] = {};
  std::vector<double> value(1);
  in.read(reinterpret_cast<char*>(head), sizeof(head));
  take(in, value);
  if (!in || head[0] > 1 || head[1] > 1 || head[2] > kPairsMax)
    throw std::runtime_error("the state of training is none");
  has_begun_ = head[0] != 0;
  has_converged_ = head[1] != 0;
  value_ = value.front();
  take(in, x_);
  slope_.assign(has_begun_ ? x_.size() : 0, 0);
  take(in, slope_);
  pairs_.assign(head[2], Pair{x_, x_, 0});
  for (Pair& pair : pairs_) {
    take(in, pair.moved);
    take(in, pair.turned);
    pair.product = dot(pair.moved, pair.turned);
  }
  if (!in) throw std::runtime_error("the state of training is cut off");
}

}  // namespace starling::ml
