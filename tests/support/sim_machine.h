/// What the clients of a virtual swarm ask for, and the state machine that the log drives.
///
/// Registers are put, compared and set, and read; jobs are claimed and completed with the token of
/// the claim. Each client numbers its commands: the state keeps the last answer of each client, so
/// that a command which arrives again gets the answer of the first time and changes nothing.
///
/// Threads: none. Pure.
#pragma once

#include "node/base/ids.h"
#include "node/base/state_view.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling::tests {

enum class Ask { put, compare_and_set, claim, complete, read, stale_read };

struct ClientCommand {
  std::uint64_t client = 0;
  std::uint64_t number = 0;  ///< 1, 2, ... of each client
  Ask ask = Ask::put;
  std::string key;       ///< of the register or the job
  std::string expected;  ///< compare_and_set: what the register must hold; complete: the token
  std::string value;     ///< put, compare_and_set: what it will hold; complete: the result
};

/// What applying a command said, and where it took effect: the first time, if it came again.
struct Answer {
  LogIndex index;
  std::string text;

  friend bool operator==(const Answer&, const Answer&) = default;
};

/// A state machine that a virtual swarm can run.
class SimMachine {
 public:
  virtual ~SimMachine() = default;

  struct Applied {
    Changes changes;
    Answer answer;
  };

  virtual std::string encode(const ClientCommand& command) const = 0;

  virtual Applied apply(const StateView& view, LogIndex index, std::string_view bytes) const = 0;

  /// What a register holds; empty if it was never set.
  virtual std::string read(const StateView& view, std::string_view key) const = 0;

  /// The bytes under which the state keeps what a register holds: for reading an older state.
  virtual std::string state_key(std::string_view key) const = 0;

  /// Whether a command that arrives for the first time after a later one of the same client still
  /// takes effect.
  virtual bool takes_late_commands() const = 0;
};

/// Text in, text out, a few keys per command.
class RegisterMachine : public SimMachine {
 public:
  std::string encode(const ClientCommand& command) const override;
  Applied apply(const StateView& view, LogIndex index, std::string_view bytes) const override;
  std::string read(const StateView& view, std::string_view key) const override;
  std::string state_key(std::string_view key) const override;

  bool takes_late_commands() const override { return false; }
};

}  // namespace starling::tests
