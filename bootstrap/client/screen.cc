#include "bootstrap/client/screen.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace starling::bootstrap {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos ||
           value.find("UTF8") != std::string::npos || value.find("utf-8") != std::string::npos;
  }
  return false;
}

bool is_capable_terminal(std::FILE* file) {
  return isatty(fileno(file)) == 1 && variable("TERM") != "dumb";
}

}  // namespace

TextStyle style_of(std::FILE* file) {
  TextStyle style;
  style.unicode = is_utf8_locale();
  style.colour = is_capable_terminal(file) && variable("NO_COLOR").empty();
  style.width = 1000;  // a file has no right edge
  winsize size = {};
  if (isatty(fileno(file)) == 1) {
    const bool is_known = ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    style.width = is_known ? size.ws_col : 80;
  }
  return style;
}

Screen::Screen(std::FILE* file)
    : file_(file), is_live_(is_capable_terminal(file)), style_(style_of(file)) {}

Screen::~Screen() {
  keep_shown();
}

void Screen::say(const std::string& text) {
  keep_shown();
  std::fputs(text.c_str(), file_);
  if (!text.ends_with('\n')) std::fputc('\n', file_);
  std::fflush(file_);
}

void Screen::draw(const std::string& line) {
  if (has_shown_ && line == drawn_) return;
  std::fputs(("\r\x1b[K" + line).c_str(), file_);
  std::fflush(file_);
  has_shown_ = true;
  drawn_ = line;
}

void Screen::show(const Progress& progress) {
  if (is_live_) return draw(progress_text(progress, style_));
  const std::string sentence = progress_sentence(progress);
  has_pending_ = sentence != last_sentence_;
  if (!has_pending_) return;
  pending_ = progress;
  const auto now = std::chrono::steady_clock::now();
  if (!last_sentence_.empty() && now - last_line_ < std::chrono::seconds(1)) return;
  has_pending_ = false;
  last_sentence_ = sentence;
  last_line_ = now;
  std::fputs(fmt::format("  {}, {}\n", sentence, duration_text(progress.seconds)).c_str(), file_);
  std::fflush(file_);
}

void Screen::show_waiting(const std::string& sentence) {
  if (is_live_)
    draw(toned("  " + shortened(sentence, style_.width - 3, style_), Tone::quiet, style_));
}

void Screen::keep_shown() {
  if (is_live_ && has_shown_) std::fputc('\n', file_);
  has_shown_ = false;
  if (has_pending_) {
    // The last change was held back by the limit of one line a second; it is what matters most.
    last_line_ = {};
    last_sentence_.clear();
    const Progress last = pending_;
    has_pending_ = false;
    show(last);
  }
  last_sentence_.clear();
  std::fflush(file_);
}

void Screen::clear_shown() {
  if (is_live_ && has_shown_) std::fputs("\r\x1b[K", file_);
  has_shown_ = false;
  has_pending_ = false;
  last_sentence_.clear();
  std::fflush(file_);
}

}  // namespace starling::bootstrap
