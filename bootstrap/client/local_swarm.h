/// A whole swarm on this machine: nodes as child processes of this program, gone with it.
///
/// Each node is `starling node` in a folder of its own below one temporary folder, with ports that
/// the system chose, which it writes to `addresses.json` once it listens.
#pragma once

#include "bootstrap/client/temporary_folder.h"
#include "node/base/error.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace starling::bootstrap {

struct LocalSwarmPlan {
  std::size_t nodes = 3;
  std::uint32_t slots = 1;  ///< Trials at a time on each. 0: as many as the node wants.
  std::filesystem::path program = "/proc/self/exe";
  std::chrono::milliseconds deadline{30'000};  ///< For all of them to stand together.
  std::chrono::milliseconds grace{10'000};     ///< From SIGTERM to SIGKILL.
};

struct LocalNode {
  std::string name;
  std::filesystem::path data;
  std::filesystem::path log;
  pid_t pid = 0;
  bool is_running = false;
  bool is_stopped = false;  ///< by SIGSTOP
  std::string listen;
  std::string http;
};

class LocalSwarm {
 public:
  using Waiting = std::function<void(const std::string& sentence)>;

  /// Returns when every node is alive in everyone's eyes and there is a leader.
  /// Errors: `unavailable`, naming what was waited for and the last lines of the node's log;
  ///         `timed_out` when interrupted.
  static Result<std::unique_ptr<LocalSwarm>> start(const LocalSwarmPlan& plan,
                                                   const Waiting& waiting);
  ~LocalSwarm();  ///< Stops every node and removes the folder.
  LocalSwarm(const LocalSwarm&) = delete;
  LocalSwarm& operator=(const LocalSwarm&) = delete;

  const std::string& url() const { return nodes_.front().http; }

  const std::string& token() const { return token_; }

  const std::filesystem::path& folder() const { return folder_->path(); }

  const std::vector<LocalNode>& nodes() const { return nodes_; }

  /// What may happen to a node, on purpose. `node` counts from 0.
  void kill_node(std::size_t node);  ///< -9, while it runs; its workers end with it
  void stop_node(std::size_t node);  ///< it hangs until it is continued
  void continue_node(std::size_t node);
  bool kill_trial(std::size_t node);  ///< its youngest worker process; false: it has none
  bool has_ended(std::size_t node);   ///< though nobody here killed it; said once

  /// On the data and the addresses that it had. Errors: `io`.
  Result<> restart_node(std::size_t node);

  /// The folder stays when the swarm is gone.
  void keep_folder() { folder_->keep(); }

 private:
  explicit LocalSwarm(LocalSwarmPlan plan) : plan_(std::move(plan)) {}

  Result<> start_all(const Waiting& waiting);
  Result<> start_node(const std::string& found_or_join, const std::string& address);
  Result<> launch(LocalNode& node, std::vector<std::string> more) const;
  Result<> wait_until_listening(LocalNode& node, const Waiting& waiting);
  Result<> wait_until_together(const Waiting& waiting);
  Result<> wait_for(const std::string& what,
                    const Waiting& waiting,
                    const std::function<bool()>& is_there);
  std::string ended_node();
  void stop();

  LocalSwarmPlan plan_;
  std::unique_ptr<TemporaryFolder> folder_;
  std::vector<LocalNode> nodes_;
  std::string token_;
  std::chrono::steady_clock::time_point until_;
};

}  // namespace starling::bootstrap
