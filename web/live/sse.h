/// Server-sent events: their text, and the cursor they carry. Pure.
///
/// Source: WHATWG HTML, section 9.2.
#pragma once

#include "ml/study/study.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling::web {

struct Cursor {
  std::uint64_t index = 0;
  std::uint64_t sequence = 0;

  friend auto operator<=>(const Cursor&, const Cursor&) = default;
};

/// Nothing unless `text` is INDEX.SEQUENCE, each of at most 18 digits.
std::optional<Cursor> parse_cursor(std::string_view text);

/// "id: 7.1\nevent: KIND\ndata: JSON\n\n"
std::string sse_text(const ml::Event& event);

inline constexpr std::string_view kSseKeepAlive = ": keep\n\n";

}  // namespace starling::web
