// Tables written down in a test.
#pragma once

#include "ml/table/profile.h"

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

}  // namespace starling::ml
