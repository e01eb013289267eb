/// What the clients of a virtual swarm ask for, and the state machines that its log can drive.
///
/// Registers are put, compared and set, and read; jobs are claimed and completed with the token of
/// the claim. A register's version is the index of the entry that wrote it. Each client numbers its
/// commands: one that arrives again gets the answer of the first time and changes nothing.
///
/// Threads: none. Pure.
#pragma once

#include "consensus/group/state_machine.h"
#include "node/base/ids.h"
#include "node/base/state_view.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace starling::tests {

enum class Ask { put, compare_and_set, claim, complete, read, stale_read };

struct ClientCommand {
  std::uint64_t client = 0;
  std::uint64_t number = 0;  ///< 1, 2, ... of each client
  Ask ask = Ask::put;
  std::string key;  ///< of the register or the job
  /// compare_and_set: the version that the register must have, 0 for none; complete: the token.
  std::uint64_t expected = 0;
  std::string value;  ///< put, compare_and_set: what it will hold; complete: the result
};

/// What applying a command said, in words that all machines share: "version:N", "conflict:N",
/// "token:N", "done", "accepted", "stale", "passed"; of a read: "VERSION=VALUE", or "0=".
struct Answer {
  LogIndex index;  ///< where it took effect: the first time, if it came again; 0: it does not say
  std::string text;
};

class SimMachine {
 public:
  virtual ~SimMachine() = default;

  /// The state machine of one process.
  virtual std::unique_ptr<consensus::StateMachine> start() const = 0;

  /// `applied` is what the sender knows to be applied.
  virtual std::string encode(const ClientCommand& command,
                             MonoTime now,
                             LogIndex applied) const = 0;

  /// What a result of `start()->apply` means.
  virtual Answer decode(std::string_view result) const = 0;

  virtual std::string read(const StateView& view, std::string_view key) const = 0;

  /// Whether a command that arrives for the first time after a later one of the same client still
  /// takes effect.
  virtual bool takes_late_commands() const = 0;

  virtual bool has_jobs() const = 0;
};

/// Text in, text out, a few keys per command; of each client the last answer is kept.
class TextMachine : public SimMachine {
 public:
  std::unique_ptr<consensus::StateMachine> start() const override;
  std::string encode(const ClientCommand& command, MonoTime now, LogIndex applied) const override;
  Answer decode(std::string_view result) const override;
  std::string read(const StateView& view, std::string_view key) const override;

  bool takes_late_commands() const override { return false; }

  bool has_jobs() const override { return true; }
};

/// The state machine of a node, with its registers and its table of idempotency keys.
class StudySimMachine : public SimMachine {
 public:
  std::unique_ptr<consensus::StateMachine> start() const override;
  std::string encode(const ClientCommand& command, MonoTime now, LogIndex applied) const override;
  Answer decode(std::string_view result) const override;
  std::string read(const StateView& view, std::string_view key) const override;

  bool takes_late_commands() const override { return true; }

  bool has_jobs() const override { return false; }
};

}  // namespace starling::tests
