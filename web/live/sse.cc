#include "web/live/sse.h"

#include <fmt/format.h>

#include <charconv>

namespace starling::web {

namespace {

std::optional<std::uint64_t> parse_digits(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<Cursor> parse_cursor(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto index = parse_digits(text.substr(0, dot));
  const auto sequence = parse_digits(text.substr(dot + 1));
  if (!index || !sequence) return std::nullopt;
  return Cursor{*index, *sequence};
}

std::string sse_text(const ml::Event& event) {
  std::string text = fmt::format("id: {}\nevent: {}\n", event.cursor(), event.kind);
  // JSON has no line breaks of its own, but the rule for them is the format's.
  std::string_view rest = event.data_json;
  for (;;) {
    const std::size_t end = rest.find('\n');
    text += fmt::format("data: {}\n", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return text + "\n";
}

}  // namespace starling::web
