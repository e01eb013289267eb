#include "bootstrap/client/terminal.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace starling::bootstrap {
namespace {

constexpr std::size_t kBarWidth = 30;
constexpr std::string_view kGap = "  ";

bool starts_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i)
    text += piece;
  return text;
}

std::string padded(std::string_view text, std::size_t width, Align align) {
  const std::string gap(width - std::min(width, display_width(text)), ' ');
  return align == Align::right ? gap + std::string(text) : std::string(text) + gap;
}

std::string with_separators(std::string digits) {
  const auto point = std::min(digits.find('.'), digits.size());
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (std::size_t at = point; at > first + 3; at -= 3)
    digits.insert(at - 3, ",");
  return digits;
}

std::vector<std::size_t> widths_of(const TextTable& table) {
  std::vector<std::size_t> widths;
  for (const auto& column : table.columns)
    widths.push_back(display_width(column.title));
  for (const auto& row : table.rows) {
    STARLING_ASSERT(row.size() == widths.size(), "a table row has one cell per column");
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], display_width(printable(row[i])));
  }
  return widths;
}

std::string line_of(const std::vector<std::string>& cells,
                    const TextTable& table,
                    const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += kGap;
    line += padded(printable(cells[i]), widths[i], table.columns[i].align);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string bar_text(double share, const TextStyle& style) {
  const auto full = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * kBarWidth);
  if (!style.unicode)
    return "[" + std::string(full, '#') + std::string(kBarWidth - full, '-') + "]";
  return toned(repeated("━", full), Tone::good, style) +
         toned(repeated("─", kBarWidth - full), Tone::quiet, style);
}

}  // namespace

std::string toned(std::string_view text, Tone tone, const TextStyle& style) {
  if (!style.colour || text.empty()) return std::string(text);
  const char* code = tone == Tone::strong  ? "1"
                     : tone == Tone::quiet ? "2"
                     : tone == Tone::good  ? "32"
                                           : "31";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string table_text(const TextTable& table, const TextStyle& style) {
  const auto widths = widths_of(table);
  std::vector<std::string> titles;
  std::vector<std::string> rules;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    titles.push_back(table.columns[i].title);
    rules.push_back(repeated(style.unicode ? "─" : "-", widths[i]));
  }
  const auto cut = [&](const std::vector<std::string>& cells) {
    return shortened(line_of(cells, table, widths), style.width, style);
  };
  std::string text = toned(cut(titles), Tone::strong, style) + "\n";
  text += toned(cut(rules), Tone::quiet, style) + "\n";
  for (const auto& row : table.rows)
    text += cut(row) + "\n";
  return text;
}

std::string progress_sentence(const Progress& progress) {
  std::string text =
      fmt::format("{}/{} {}", count_text(progress.done), count_text(progress.total), progress.unit);
  if (progress.running > 0) text += fmt::format(", {} running", progress.running);
  if (!progress.best.empty()) text += ", best " + printable(progress.best);
  if (!progress.note.empty()) text += ", " + printable(progress.note);
  return text;
}

std::string progress_text(const Progress& progress, const TextStyle& style) {
  const double share = progress.total == 0 ? 0.0
                                           : static_cast<double>(progress.done) /
                                                 static_cast<double>(progress.total);
  const std::string words =
      fmt::format("{}, {}", progress_sentence(progress), duration_text(progress.seconds));
  const std::size_t room = style.width > kBarWidth + 6 ? style.width - kBarWidth - 5 : 1;
  return fmt::format("  {} {}", bar_text(share, style), shortened(words, room, style));
}

std::string printable(std::string_view text) {
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, in UTF-8 C2 80 to C2 9F, steer a terminal as much as ASCII's controls do.
    const bool is_c1 =
        c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (is_c1) ++i;
    clean += is_c1 || c < 0x20 || c == 0x7F ? '?' : text[i];
  }
  return clean;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_code_point));
}

std::string shortened(std::string_view text, std::size_t width, const TextStyle& style) {
  if (display_width(text) <= width) return std::string(text);
  const std::string_view mark = style.unicode ? "…" : "~";
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (starts_code_point(text[i]) && ++columns == width)
      return std::string(text.substr(0, i)) + std::string(mark);
  return std::string(mark);
}

std::string number_text(double value) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == std::floor(value) && std::abs(value) < 1e9)
    return with_separators(fmt::format("{:.0f}", value));
  const double size = std::abs(value);
  if (size >= 1e9 || size < 1e-3) return fmt::format("{:.3g}", value);
  if (size >= 1000) return with_separators(fmt::format("{:.1f}", value));
  return fmt::format("{:.4g}", value);
}

std::string count_text(std::uint64_t count) {
  return with_separators(std::to_string(count));
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"kB", "MB", "GB", "TB"}) {
    if (amount < 1000) break;
    amount /= 1000;
    unit = next;
  }
  return fmt::format("{:.1f} {}", amount, unit);
}

std::string duration_text(double seconds) {
  if (seconds < 99.95) return fmt::format("{:.1f} s", std::max(seconds, 0.0));
  const auto whole = static_cast<std::uint64_t>(seconds);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string plural_text(std::uint64_t count, std::string_view one) {
  return fmt::format("{} {}{}", count_text(count), one, count == 1 ? "" : "s");
}

}  // namespace starling::bootstrap
