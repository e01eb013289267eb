/// What the log says that every client should have seen, replayed by a model that is not the state
/// machine's code.
///
/// The order of commits is known, so linearizability needs no search: each completed operation has
/// an index of the log, its answer must be the one the model gives at that index, and it must lie
/// at or after everything that was completed before the operation began.
///
/// Threads: one.
#pragma once

#include "consensus/group/state_chain.h"
#include "consensus/raft/messages.h"
#include "tests/support/check_failure.h"
#include "tests/support/sim_machine.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace starling::tests {

class SimHistory {
 public:
  explicit SimHistory(const SimMachine& machine);

  /// A client is about to send `bytes`, which stand for `command`.
  void will_send(const ClientCommand& command, const std::string& bytes);

  /// The next entry of the log is committed.
  void commit(const consensus::Entry& entry);

  /// A member applied `index`.
  void check_applied(LogIndex index, const Changes& changes, std::string_view result) const;

  /// A member's whole state is what the log up to `index` makes of nothing.
  void check_state(LogIndex index, const MapView& state) const;

  /// What a member answers with is what the log says, and as new as what others have seen.
  /// `floor` is `completed()` of the time when the operation began.
  void check_write(const ClientCommand& command, const Answer& answer, LogIndex floor);
  void check_read(std::string_view key, const std::string& value, LogIndex at, LogIndex floor);
  void check_stale_read(std::string_view key, const std::string& value, LogIndex at) const;

  /// A client was told that the command was not taken, each time it sent it.
  void check_no_effect(const ClientCommand& command) const;

  /// The newest index that a client knows of.
  LogIndex completed() const { return completed_; }

  LogIndex last() const { return {outcomes_.size()}; }

  /// How many committed commands had taken effect before, or came too late to take any.
  std::uint64_t repeats() const { return repeats_; }

  std::uint64_t late() const { return late_; }

 private:
  struct Outcome {
    std::uint64_t changes_digest = 0;
    std::string result;
  };

  struct Job {
    bool is_done = false;
    std::uint64_t token = 0;
    std::string result;
  };

  using CommandId = std::pair<std::uint64_t, std::uint64_t>;  ///< client, number

  Answer model(const ClientCommand& command, LogIndex index);
  std::string model_text(const ClientCommand& command, LogIndex index);
  std::string model_job(const ClientCommand& command, LogIndex index);

  template <class Value>
  using Versions = std::vector<std::pair<LogIndex, Value>>;

  template <class Value>
  static const Value* value_at(const Versions<Value>& versions, LogIndex index);

  const SimMachine& machine_;
  std::unordered_map<std::string, ClientCommand> sent_;
  std::vector<Outcome> outcomes_;  ///< by index - 1
  MapView state_;
  std::unique_ptr<consensus::StateMachine> replica_;
  consensus::StateChain chain_;
  std::map<std::string, Versions<std::optional<std::string>>, std::less<>> state_versions_;
  std::map<CommandId, Answer> effects_;
  std::map<std::string, Versions<std::string>, std::less<>> registers_;  ///< "VERSION=VALUE"
  std::map<std::string, Job> jobs_;
  std::map<std::uint64_t, std::uint64_t> newest_;  ///< number of each client
  LogIndex completed_;
  std::uint64_t repeats_ = 0;
  std::uint64_t late_ = 0;
};

}  // namespace starling::tests
