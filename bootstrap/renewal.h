/// What a node does when its copy of the log is not, or no longer, the swarm's: it lays it aside
/// and starts again as a member that has nothing yet. To vote with it could undo what is decided.
///
/// Threads: the core thread.
#pragma once

#include "bootstrap/identity.h"
#include "node/base/log.h"

#include <optional>
#include <string>

namespace starling::bootstrap {

class Renewal {
 public:
  /// `identity` must outlive it.
  Renewal(Identity& identity, Logger log) : identity_(identity), log_(std::move(log)) {}

  /// Does not return, unless it cannot; it has logged why then.
  void come_back_as_new(const std::string& why);

  /// The same, as a node of no swarm. For a swarm that holds nothing.
  void dissolve(const std::string& why);

  /// The state was recovered by force as often as the identity knows, or what was interrupted
  /// between the two is finished (and the program starts again). Errors: it could not.
  Result<> agree_on_epoch(std::uint64_t of_state);

  /// Somebody that knows the swarm's key says that it was recovered without this node.
  /// `no_leader_since`: of this part of the swarm. With a leader this part is alive, and only a
  /// person can say which of the two is to go on.
  /// Errors: this node had to give way and could not start again.
  Result<> hear_of_recovery(std::uint64_t epoch, std::optional<MonoTime> no_leader_since);

 private:
  void start_again(Result<> prepared, const std::string& why);

  Identity& identity_;
  Logger log_;
  MonoTime warned_until_{0};
};

}  // namespace starling::bootstrap
