#include "ml/table/joined_profile.h"

#include <algorithm>

namespace starling::ml {
namespace {

/// `rows` more cells, of which `other` tells. The different values are those of the first: levels
/// and constants are found in rows that train.
void add_cells(ColumnProfile& column, const ColumnProfile* other, std::uint64_t rows) {
  const bool is_alike = other != nullptr && (other->type == column.type ||
                                             (is_numeric(other->type) && is_numeric(column.type)));
  if (!is_alike) {
    column.missing += rows;  // or any number at all
    column.is_whole = false;
    return;
  }
  column.missing += other->missing;
  column.unreadable += other->unreadable;
  column.infinite += other->infinite;
  if (other->distinct == 0) return;
  column.is_whole = column.is_whole && other->is_whole;
  column.min = std::min(column.min, other->min);
  column.max = std::max(column.max, other->max);
}

}  // namespace

TableProfile joined_profile(std::span<const TableProfile* const> profiles) {
  TableProfile joined = *profiles.front();
  for (const TableProfile* other : profiles.subspan(1)) {
    joined.rows += other->rows;
    joined.duplicate_rows += other->duplicate_rows;
    for (ColumnProfile& column : joined.columns) {
      const bool is_learned = is_feature(column);
      add_cells(column, other->find(column.name), other->rows);
      if (!is_learned && !is_set_aside(column.role)) column.role = ColumnRole::ignore;
    }
  }
  return joined;
}

}  // namespace starling::ml
