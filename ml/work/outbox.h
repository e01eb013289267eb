/// Results that are finished and that nobody has acknowledged yet, one file each, fsynced. They
/// outlive the process: without a leader a result may have to wait for days.
///
/// Threads: one.
#pragma once

#include "ml/study/command.h"
#include "node/base/error.h"

#include <cstdint>
#include <filesystem>
#include <map>

namespace starling::ml {

class Outbox {
 public:
  /// `folder` is created when something is first kept.
  explicit Outbox(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Durable when it returns. Errors: `io`.
  Result<> keep(std::uint64_t token, const Command& result) const;

  /// It is acknowledged, or nobody wants it any more.
  void forget(std::uint64_t token) const;

  /// What was kept and not forgotten, by token. A file that makes no sense is removed: its
  /// attempt is made again.
  std::map<std::uint64_t, Command> kept() const;

 private:
  std::filesystem::path file_of(std::uint64_t token) const;

  std::filesystem::path folder_;
};

}  // namespace starling::ml
