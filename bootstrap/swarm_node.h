/// One running node: builds all parts in order, joins them, and stops them in reverse order.
#pragma once

#include "bootstrap/settings.h"
#include "node/base/error.h"

#include <memory>

namespace starling::bootstrap {

class SwarmNode {
 public:
  /// Takes the data directory, binds the ports, decides between founding, joining and returning.
  /// Errors: `invalid_argument`: usage (no --found, no --join); `conflict`: the directory is in
  ///         use or belongs to another swarm; `io`: a port is taken, the disk refuses.
  static Result<std::unique_ptr<SwarmNode>> open(const Settings& settings);

  virtual ~SwarmNode() = default;

  /// Runs until SIGTERM or SIGINT, then stops in order. Returns the exit code.
  virtual int run() = 0;
};

}  // namespace starling::bootstrap
