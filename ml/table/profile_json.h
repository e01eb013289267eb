/// The profile as JSON, as the dataset entity stores it and the HTTP API shows it.
#pragma once

#include "ml/table/profile.h"

#include <string>
#include <string_view>

namespace starling::ml {

/// {"rows", "delimiter", "columns": [{"name", "type", "missing", "distinct", "min"?, "max"?,
/// "mean"?, "std"?, "whole"?, "exact"?, "top": [{"value", "count"}]}], "warnings": []}
std::string to_json(const TableProfile& profile);

/// Errors: `corrupt` names what is wrong.
Result<TableProfile> profile_from_json(std::string_view json);

}  // namespace starling::ml
