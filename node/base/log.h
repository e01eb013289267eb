/// One line per decision, readable by a person and by grep: a sentence, then key=value pairs.
///
/// Only the .cc knows spdlog: its header costs two seconds of every file that includes it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace starling {

/// debug: every step. info: what changed. warn: an operator may look. error: an operator must.
enum class LogLevel { debug, info, warn, error };

/// Nothing unless `name` is debug, info, warn or error.
bool parse_log_level(std::string_view name, LogLevel& level);

/// Sends every line of this process to stderr and, unless empty, to `file` (10 MB, 3 kept).
/// Call once, before other threads start.
void start_logging(LogLevel level, const std::string& file);

/// Speaks for one part of one node: Logger{"raft", "n3"} prints "[raft n3] became leader term=7".
class Logger {
 public:
  Logger(std::string_view room, std::string_view node);

  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const {
    if (is_on(LogLevel::debug))
      write(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
  }

  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    if (is_on(LogLevel::info))
      write(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
  }

  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const {
    if (is_on(LogLevel::warn))
      write(LogLevel::warn, fmt::format(format, std::forward<Args>(args)...));
  }

  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) const {
    if (is_on(LogLevel::error))
      write(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  static bool is_on(LogLevel level);
  static void write_line(LogLevel level, std::string_view prefix, std::string_view line);

  void write(LogLevel level, std::string_view line) const { write_line(level, prefix_, line); }

  std::string prefix_;
};

}  // namespace starling
