#include "ml/report/slices.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace starling::ml {
namespace {

constexpr std::size_t kQuarters = 4;
constexpr double kNormal95 = 1.959963984540054;

using Places = std::vector<std::size_t>;  // of judged rows

bool is_right(const Judged& judged, std::size_t row) {
  return said_class(judged, row) == static_cast<std::size_t>(judged.truth_classes[row]);
}

void judge(const Judged& judged, const Places& places, Slice& slice) {
  slice.rows = places.size();
  if (judged.task != TaskKind::regression) {
    const auto hits =
        std::ranges::count_if(places, [&](std::size_t row) { return is_right(judged, row); });
    slice.hits = wilson_interval(static_cast<std::size_t>(hits), places.size());
    return;
  }
  for (const std::size_t row : places)
    slice.error += std::abs(judged.values[row] - judged.truth_values[row]) /
                   static_cast<double>(places.size());
}

/// Equal numbers stay together, so that quarters of few values may be fewer.
std::vector<Slice> by_quarters(const TableColumn& column,
                               std::span<const std::uint32_t> rows,
                               const Judged& judged) {
  Places known;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (std::isfinite(column.numbers[rows[i]])) known.push_back(i);
  const auto number = [&](std::size_t i) { return column.numbers[rows[i]]; };
  std::ranges::stable_sort(known, {}, number);
  std::vector<Slice> slices;
  std::size_t begin = 0;
  for (std::size_t quarter = 1; quarter <= kQuarters; ++quarter) {
    std::size_t end = known.size() * quarter / kQuarters;
    while (end > 0 && end < known.size() && number(known[end]) == number(known[end - 1]))
      ++end;
    if (end < begin + kSliceRowsMin) continue;
    Slice& slice = slices.emplace_back();
    slice.from = number(known[begin]);
    slice.to = number(known[end - 1]);
    judge(judged,
          Places(known.begin() + std::ptrdiff_t(begin), known.begin() + std::ptrdiff_t(end)),
          slice);
    begin = end;
  }
  return slices;
}

std::vector<Slice> by_levels(const TableColumn& column,
                             std::span<const std::uint32_t> rows,
                             const Judged& judged) {
  std::map<std::int32_t, Places> by_code;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (column.codes[rows[i]] >= 0) by_code[column.codes[rows[i]]].push_back(i);
  std::vector<std::pair<std::int32_t, Places>> levels{by_code.begin(), by_code.end()};
  std::ranges::stable_sort(
      levels, std::ranges::greater{}, [](const auto& level) { return level.second.size(); });
  std::vector<Slice> slices;
  for (const auto& [code, places] : levels) {
    if (places.size() < kSliceRowsMin || slices.size() == kSlicesMax) break;
    Slice& slice = slices.emplace_back();
    slice.level = column.levels[static_cast<std::size_t>(code)];
    judge(judged, places, slice);
  }
  return slices;
}

}  // namespace

ShareInterval wilson_interval(std::size_t hits, std::size_t rows) {
  if (rows == 0) return {};
  const auto n = static_cast<double>(rows);
  const double share = static_cast<double>(hits) / n;
  const double z2 = kNormal95 * kNormal95;
  const double middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kNormal95 / (1 + z2 / n) * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return {share, std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

std::vector<Slice> slices_by(const TableColumn& column,
                             std::span<const std::uint32_t> rows,
                             const Judged& judged) {
  if (holds_words(column.type) || column.type == ColumnType::date) return {};
  return column.is_number() ? by_quarters(column, rows, judged) : by_levels(column, rows, judged);
}

}  // namespace starling::ml
