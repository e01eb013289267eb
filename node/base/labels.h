/// Labels of nodes, which studies may require.
#pragma once

#include "node/base/error.h"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace starling {

inline constexpr std::size_t kLabelsMax = 4;  ///< of a node, and of what a study requires
inline constexpr std::size_t kLabelKeyMax = 32;
inline constexpr std::size_t kLabelValueMax = 64;

/// KEY=VALUE each. Errors: `invalid_argument` naming `option`, the text and the limits.
Result<std::map<std::string, std::string>> parse_labels(const std::vector<std::string>& labels,
                                                        std::string_view option);

}  // namespace starling
