/// The profile as JSON, as the dataset entity stores it and the HTTP API shows it.
#pragma once

#include "ml/table/profile.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace starling::ml {

inline constexpr std::size_t kPlainProfileMax = 128 << 10;
inline constexpr std::size_t kStoredProfileMax = 240 << 10;  ///< an entry of the log has 256 KiB
inline constexpr std::size_t kProfileBytesMax = 8 << 20;

/// {"rows", "duplicate_rows", "csv": {"encoding", "delimiter", "decimal", "header", "skip"},
/// "columns": [{"name", "type", "role"?, "missing", "distinct", "exact"?, "unreadable"?,
/// "infinite"?, "min"?, "max"?, "mean"?, "std"?, "whole"?, "order"?, "top": [{"value", "count"}]}],
/// "relations": [{"column", "from": [], "factors": [], "constant"}], "warnings": []}
std::string to_json(const TableProfile& profile);

/// As the log holds it: the JSON, or, of a table so wide that it would be over `kPlainProfileMax`,
/// the JSON packed by zlib behind a byte that no JSON begins with. If that is still over
/// `kStoredProfileMax`, levels are left out, then warnings and relations.
/// Errors: `too_large` if names and ranges alone are.
Result<std::string> stored_profile(TableProfile profile);

bool is_packed_profile(std::string_view stored);

/// The JSON of a stored profile. Errors: `corrupt`, also if it is over `kProfileBytesMax`.
Result<std::string> profile_text(std::string_view stored);

/// Errors: `corrupt` names what is wrong.
Result<TableProfile> profile_from_stored(std::string_view stored);

/// Errors: `corrupt` names what is wrong.
Result<TableProfile> profile_from_json(std::string_view json);

}  // namespace starling::ml
