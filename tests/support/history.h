/// What clients asked of a swarm and what they were told: one operation per record, JSON lines.
///
///     {"c":3,"id":17,"f":"cas","k":"reg-1","in":{"expected":5,"value":"x"},"call":123,"ret":456,
///      "ok":"ok|fail|unknown","out":{"version":9}}
///
/// An operation is written twice: before it is sent (without "ret", "ok", "out") and when it is
/// over. One that has only its first line is unknown: its recorder died. Times are nanoseconds of
/// one machine's monotonic clock. "fail" is definite: the operation changed nothing; "unknown"
/// may take effect at any later time, or never. A client with an unknown operation gets a new "c".
#pragma once

#include "node/base/error.h"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace starling::tests {

using Json = nlohmann::json;

enum class Known { ok, fail, unknown };

struct Operation {
  std::uint64_t client = 0;
  std::uint64_t id = 0;
  std::string function;
  std::string key;
  Json in;
  std::uint64_t call_ns = 0;
  std::uint64_t return_ns = 0;  ///< means nothing while `known` is unknown
  Known known = Known::unknown;
  Json out;
};

/// Threads: any.
class HistoryWriter {
 public:
  /// Throws if the file cannot be made.
  explicit HistoryWriter(const std::filesystem::path& file);

  /// Gives the operation its id and its time of call, and writes both before it returns.
  void begin(Operation& operation);

  /// Takes the time of return and writes the whole operation.
  void end(Operation& operation);

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void write(const nlohmann::ordered_json& line);

  std::mutex mutex_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::uint64_t next_id_ = 1;
};

/// Operations in order of their calls. Errors: `io`, `corrupt` naming the line.
Result<std::vector<Operation>> read_history(const std::filesystem::path& file);

}  // namespace starling::tests
