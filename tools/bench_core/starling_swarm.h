/// Three real nodes on loopback, which may be killed and started again.
#pragma once

#include "bootstrap/client/swarm_client.h"
#include "node/base/ids.h"
#include "tools/bench_core/child_process.h"
#include "tools/bench_core/samples.h"
#include "tools/bench_core/write_load.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace starling::bench {

class StarlingSwarm {
 public:
  /// `program` is `starling`; data and what the nodes say goes below `dir`, which must be empty.
  /// Returns: once all three are voters and one leads.
  /// Errors: `unavailable`, with the end of a node's output.
  static Result<std::unique_ptr<StarlingSwarm>> start(const std::filesystem::path& dir,
                                                      const std::filesystem::path& program);

  std::size_t size() const { return nodes_.size(); }

  std::vector<pid_t> pids() const;

  pid_t pid(std::size_t node) const { return nodes_[node].process.pid(); }

  const std::string& address(std::size_t node) const { return nodes_[node].listen; }

  const std::string& url(std::size_t node) const { return nodes_[node].http; }

  /// Of all nodes but one.
  std::vector<std::string> urls_without(std::size_t node) const;

  const std::string& token() const { return token_; }

  const PeerAccess& access() const { return access_; }

  /// By the word of any node that runs. Errors: `unavailable` after 30 s.
  Result<std::size_t> leader();

  void kill(std::size_t node) { nodes_[node].process.kill(); }

  /// With the same data and ports; returns once it listens. Errors: as `start`.
  Result<> start_again(std::size_t node);

  /// Until all live, vote, and have applied what the leader had committed when this was called.
  Result<> wait_until_together(std::chrono::seconds patience);

  /// What a node has said so far.
  std::string output(std::size_t node) const;

  std::uint64_t commit_index(std::size_t node);

 private:
  struct Node {
    std::string name;
    std::filesystem::path data;
    std::string listen = "127.0.0.1:0";
    std::string http_listen = "127.0.0.1:0";
    std::string http;
    ChildProcess process;
  };

  StarlingSwarm(std::filesystem::path dir, std::filesystem::path program)
      : dir_(std::move(dir)), program_(std::move(program)) {}

  Result<> start_all();
  Result<> launch(std::size_t node);
  std::optional<bootstrap::Json> status_of(std::size_t node);
  std::optional<std::size_t> leader_by(const bootstrap::Json& status) const;
  Error failure(const std::string& what) const;

  std::filesystem::path dir_;
  std::filesystem::path program_;
  std::vector<Node> nodes_;
  std::string token_;
  PeerAccess access_;
};

}  // namespace starling::bench
