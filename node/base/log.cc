#include "node/base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <vector>

namespace starling {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

constexpr std::size_t kLogFileBytesMax = 10 << 20;
constexpr std::size_t kLogFilesKept = 3;

}  // namespace

bool parse_log_level(std::string_view name, LogLevel& level) {
  for (const auto candidate : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    const auto known = to_spdlog(candidate);
    const bool is_warn = name == "warn" && candidate == LogLevel::warn;
    if (spdlog::level::to_string_view(known) == spdlog::string_view_t{name.data(), name.size()} ||
        is_warn) {
      level = candidate;
      return true;
    }
  }
  return false;
}

void start_logging(LogLevel level, const std::string& file) {
  std::vector<spdlog::sink_ptr> sinks{std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  if (!file.empty()) {
    sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
        file, kLogFileBytesMax, kLogFilesKept));
  }
  auto logger = std::make_shared<spdlog::logger>("starling", sinks.begin(), sinks.end());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

Logger::Logger(std::string_view room, std::string_view node)
    : prefix_(fmt::format("[{} {}] ", room, node)) {}

bool Logger::is_on(LogLevel level) {
  return spdlog::should_log(to_spdlog(level));
}

void Logger::write_line(LogLevel level, std::string_view prefix, std::string_view line) {
  spdlog::log(to_spdlog(level), "{}{}", prefix, line);
}

}  // namespace starling
