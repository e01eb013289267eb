/// What people read on a terminal, as text: tables, a progress bar, numbers. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starling::bootstrap {

/// What the reader's terminal can show.
struct TextStyle {
  bool unicode = false;
  bool colour = false;
  std::size_t width = 100;  ///< Columns; longer table lines are cut.
};

enum class Tone { strong, quiet, good, bad };

/// `text` in its tone, or as it is if the style has no colours.
std::string toned(std::string_view text, Tone tone, const TextStyle& style);

enum class Align { left, right };

struct TextColumn {
  std::string title;
  Align align = Align::left;
};

struct TextTable {
  std::vector<TextColumn> columns;
  std::vector<std::vector<std::string>> rows;  ///< One cell per column.
};

/// A title line, a rule and one line per row, each ended by a newline.
std::string table_text(const TextTable& table, const TextStyle& style);

struct Progress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::string unit = "trials";
  std::uint64_t running = 0;
  double seconds = 0;
  std::string best;  ///< Like "rmse 4,521.2". Empty: none yet.
  std::string note;  ///< What happens besides, or why nothing does.
};

/// One line with a bar, no newline.
std::string progress_text(const Progress& progress, const TextStyle& style);

/// The same without bar and time: what is written to a log, and only when it changes.
std::string progress_sentence(const Progress& progress);

/// Without the characters that steer a terminal: names come from other people.
std::string printable(std::string_view text);

/// Columns that UTF-8 text takes, one per code point.
std::size_t display_width(std::string_view text);

/// The first `width` columns; a cut is shown.
std::string shortened(std::string_view text, std::size_t width, const TextStyle& style);

std::string number_text(double value);        ///< 4,521.2  0.8612  3.2e-05
std::string count_text(std::uint64_t count);  ///< 1,338
std::string bytes_text(std::uint64_t bytes);  ///< 54.3 kB
std::string duration_text(double seconds);    ///< 0.8 s  14.2 s  3 min 05 s  2 h 07 min
std::string plural_text(std::uint64_t count, std::string_view one);  ///< 1 node  3 nodes

}  // namespace starling::bootstrap
