/// A table in memory, column by column, ready to be split and encoded.
#pragma once

#include "ml/table/profile.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace starling::ml {

/// Names a row by its content: the same on every machine, whatever the order of the rows.
using RowHash = std::array<std::uint8_t, 16>;

struct TableColumn {
  std::string name;
  ColumnType type = ColumnType::category;
  DateOrder date_order = DateOrder::month_first;
  std::vector<double> numbers;      ///< of numbers and dates (seconds since 1970); NaN is missing
  std::vector<std::int32_t> codes;  ///< of all others: index into `levels`; -1 is missing
  std::vector<std::string> levels;  ///< in order of first appearance

  bool is_number() const { return is_numeric(type) || type == ColumnType::date; }

  std::size_t rows() const { return is_number() ? numbers.size() : codes.size(); }
};

struct Table {
  char decimal = '.';  ///< what its numbers are written with
  std::vector<TableColumn> features;
  TableColumn target;
  std::vector<RowHash> row_hashes;

  std::size_t rows() const { return row_hashes.size(); }
};

/// Collects rows into a table. Pure.
class TableBuilder {
 public:
  /// The rows have the columns of `profile`, in its order.
  TableBuilder(const TableProfile& profile, std::string_view target);

  void add(const CsvBatch& batch);

  Table finish() && { return std::move(table_); }

 private:
  struct Place {
    std::size_t field = 0;
    std::unordered_map<std::string, std::int32_t> codes;
  };

  void add_row(std::span<const std::string_view> fields);
  void add_cell(std::string_view cell, Place& place, TableColumn& column) const;
  double number_in(std::string_view text, const TableColumn& column) const;

  Table table_;
  std::vector<Place> places_;  ///< one per feature
  Place target_place_;
  std::string row_text_;
};

}  // namespace starling::ml
