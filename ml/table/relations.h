/// Columns that follow from others: copies and sums. If one of them is the target, the others tell
/// it, and a model would learn nothing but that.
///
/// Judged on rows spread over the whole table, at most 1,000.
///
/// Source: modified Gram-Schmidt with a second pass (Björck, "Numerical Methods for Least Squares
/// Problems", 1996, 2.4). Threads: none. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kRelationRowsMax = 1000;
inline constexpr std::size_t kRelationColumnsMax = 256;
inline constexpr std::size_t kRelationMembersMax = 8;

/// `column` = constant + sum of factor * other, in every row that was looked at.
struct Relation {
  std::string column;
  std::vector<std::string> from;
  std::vector<double> factors;  ///< one per `from`
  double constant = 0;

  friend bool operator==(const Relation&, const Relation&) = default;
};

/// total = fare + tip, or price = 0.92 * euros.
std::string to_string(const Relation& relation);

/// Rows of numbers kept from a stream of unknown length: every k-th, where k doubles when they are
/// too many.
class RowSample {
 public:
  explicit RowSample(std::size_t columns);

  /// Whether the next row is to be given to `add`; call it once per row.
  bool wants_next() {
    if (until_next_-- > 0) return false;
    until_next_ = stride_ - 1;
    return true;
  }

  /// NaN is missing.
  void add(std::span<const double> row);

  std::size_t rows() const { return values_.size() / columns_; }

  double at(std::size_t row, std::size_t column) const { return values_[row * columns_ + column]; }

 private:
  std::size_t columns_;
  std::size_t rows_max_;
  std::uint64_t until_next_ = 0;  ///< rows to leave out
  std::uint64_t stride_ = 1;
  std::vector<double> values_;
};

/// `names` are those of the sample's columns. Needs at least 20 rows in which all members are
/// there; columns that are constant in the sample are in no relation.
std::vector<Relation> find_relations(const RowSample& sample, std::span<const std::string> names);

}  // namespace starling::ml
