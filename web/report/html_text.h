/// Any bytes as text that a page can show: valid UTF-8, and nothing in it is markup.
///
/// Threads: none. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace starling::web {

/// Broken UTF-8, control characters and those that turn the direction of writing (with them a name
/// could show as another one) become U+FFFD. Tab and line feed stay.
/// Source: The Unicode Standard 15.0, section 3.9, "Substitution of Maximal Subparts".
std::string valid_text(std::string_view bytes);

/// `valid_text` of at most `characters_max` code points, the last of which is an ellipsis where
/// some were left out. `characters_max` is at least 1.
std::string shortened_text(std::string_view bytes, std::size_t characters_max);

/// `valid_text` with < > & " ' as references: for content and for quoted attributes.
std::string html_escaped(std::string_view bytes);

}  // namespace starling::web
