/// Three etcd members on loopback with their default settings, to compare with.
#pragma once

#include "node/base/error.h"
#include "tools/bench_core/child_process.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace starling::bench {

class EtcdCluster {
 public:
  /// Data and what the members say goes below `dir`, which must be empty.
  /// Returns: once all serve and one leads. Errors: `unavailable`.
  static Result<std::unique_ptr<EtcdCluster>> start(const std::filesystem::path& dir,
                                                    const std::filesystem::path& program);

  std::vector<pid_t> pids() const;

  pid_t pid(std::size_t member) const { return members_[member].process.pid(); }

  /// http://127.0.0.1:PORT; its gRPC is on the same port.
  std::string url(std::size_t member) const;
  std::vector<std::string> urls_without(std::size_t member) const;

  /// Errors: `unavailable` after 30 s.
  Result<std::size_t> leader();

  void kill(std::size_t member) { members_[member].process.kill(); }

  Result<> start_again(std::size_t member);

  /// Until all serve, know the leader, and have the leader's log.
  Result<> wait_until_together(std::chrono::seconds patience);

 private:
  struct Member {
    std::string name;
    std::uint16_t client_port = 0;
    std::uint16_t peer_port = 0;
    ChildProcess process;
  };

  struct Status {
    std::string id;
    std::string leader;
    std::uint64_t applied = 0;
  };

  EtcdCluster(std::filesystem::path dir, std::filesystem::path program)
      : dir_(std::move(dir)), program_(std::move(program)) {}

  std::optional<Status> status_of(std::size_t member) const;
  std::string peers() const;

  std::filesystem::path dir_;
  std::filesystem::path program_;
  std::vector<Member> members_;
};

}  // namespace starling::bench
