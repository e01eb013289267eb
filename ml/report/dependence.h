/// How what a model says moves with one column while the others stay as they are: partial
/// dependence on average, individual conditional expectation row by row.
///
/// A value is given to a row by copying the encoding of a row that has it, so any encoding will do.
/// Rows may come about that cannot be. Source: Friedman, "Greedy function approximation" (2001),
/// section 8.2; Goldstein et al., "Peeking inside the black box" (2015).
///
/// Deterministic. Threads: none. Pure.
#pragma once

#include "ml/report/importance.h"
#include "ml/table/table.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kDependentColumnsMax = 6;   ///< the most important ones
inline constexpr std::size_t kDependenceValuesMax = 12;  ///< of numbers; 8 of categories
inline constexpr std::size_t kDependenceLevelsMax = 8;
inline constexpr std::size_t kDependenceClassesMax = 8;  ///< of more classes nothing is said
inline constexpr std::size_t kSingleRowsMax = 20;

/// Values of a column that is a number or a category, and a row of the matrix that has each.
struct ColumnValues {
  std::string name;
  std::vector<double> numbers = {};      ///< rising; none of a category
  std::vector<std::string> levels = {};  ///< the most frequent first; none of a number
  std::vector<std::size_t> donors = {};
};

/// Of `rows` of the table, which are the matrix's: numbers at evenly spaced ranks, the first and
/// the last among them. Nothing of other kinds of columns, and where there are not two values.
std::optional<ColumnValues> values_of(const TableColumn& column,
                                      std::span<const std::uint32_t> rows);

struct DependenceTask {
  Matrix rows;              ///< spread
  std::size_t outputs = 1;  ///< that `predict` says of a row: 1, or one for each class
  std::size_t models = 1;   ///< that answer together: the more, the fewer rows are asked about
  std::vector<std::pair<ColumnPlace, ColumnValues>> columns;
  std::function<std::vector<float>(const Matrix& rows)> predict;
};

struct Dependence {
  ColumnValues column;
  std::vector<std::vector<double>> means = {};  ///< by value, then output
  /// By row, then value; of the last of two outputs, none of more.
  std::vector<std::vector<double>> singles = {};
};

struct DependenceFound {
  std::size_t rows = 0;  ///< that were asked about, evenly spread over the matrix
  std::vector<Dependence> columns = {};
};

/// How many rows of a matrix of that width are worth their memory, as donors and to be asked about.
/// 0: the rows are so wide that nothing is to be asked.
std::size_t dependence_rows(std::size_t rows, std::size_t width);

DependenceFound dependence_of(const DependenceTask& task);

}  // namespace starling::ml
