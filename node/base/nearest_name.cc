#include "node/base/nearest_name.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace starling {
namespace {

constexpr std::size_t kBytesRead = 64;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Levenshtein's, by one row of the table.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view name,
                                        std::span<const std::string_view> known) {
  const std::string_view start = name.substr(0, kBytesRead);
  std::size_t best = std::max<std::size_t>(2, start.size() / 3) + 1;
  std::optional<std::string> found;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(start, candidate);
    if (distance >= best) continue;
    best = distance;
    found = std::string{candidate};
  }
  return found;
}

}  // namespace starling
