#include "ml/table/table_split.h"

#include "ml/table/cell.h"
#include "ml/table/column_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

namespace starling::ml {
namespace {

constexpr double kDaySeconds = 86'400;
constexpr std::string_view kGroupSalt = "starling test groups";

Error wrong(std::string_view sentence) {
  return {Errc::invalid_argument, fmt::format("split: {}", sentence)};
}

RowHash group_hash(std::string_view value) {
  const std::string text = fmt::format("{}{}", kGroupSalt, value);
  return short_hash_of(std::as_bytes(std::span{text}));
}

/// Each row's group; a row that names none is its own.
class Groups {
 public:
  explicit Groups(const Table& table) : table_(table) {
    for (const std::string& level : table.key.levels)
      of_level_.push_back(group_hash(level));
  }

  RowHash of(std::size_t row) const {
    const TableColumn& key = table_.key;
    if (key.is_number()) {
      return std::isnan(key.numbers[row]) ? table_.row_hashes[row]
                                          : group_hash(number_text(key.numbers[row]));
    }
    if (!key.words.empty()) {
      return key.words[row] == 0 ? table_.row_hashes[row]
                                 : group_hash(std::to_string(key.words[row]));
    }
    const std::int32_t code = key.codes[row];
    return code < 0 ? table_.row_hashes[row] : of_level_[static_cast<std::size_t>(code)];
  }

 private:
  const Table& table_;
  std::vector<RowHash> of_level_;
};

/// What the values of the key column say of their rows.
class PartOfValue {
 public:
  PartOfValue(const SplitSpec& spec, const Table& table) : spec_(spec), table_(table) {
    for (const std::string& level : table.key.levels)
      of_level_.push_back(of_text(level));
  }

  RowPart of(std::size_t row) const {
    const TableColumn& key = table_.key;
    if (key.is_number()) return of_number(key.numbers[row]);
    if (!key.words.empty()) return of_word(key.words[row]);
    const std::int32_t code = key.codes[row];
    return code < 0 ? RowPart::none : of_level_[static_cast<std::size_t>(code)];
  }

 private:
  template <class Means>
  RowPart of_value(const Means& means) const {
    if (std::ranges::any_of(spec_.test, means)) return RowPart::test;
    if (std::ranges::any_of(spec_.validation, means)) return RowPart::validation;
    const bool trains = spec_.train.empty() || std::ranges::any_of(spec_.train, means);
    return trains ? RowPart::train : RowPart::none;
  }

  RowPart of_text(const std::string& level) const {
    return of_value([&](const std::string& value) { return value == level; });
  }

  RowPart of_number(double number) const {
    if (std::isnan(number)) return RowPart::none;
    return of_value(
        [&](const std::string& value) { return parse_number(value, table_.decimal) == number; });
  }

  RowPart of_word(std::uint64_t word) const {
    if (word == 0) return RowPart::none;
    return of_value([&](const std::string& value) { return word_hash(value) == word; });
  }

  const SplitSpec& spec_;
  const Table& table_;
  std::vector<RowPart> of_level_;
};

std::vector<RowPart> parts_by_column(const Table& table, const SplitSpec& spec) {
  const PartOfValue part{spec, table};
  std::vector<RowPart> parts;
  parts.reserve(table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row)
    parts.push_back(part.of(row));
  return parts;
}

/// The study's own rows come first, then those of `validation` if there are some, then of `test`.
std::vector<RowPart> parts_by_dataset(const Table& table, const SplitSpec& spec) {
  std::vector<RowPart> parts(table.source_rows.front(), RowPart::train);
  if (!spec.validation.empty())
    parts.insert(parts.end(), table.source_rows[1], RowPart::validation);
  parts.resize(table.rows(), RowPart::test);
  return parts;
}

std::vector<SplitRow> split_rows_of(const Table& table,
                                    const SplitSpec& spec,
                                    std::span<const std::int32_t> strata) {
  std::vector<SplitRow> rows;
  rows.reserve(strata.size());
  if (spec.method != SplitMethod::group) {
    for (std::size_t i = 0; i < strata.size(); ++i)
      rows.push_back({table.row_hashes[i], strata[i]});
    return rows;
  }
  const Groups groups{table};  // a group may be of several classes: there is one stratum
  for (std::size_t i = 0; i < strata.size(); ++i)
    rows.push_back({groups.of(i), std::min(strata[i], 0)});
  return rows;
}

std::vector<double> times_of(const Table& table) {
  std::vector<double> times;
  times.reserve(table.rows());
  for (std::size_t i = 0; i < table.rows(); ++i)
    times.push_back(table.key.numbers[i]);
  return times;
}

Split divided(const Table& table,
              const SplitSpec& spec,
              std::span<const SplitRow> rows,
              std::uint64_t seed) {
  switch (spec.method) {
    case SplitMethod::holdout:
    case SplitMethod::kfold:
    case SplitMethod::group: break;
    case SplitMethod::time: {
      const bool is_date = table.key.type == ColumnType::date;
      return split_by_time(rows, times_of(table), is_date ? spec.gap * kDaySeconds : spec.gap);
    }
    case SplitMethod::column:
      return split_by_parts(rows, parts_by_column(table, spec), seed, spec.folds);
    case SplitMethod::datasets:
      return split_by_parts(rows, parts_by_dataset(table, spec), seed, spec.folds);
  }
  return split_rows(rows, seed, spec.folds);
}

/// What to do about it differs by method.
std::string_view advice(SplitMethod method) {
  switch (method) {
    case SplitMethod::holdout: return "it takes at least three different rows";
    case SplitMethod::kfold: return "it takes more different rows, or fewer folds";
    case SplitMethod::group: return "it takes more groups than parts or folds";
    case SplitMethod::time: return "it takes at least three different times, and a smaller gap";
    case SplitMethod::column: return "look which values the column holds beside the target";
    case SplitMethod::datasets: return "look whether the data sets hold the target";
  }
  return "";
}

Result<> check_parts(const Split& split, SplitMethod method) {
  const auto none = [method](std::string_view what) {
    return wrong(fmt::format("by {}, no row {}; {}", to_string(method), what, advice(method)));
  };
  if (split.test.empty()) return none("is left to test");
  for (const SplitRound& round : rounds_of(split)) {
    if (round.train.empty()) return none("is left to train");
    if (round.validation.empty())
      return none(split.folds.empty() ? "is left to validate" : "is left to validate in a fold");
  }
  return {};
}

}  // namespace

Result<Split> split_table(const Table& table,
                          const SplitSpec& spec,
                          std::span<const std::int32_t> strata,
                          std::uint64_t seed) {
  Split split = divided(table, spec, split_rows_of(table, spec, strata), seed);
  if (auto checked = check_parts(split, spec.method); !checked) return checked.error();
  split.hash = hash_of_split(table.row_hashes, split);
  return split;
}

}  // namespace starling::ml
