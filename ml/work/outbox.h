/// Results that are finished and that nobody has acknowledged yet, one file each, fsynced. They
/// outlive the process: without a leader a result may have to wait for days. The last acknowledged
/// ones stay as well: a swarm that is recovered by force (`starling recover`) may have lost them.
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

  /// It is acknowledged, in a swarm that was recovered so often. The last `kSaidMax` of them are
  /// remembered.
  void note_said(std::uint64_t token, std::uint64_t recovery_epoch) const;

  /// What was acknowledged before the swarm was recovered to `recovery_epoch`, by token.
  std::map<std::uint64_t, Command> said_before(std::uint64_t recovery_epoch) const;

  /// As `forget`, of what was acknowledged.
  void forget_said(std::uint64_t token) const;

  static constexpr std::size_t kSaidMax = 256;

  /// What was kept and not forgotten, by token. A file that makes no sense is removed: its
  /// attempt is made again.
  std::map<std::uint64_t, Command> kept() const;

 private:
  struct Said {
    std::uint64_t recovery_epoch = 0;
    std::filesystem::path file;
  };

  std::map<std::uint64_t, Said> said() const;
  std::filesystem::path file_of(std::uint64_t token) const;

  std::filesystem::path folder_;
};

}  // namespace starling::ml
