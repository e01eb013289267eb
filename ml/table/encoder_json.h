/// The encoder as JSON: `preprocessing.json` of an artifact.
#pragma once

#include "ml/table/encoder.h"

#include <string>
#include <string_view>

namespace starling::ml {

std::string to_json(const Encoder& encoder);

/// Errors: `corrupt` names what is wrong.
Result<Encoder> encoder_from_json(std::string_view json);

/// [{"name", "type", "levels"?}] of the columns that a prediction needs.
std::string features_json(const Encoder& encoder);

/// Rows to predict from a JSON array of objects with string, number, boolean or null values.
/// Errors: `invalid_argument` names row and column.
Result<std::vector<RawRow>> rows_from_json(std::string_view json);

}  // namespace starling::ml
