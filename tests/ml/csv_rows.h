// The rows of a CSV file as somebody would send them to be predicted.
#pragma once

#include "ml/table/encoder.h"
#include "ml/table/table_file.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace starling::ml {

inline std::vector<RawRow> rows_of(const std::string& path) {
  std::vector<RawRow> rows;
  CsvParser parser{[&](const CsvBatch& batch) -> Result<> {
    for (std::size_t i = 0; i < batch.rows(); ++i) {
      RawRow row;
      for (std::size_t k = 0; k < batch.columns; ++k)
        row.emplace(parser.header()[k], std::string{batch.row(i)[k]});
      rows.push_back(std::move(row));
    }
    return {};
  }};
  EXPECT_TRUE(read_csv_file(path, parser));
  return rows;
}

}  // namespace starling::ml
