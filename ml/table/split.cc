#include "ml/table/split.h"

#include "node/base/random.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

namespace starling::ml {
namespace {

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

void add(RowNumbers& all, const RowNumbers& some) {
  all.insert(all.end(), some.begin(), some.end());
}

/// Moves the test rows of one stratum out of `members`.
RowNumbers take_test(std::span<const SplitRow> rows, RowNumbers& members, bool by_threshold) {
  const auto by_hash = [&](std::uint32_t a, std::uint32_t b) {
    return rows[a].hash != rows[b].hash ? rows[a].hash < rows[b].hash : a < b;
  };
  std::sort(members.begin(), members.end(), by_hash);
  std::size_t cut = 0;
  if (by_threshold) {
    const auto limit = static_cast<std::uint64_t>(std::ldexp(1 - kTestShare, 64));
    while (cut < members.size() && leading_number(rows[members[cut]].hash) < limit)
      ++cut;
  } else {
    cut = cut_at(members.size(), kTestShare, [&](std::size_t i) {
      return rows[members[i]].hash == rows[members[i - 1]].hash;
    });
  }
  RowNumbers test(members.begin() + static_cast<std::ptrdiff_t>(cut), members.end());
  members.resize(cut);
  return test;
}

using SeededOrder = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

/// Rows in an order that the seed decides; equal rows are neighbours.
SeededOrder seeded_order(std::span<const SplitRow> rows,
                         const RowNumbers& members,
                         std::uint64_t seed) {
  SeededOrder order;
  order.reserve(members.size());
  for (const std::uint32_t row : members)
    order.emplace_back(mix_seeds(seed, leading_number(rows[row].hash)), row);
  std::sort(order.begin(), order.end());
  return order;
}

/// Shares the rows of one stratum out to train and validation.
void put_validation(std::span<const SplitRow> rows,
                    const RowNumbers& members,
                    std::uint64_t seed,
                    Split& split) {
  const SeededOrder order = seeded_order(rows, members, seed);
  const std::size_t cut = cut_at(order.size(), kValidationShare, [&](std::size_t i) {
    return order[i].first == order[i - 1].first;
  });
  for (std::size_t i = 0; i < order.size(); ++i)
    (i < cut ? split.train : split.validation).push_back(order[i].second);
}

/// Shares the rows of one stratum out to the folds, in equal runs.
void put_folds(std::span<const SplitRow> rows,
               const RowNumbers& members,
               std::uint64_t seed,
               Split& split) {
  const SeededOrder order = seeded_order(rows, members, seed);
  std::size_t fold = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool is_same = i > 0 && order[i].first == order[i - 1].first;
    if (!is_same) fold = i * split.folds.size() / order.size();
    split.folds[fold].push_back(order[i].second);
  }
  add(split.train, members);
  add(split.validation, members);
}

/// Rows with a target by stratum; the others are counted.
std::map<std::int32_t, RowNumbers> strata_of(std::span<const SplitRow> rows, Split& split) {
  std::map<std::int32_t, RowNumbers> strata;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    if (rows[i].stratum < 0) {
      ++split.dropped;
    } else {
      strata[rows[i].stratum].push_back(i);
    }
  }
  return strata;
}

void put_learning(std::span<const SplitRow> rows,
                  const RowNumbers& members,
                  std::uint64_t seed,
                  Split& split) {
  if (split.folds.empty())
    put_validation(rows, members, seed, split);
  else
    put_folds(rows, members, seed, split);
}

void sort_parts(Split& split) {
  for (RowNumbers* part : {&split.train, &split.validation, &split.test, &split.between})
    std::sort(part->begin(), part->end());
  for (RowNumbers& fold : split.folds)
    std::sort(fold.begin(), fold.end());
}

struct Group {
  std::uint64_t order = 0;
  RowNumbers rows;
};

double row_count(const std::vector<Group>& groups) {
  std::size_t count = 0;
  for (const Group& group : groups)
    count += group.rows.size();
  return static_cast<double>(count);
}

/// Moves those whose order is at least `limit` to `part`, unless one has more than `most` rows.
void take_from(std::vector<Group>& groups, std::uint64_t limit, double most, RowNumbers& part) {
  std::erase_if(groups, [&](const Group& group) {
    const bool is_in = group.order >= limit && static_cast<double>(group.rows.size()) <= most;
    if (is_in) add(part, group.rows);
    return is_in;
  });
}

/// Moves groups to `part`, the last first, until it has `share` of the rows. One that would make it
/// too large stays, unless the part were much too small: then the smallest goes. At least `keep`
/// groups stay, if there are more.
void take_share(std::vector<Group>& groups, double share, std::size_t keep, RowNumbers& part) {
  constexpr double kAtMost = 1.25;
  const double wanted = share * row_count(groups);
  std::size_t taken = 0;
  std::vector<Group> left;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    const auto with_it = static_cast<double>(part.size() + group->rows.size());
    const bool is_enough =
        static_cast<double>(part.size()) >= wanted || groups.size() - taken <= keep;
    if (is_enough || with_it > wanted * kAtMost) {
      left.push_back(std::move(*group));
    } else {
      add(part, group->rows);
      ++taken;
    }
  }
  std::ranges::reverse(left);
  groups = std::move(left);
  const bool is_much_too_small = static_cast<double>(part.size()) < wanted / 2;
  if (!is_much_too_small || groups.size() <= keep) return;
  const auto smallest =
      std::ranges::min_element(groups, {}, [](const Group& group) { return group.rows.size(); });
  add(part, smallest->rows);
  groups.erase(smallest);
}

/// The largest group first, each into the fold that has the fewest rows.
void fill_folds(std::vector<Group>& groups, Split& split) {
  std::ranges::stable_sort(
      groups, std::ranges::greater{}, [](const Group& group) { return group.rows.size(); });
  for (const Group& group : groups) {
    const auto fold = std::ranges::min_element(split.folds, {}, &RowNumbers::size);
    add(*fold, group.rows);
    add(split.train, group.rows);
    add(split.validation, group.rows);
  }
}

}  // namespace

Split split_rows(std::span<const SplitRow> rows,
                 std::uint64_t seed,
                 std::uint32_t folds,
                 std::size_t least) {
  Split split;
  split.folds.resize(folds > 1 ? folds : 0);
  auto strata = strata_of(rows, split);
  const bool by_threshold = rows.size() - split.dropped >= kThresholdSplitRows;
  for (auto& [stratum, members] : strata) {
    if (members.size() < least) {
      add(split.train, members);
      continue;
    }
    add(split.test, take_test(rows, members, by_threshold));
    put_learning(rows, members, seed, split);
  }
  sort_parts(split);
  return split;
}

Split split_by_parts(std::span<const SplitRow> rows,
                     std::span<const RowPart> parts,
                     Validation validation,
                     std::uint64_t seed,
                     std::uint32_t folds) {
  Split split;
  split.folds.resize(folds > 1 ? folds : 0);
  auto strata = strata_of(rows, split);
  for (const auto& [stratum, members] : strata) {
    RowNumbers learning;
    for (const std::uint32_t row : members) {
      switch (parts[row]) {
        case RowPart::none: ++split.unused; break;
        case RowPart::train: learning.push_back(row); break;
        case RowPart::validation: split.validation.push_back(row); break;
        case RowPart::test: split.test.push_back(row); break;
      }
    }
    if (validation == Validation::given)
      add(split.train, learning);
    else
      put_learning(rows, learning, seed, split);
  }
  sort_parts(split);
  return split;
}

Split split_groups(std::span<const SplitRow> rows, std::uint64_t seed, std::uint32_t folds) {
  Split split;
  split.folds.resize(folds > 1 ? folds : 0);
  std::map<RowHash, RowNumbers> by_hash;
  for (const auto& [stratum, members] : strata_of(rows, split))
    for (const std::uint32_t row : members)
      by_hash[rows[row].hash].push_back(row);
  std::vector<Group> groups;
  for (auto& [hash, members] : by_hash)
    groups.push_back({leading_number(hash), std::move(members)});
  if (groups.size() >= kThresholdSplitRows) {
    const auto limit = static_cast<std::uint64_t>(std::ldexp(1 - kTestShare, 64));
    take_from(groups, limit, kTestShare * row_count(groups), split.test);
  } else {
    take_share(groups, kTestShare, std::max<std::size_t>(folds, 2), split.test);
  }
  for (Group& group : groups)
    group.order = mix_seeds(seed, group.order);
  std::ranges::sort(groups, {}, &Group::order);
  if (folds > 1) {
    fill_folds(groups, split);
  } else {
    take_share(groups, kValidationShare, 1, split.validation);
    for (const Group& group : groups)
      add(split.train, group.rows);
  }
  sort_parts(split);
  return split;
}

Split split_by_time(std::span<const SplitRow> rows, std::span<const double> times, double gap) {
  Split split;
  RowNumbers order;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    if (rows[i].stratum < 0)
      ++split.dropped;
    else if (std::isnan(times[i]))
      ++split.unused;
    else
      order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return times[a] != times[b] ? times[a] < times[b] : a < b;
  });
  // Moves the last `share` to `part`. Returns those that are too close before it.
  const auto take_last = [&](double share, RowNumbers& part) {
    const std::size_t cut = cut_at(
        order.size(), share, [&](std::size_t i) { return times[order[i]] == times[order[i - 1]]; });
    const auto at = order.begin() + static_cast<std::ptrdiff_t>(cut);
    part.assign(at, order.end());
    order.erase(at, order.end());
    RowNumbers close;
    while (gap > 0 && !part.empty() && !order.empty() &&
           times[order.back()] > times[part.front()] - gap) {
      close.push_back(order.back());
      order.pop_back();
    }
    return close;
  };
  split.unused += take_last(kTestShare, split.test).size();
  split.between = take_last(kValidationShare, split.validation);
  split.train = std::move(order);
  sort_parts(split);
  return split;
}

std::vector<SplitRound> rounds_of(const Split& split) {
  if (split.folds.empty()) return {{split.train, split.validation}};
  std::vector<SplitRound> rounds;
  for (const RowNumbers& fold : split.folds) {
    SplitRound round{{}, fold};
    std::set_difference(split.train.begin(),
                        split.train.end(),
                        fold.begin(),
                        fold.end(),
                        std::back_inserter(round.train));
    rounds.push_back(std::move(round));
  }
  return rounds;
}

RowNumbers final_rows(const Split& split) {
  RowNumbers rows = split.train;
  if (split.folds.empty()) add(rows, split.validation);
  add(rows, split.between);
  std::sort(rows.begin(), rows.end());
  return rows;
}

ContentHash hash_of_split(std::span<const RowHash> hashes, const Split& split) {
  std::vector<std::pair<RowHash, char>> parts;
  const auto say = [&](const RowNumbers& rows, char part) {
    for (const std::uint32_t row : rows)
      parts.emplace_back(hashes[row], part);
  };
  say(split.test, 't');
  say(split.between, 'b');
  RowNumbers only_train;
  std::ranges::set_difference(split.train, split.validation, std::back_inserter(only_train));
  say(only_train, 'r');
  if (split.folds.empty()) say(split.validation, 'v');
  for (std::size_t i = 0; i < split.folds.size(); ++i)
    say(split.folds[i], static_cast<char>('A' + i));
  std::sort(parts.begin(), parts.end());
  ContentHasher hasher;
  for (const auto& [hash, part] : parts) {
    hasher.update(std::as_bytes(std::span{hash}));
    hasher.update(std::as_bytes(std::span{&part, 1}));
  }
  return hasher.finish();
}

}  // namespace starling::ml
