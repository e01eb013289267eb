/// The other swarm that this node met last and that knows the same secret. The two never merge:
/// what one of them holds would have to overwrite the other's.
///
/// Threads: any.
#pragma once

#include "node/base/ids.h"

#include <mutex>
#include <optional>
#include <string>

namespace starling::bootstrap {

class OtherSwarm {
 public:
  /// Returns: whether that is worth a line in the log.
  bool note(MonoTime now, SwarmId swarm, const std::string& where);

  /// For people, until it was not met for five minutes: what is wrong and what to do.
  std::optional<std::string> warning(MonoTime now) const;

 private:
  mutable std::mutex mutex_;
  SwarmId swarm_;
  std::string where_;
  std::optional<MonoTime> met_at_;
  std::optional<MonoTime> told_at_;
};

}  // namespace starling::bootstrap
