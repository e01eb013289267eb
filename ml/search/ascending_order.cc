#include "ml/search/ascending_order.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace starling::ml {
namespace {

using Indices = std::span<std::size_t>;

constexpr std::size_t kInsertionMax = 16;

class Quicksort {
 public:
  explicit Quicksort(std::span<const double> values) : values_(values) {}

  /// `depth` bounds the partitions; input that exhausts it is sorted stably instead.
  void run(Indices indices, int depth) const {
    while (indices.size() > kInsertionMax) {
      if (depth-- < 0) return stable(indices);
      const std::size_t middle = partition(indices);
      run(indices.first(middle), depth);
      indices = indices.subspan(middle + 1);
    }
    stable(indices);
  }

 private:
  /// For 16 or fewer this gives what insertion sort gives.
  void stable(Indices indices) const {
    std::ranges::stable_sort(indices, {}, [&](std::size_t i) { return values_[i]; });
  }

  bool is_less(std::size_t a, std::size_t b) const { return values_[a] < values_[b]; }

  /// Returns: where the pivot ended up.
  std::size_t partition(Indices indices) const {
    const std::size_t last = indices.size() - 1;
    const std::size_t middle = last / 2;
    if (is_less(indices[middle], indices[0])) std::swap(indices[middle], indices[0]);
    if (is_less(indices[last], indices[middle])) std::swap(indices[last], indices[middle]);
    if (is_less(indices[middle], indices[0])) std::swap(indices[middle], indices[0]);
    const std::size_t pivot = indices[middle];
    std::swap(indices[middle], indices[last - 1]);
    std::size_t left = 0;
    std::size_t right = last - 1;
    for (;;) {
      do {
        ++left;
      } while (is_less(indices[left], pivot));
      do {
        --right;
      } while (is_less(pivot, indices[right]));
      if (left >= right) break;
      std::swap(indices[left], indices[right]);
    }
    std::swap(indices[left], indices[last - 1]);
    return left;
  }

  std::span<const double> values_;
};

}  // namespace

std::vector<std::size_t> ascending_order(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Quicksort(values).run(order, 2 * static_cast<int>(std::bit_width(values.size())));
  return order;
}

}  // namespace starling::ml
