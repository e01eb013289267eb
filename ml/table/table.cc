#include "ml/table/table.h"

#include "ml/table/cell.h"
#include "ml/table/csv_parser.h"
#include "node/base/hash.h"

#include <limits>

namespace starling::ml {
namespace {

/// Fixed for all time: another salt is another choice of test rows for every dataset.
constexpr std::string_view kRowSalt = "starling test rows";

}  // namespace

TableBuilder::TableBuilder(std::span<const std::string> names,
                           const TableProfile& profile,
                           std::string_view target) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const ColumnProfile* column = profile.find(names[i]);
    if (column == nullptr) continue;
    TableColumn made;
    made.name = column->name;
    made.is_number = column->type == ColumnType::number;
    if (column->name == target) {
      table_.target = std::move(made);
      target_place_.field = i;
    } else if (is_feature(*column)) {
      table_.features.push_back(std::move(made));
      places_.push_back({i, {}});
    }
  }
}

void TableBuilder::add_cell(std::string_view cell, Place& place, TableColumn& column) {
  const std::string_view text = trimmed(cell);
  if (column.is_number) {
    constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
    column.numbers.push_back(is_missing(text) ? kMissing : parse_number(text).value_or(kMissing));
    return;
  }
  if (is_missing(text)) {
    column.codes.push_back(-1);
    return;
  }
  const auto next = static_cast<std::int32_t>(column.levels.size());
  const auto [found, is_new] = place.codes.emplace(std::string{text}, next);
  if (is_new) column.levels.emplace_back(text);
  column.codes.push_back(found->second);
}

void TableBuilder::add_row(std::span<const std::string_view> fields) {
  row_text_ = kRowSalt;
  for (const std::string_view field : fields) {
    row_text_.append(field);
    row_text_.push_back('\x1F');  // ASCII's own separator, so that "a","b" is not "ab",""
  }
  table_.row_hashes.push_back(short_hash_of(std::as_bytes(std::span{row_text_})));
  for (std::size_t i = 0; i < places_.size(); ++i) {
    add_cell(fields[places_[i].field], places_[i], table_.features[i]);
  }
  add_cell(fields[target_place_.field], target_place_, table_.target);
}

}  // namespace starling::ml
