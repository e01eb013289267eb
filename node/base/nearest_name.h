/// What somebody probably meant: the known name nearest to a misspelt one.
///
/// Threads: none. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace starling {

/// By edit distance, ASCII case aside; nothing if more than a third of the letters (and more than
/// two) are wrong. Reads the first 64 bytes of `name` only, so that a stranger's text costs little.
std::optional<std::string> nearest_name(std::string_view name,
                                        std::span<const std::string_view> known);

}  // namespace starling
