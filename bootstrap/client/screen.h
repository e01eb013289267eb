/// Where a command speaks: lines, and one line that changes in place if this is a terminal.
#pragma once

#include "bootstrap/client/terminal.h"

#include <chrono>
#include <cstdio>
#include <string>

namespace starling::bootstrap {

/// Asks the file, the locale, NO_COLOR and the window for what they can show.
TextStyle style_of(std::FILE* file);

class Screen {
 public:
  /// `file` outlives the screen.
  explicit Screen(std::FILE* file);
  ~Screen();  ///< Ends the changing line.
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  const TextStyle& style() const { return style_; }

  /// One line, or several. Adds the last newline if there is none.
  void say(const std::string& text);

  /// Shows progress: in place on a terminal, else as a line per change, at most one a second.
  void show(const Progress& progress);

  /// Like `show`, for a sentence about what is waited for; nothing if this is no terminal.
  void show_waiting(const std::string& sentence);

  /// What was shown stays as it is; the next line follows it.
  void keep_shown();

  /// What was shown disappears, from a terminal.
  void clear_shown();

 private:
  void draw(const std::string& line);

  std::FILE* file_;
  bool is_live_;
  TextStyle style_;
  bool has_shown_ = false;
  std::string drawn_;
  std::string last_sentence_;
  std::chrono::steady_clock::time_point last_line_{};
  Progress pending_;
  bool has_pending_ = false;
};

}  // namespace starling::bootstrap
