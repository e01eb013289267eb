/// A state as bytes, as snapshots and backups carry it: key length u32, value length u32 (big
/// endian), key, value.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace starling {

void append_pair(std::string& pairs, std::string_view key, std::string_view value);

/// False if `pairs` is not a row of whole pairs; those before the damage have been visited.
bool for_each_pair(std::string_view pairs,
                   const std::function<void(std::string_view key, std::string_view value)>& visit);

}  // namespace starling
