#include "ml/table/split.h"

#include "node/base/random.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace starling::ml {
namespace {

using Rows = std::vector<std::uint32_t>;

std::uint64_t leading_number(const RowHash& hash) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i)
    number = number << 8 | hash[i];
  return number;
}

/// Where the last `share` of sorted `rows` begins, moved so that equal rows stay on one side; each
/// side gets a row if that can be.
template <class SameAsBefore>
std::size_t cut_at(std::size_t count, double share, const SameAsBefore& same_as_before) {
  if (count < 2) return count;
  const auto wanted = static_cast<std::size_t>(std::llround(share * static_cast<double>(count)));
  const std::size_t last = std::clamp<std::size_t>(wanted, 1, count - 1);
  std::size_t cut = count - last;
  while (cut < count && same_as_before(cut))
    ++cut;
  if (cut < count) return cut;
  cut = count - last;
  while (cut > 0 && same_as_before(cut))
    --cut;
  return cut == 0 ? count : cut;
}

/// Moves the test rows of one class out of `group`.
Rows take_test(std::span<const SplitRow> rows, Rows& group, bool by_threshold) {
  const auto by_hash = [&](std::uint32_t a, std::uint32_t b) {
    return rows[a].hash != rows[b].hash ? rows[a].hash < rows[b].hash : a < b;
  };
  std::sort(group.begin(), group.end(), by_hash);
  std::size_t cut = 0;
  if (by_threshold) {
    const auto limit = static_cast<std::uint64_t>(std::ldexp(1 - kTestShare, 64));
    while (cut < group.size() && leading_number(rows[group[cut]].hash) < limit)
      ++cut;
  } else {
    cut = cut_at(group.size(), kTestShare, [&](std::size_t i) {
      return rows[group[i]].hash == rows[group[i - 1]].hash;
    });
  }
  Rows test(group.begin() + static_cast<std::ptrdiff_t>(cut), group.end());
  group.resize(cut);
  return test;
}

Rows take_validation(std::span<const SplitRow> rows, Rows& group, std::uint64_t seed) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  for (const std::uint32_t row : group) {
    order.emplace_back(mix_seeds(seed, leading_number(rows[row].hash)), row);
  }
  std::sort(order.begin(), order.end());
  const std::size_t cut = cut_at(order.size(), kValidationShare, [&](std::size_t i) {
    return order[i].first == order[i - 1].first;
  });
  Rows validation;
  group.clear();
  for (std::size_t i = 0; i < order.size(); ++i) {
    (i < cut ? group : validation).push_back(order[i].second);
  }
  return validation;
}

ContentHash hash_of_split(std::span<const SplitRow> rows, const Split& split) {
  std::vector<std::pair<RowHash, char>> parts;
  for (const std::uint32_t row : split.train)
    parts.emplace_back(rows[row].hash, 'r');
  for (const std::uint32_t row : split.validation)
    parts.emplace_back(rows[row].hash, 'v');
  for (const std::uint32_t row : split.test)
    parts.emplace_back(rows[row].hash, 't');
  std::sort(parts.begin(), parts.end());
  ContentHasher hasher;
  for (const auto& [hash, part] : parts) {
    hasher.update(std::as_bytes(std::span{hash}));
    hasher.update(std::as_bytes(std::span{&part, 1}));
  }
  return hasher.finish();
}

}  // namespace

Split split_rows(std::span<const SplitRow> rows, std::uint64_t seed) {
  Split split;
  std::map<std::int32_t, Rows> groups;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    if (rows[i].group < 0) {
      ++split.dropped;
    } else {
      groups[rows[i].group].push_back(i);
    }
  }
  const bool by_threshold = rows.size() - split.dropped >= kThresholdSplitRows;
  const auto add = [](Rows& all, const Rows& some) {
    all.insert(all.end(), some.begin(), some.end());
  };
  for (auto& [group, members] : groups) {
    add(split.test, take_test(rows, members, by_threshold));
    add(split.validation, take_validation(rows, members, seed));
    add(split.train, members);
  }
  for (Rows* part : {&split.train, &split.validation, &split.test}) {
    std::sort(part->begin(), part->end());
  }
  split.hash = hash_of_split(rows, split);
  return split;
}

}  // namespace starling::ml
