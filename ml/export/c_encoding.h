/// How a row becomes numbers (ml/table/encoder.h), as C99 text.
///
/// Threads: none. Pure.
#pragma once

#include "ml/export/c_text.h"
#include "ml/table/encoder.h"
#include "node/base/error.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace starling::ml {

/// What C calls a column, and what it holds there.
struct CColumn {
  enum class Kind : std::uint8_t { number, date, text };

  std::string name;
  std::string field;
  Kind kind = Kind::number;
};

/// Of all encoders together, each once, in the order in which they are met.
/// Errors: `unsupported` names the column: one of text, one with a level that no C string can hold,
///         one that is a number to one encoder and none to another.
Result<std::vector<CColumn>> c_columns(const std::vector<Encoder>& encoders);

/// The fields of `struct starling_row`.
std::string c_row_fields(const std::vector<CColumn>& columns);

/// Writes `static int st_encode_<index>(const struct starling_row *row, float *x)`, which fills
/// encoder.width() zeros and returns 2 if a date is out of range, else 0.
void write_encoder(const Encoder& encoder,
                   std::size_t index,
                   const std::vector<CColumn>& columns,
                   CSource& source);

}  // namespace starling::ml
