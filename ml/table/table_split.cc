#include "ml/table/table_split.h"

#include "ml/table/cell.h"
#include "ml/table/column_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <unordered_map>

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
  PartOfValue(const SplitSpec& spec, const Table& table) : table_(table) {
    // What no list names trains where none was said to train.
    unnamed_ = spec.train.empty() ? RowPart::train : RowPart::none;
    add(spec.test, RowPart::test);  // the first counts: 1 and 1.0 are one number
    add(spec.validation, RowPart::validation);
    add(spec.train, RowPart::train);
    for (const std::string& level : table.key.levels)
      of_level_.push_back(found_in(of_text_, level));
  }

  RowPart of(std::size_t row) const {
    const TableColumn& key = table_.key;
    if (key.is_number()) return of_number(key.numbers[row]);
    if (!key.words.empty()) return of_word(key.words[row]);
    const std::int32_t code = key.codes[row];
    return code < 0 ? RowPart::none : of_level_[static_cast<std::size_t>(code)];
  }

 private:
  void add(const std::vector<std::string>& values, RowPart part) {
    for (const std::string& value : values) {
      of_text_.emplace(value, part);
      of_word_.emplace(word_hash(value), part);
      if (const auto number = parse_number(value, table_.decimal))
        of_number_.emplace(*number, part);
    }
  }

  template <class Parts, class Value>
  RowPart found_in(const Parts& parts, const Value& value) const {
    const auto found = parts.find(value);
    return found == parts.end() ? unnamed_ : found->second;
  }

  RowPart of_number(double number) const {
    return std::isnan(number) ? RowPart::none : found_in(of_number_, number);
  }

  RowPart of_word(std::uint64_t word) const {
    return word == 0 ? RowPart::none : found_in(of_word_, word);
  }

  const Table& table_;
  RowPart unnamed_ = RowPart::none;
  std::unordered_map<std::string, RowPart> of_text_;
  std::unordered_map<std::uint64_t, RowPart> of_word_;
  std::unordered_map<double, RowPart> of_number_;
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
              std::uint64_t seed,
              std::size_t least) {
  const auto validation = spec.validation.empty() ? Validation::drawn : Validation::given;
  switch (spec.method) {
    case SplitMethod::holdout:
    case SplitMethod::kfold: break;
    case SplitMethod::group: return split_groups(rows, seed, spec.folds);
    case SplitMethod::time: {
      const bool is_date = table.key.type == ColumnType::date;
      return split_by_time(rows, times_of(table), is_date ? spec.gap * kDaySeconds : spec.gap);
    }
    case SplitMethod::column:
      return split_by_parts(rows, parts_by_column(table, spec), validation, seed, spec.folds);
    case SplitMethod::datasets:
      return split_by_parts(rows, parts_by_dataset(table, spec), validation, seed, spec.folds);
  }
  return split_rows(rows, seed, spec.folds, least);
}

/// What to do about it differs by method.
std::string_view advice(SplitMethod method) {
  switch (method) {
    case SplitMethod::holdout: return "it takes at least three different rows";
    case SplitMethod::kfold: return "it takes more different rows, or fewer folds";
    case SplitMethod::group: return "it takes more groups than there are parts or folds";
    case SplitMethod::time: return "it takes at least three different times, and a smaller gap";
    case SplitMethod::column: return "look which values the column holds beside the target";
    case SplitMethod::datasets: return "look whether the data sets hold the target";
  }
  return "";
}

/// A study that was planned here fits its table; one that came from elsewhere may not.
Result<> check_table(const Table& table, const SplitSpec& spec) {
  if (spec.method == SplitMethod::datasets) {
    const std::size_t wanted = 1 + spec.validation.size() + spec.test.size();
    if (table.source_rows.size() == wanted) return {};
    return wrong(fmt::format("{} data sets are here, not {}", table.source_rows.size(), wanted));
  }
  if (spec.method == SplitMethod::holdout || spec.method == SplitMethod::kfold) return {};
  const bool fits = table.key.rows() == table.rows() &&
                    (spec.method != SplitMethod::time || table.key.is_number());
  if (fits) return {};
  return wrong(
      fmt::format("column \"{}\" is not one for method {}", spec.column, to_string(spec.method)));
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
                          std::uint64_t seed,
                          std::size_t least) {
  if (auto fits = check_table(table, spec); !fits) return fits.error();
  Split split = divided(table, spec, split_rows_of(table, spec, strata), seed, least);
  if (auto checked = check_parts(split, spec.method); !checked) return checked.error();
  split.hash = hash_of_split(table.row_hashes, split);
  return split;
}

}  // namespace starling::ml
