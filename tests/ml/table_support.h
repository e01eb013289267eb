// Tables written down in a test.
#pragma once

#include "ml/table/profile.h"
#include "ml/table/table.h"

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline std::string in_quotes(const std::string& cell) {
  std::string quoted = "\"";
  for (const char c : cell)
    quoted.append(c == '"' ? 2 : 1, c);
  return quoted + "\"";
}

inline std::string csv_of(const std::vector<std::vector<std::string>>& records) {
  std::string csv;
  for (const auto& record : records) {
    for (const auto& cell : record)
      csv += (&cell == record.data() ? "" : ",") + in_quotes(cell);
    csv += "\n";
  }
  return csv;
}

/// Of a table that is written as CSV; it has a row.
inline TableProfile profile_of(const std::vector<std::string>& names,
                               const std::vector<std::vector<std::string>>& rows,
                               TableOptions options = {}) {
  options.csv.delimiter = ',';
  options.csv.decimal = options.csv.decimal.value_or('.');
  options.csv.has_header = true;
  options.csv.skip = 0;
  auto builder = ProfileBuilder::make(names, *options.csv.decimal, options.columns).value();
  CsvParser parser{[&builder](const CsvBatch& batch) -> Result<> {
                     builder.add(batch);
                     return {};
                   },
                   options.csv};
  parser.feed(csv_of({names})).value();
  parser.feed(csv_of(rows)).value();
  parser.finish().value();
  return builder.finish(parser.dialect(), parser.remarks()).value();
}

/// A table of columns that a test writes down.
class TableMaker {
 public:
  TableMaker& number(std::string name,
                     std::vector<double> numbers,
                     ColumnType type = ColumnType::number) {
    TableColumn column;
    column.name = std::move(name);
    column.type = type;
    column.date_order = DateOrder::day_first;
    column.numbers =
        Numbers{std::span<const double>{kept_->numbers.emplace_back(std::move(numbers))}};
    columns_.push_back(std::move(column));
    return *this;
  }

  TableMaker& category(std::string name,
                       std::vector<std::int32_t> codes,
                       std::vector<std::string> levels,
                       ColumnType type = ColumnType::category) {
    TableColumn column;
    column.name = std::move(name);
    column.type = type;
    column.codes = kept_->codes.emplace_back(std::move(codes));
    column.levels = std::move(levels);
    columns_.push_back(std::move(column));
    return *this;
  }

  /// The last column is the target.
  Table table() {
    Table table;
    table.target = std::move(columns_.back());
    columns_.pop_back();
    table.features = std::move(columns_);
    kept_->hashes.resize(table.target.rows());
    table.row_hashes = kept_->hashes;
    table.storage = kept_;
    return table;
  }

 private:
  struct Kept {
    std::deque<std::vector<double>> numbers;
    std::deque<std::vector<std::int32_t>> codes;
    std::vector<RowHash> hashes;
  };

  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
  std::vector<TableColumn> columns_;
};

}  // namespace starling::ml
