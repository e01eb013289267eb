#include "ml/table/table.h"

#include "ml/table/cell.h"
#include "ml/table/date.h"
#include "node/base/hash.h"

#include <limits>

namespace starling::ml {
namespace {

/// Fixed for all time: another salt is another choice of test rows for every dataset.
constexpr std::string_view kRowSalt = "starling test rows";

}  // namespace

TableBuilder::TableBuilder(const TableProfile& profile, std::string_view target) {
  table_.decimal = profile.dialect.decimal;
  for (std::size_t i = 0; i < profile.columns.size(); ++i) {
    const ColumnProfile& column = profile.columns[i];
    TableColumn made;
    made.name = column.name;
    made.type = column.type;
    made.date_order = column.date_order;
    if (column.name == target) {
      table_.target = std::move(made);
      target_place_.field = i;
    } else if (is_feature(column)) {
      table_.features.push_back(std::move(made));
      places_.push_back({i, {}});
    }
  }
}

double TableBuilder::number_in(std::string_view text, const TableColumn& column) const {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  if (column.type == ColumnType::date) {
    return parse_date(text, column.date_order).value_or(kMissing);
  }
  return parse_number(text, table_.decimal).value_or(kMissing);
}

void TableBuilder::add_cell(std::string_view cell, Place& place, TableColumn& column) const {
  const std::string_view text = trimmed(cell);
  if (column.is_number()) {
    column.numbers.push_back(number_in(text, column));
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

void TableBuilder::add(const CsvBatch& batch) {
  for (std::size_t i = 0; i < batch.rows(); ++i)
    add_row(batch.row(i));
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
