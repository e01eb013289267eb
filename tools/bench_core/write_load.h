/// Writers that write as fast as they are answered, each one write at a time.
///
/// The measured write: a register of 256 B ("bench-WRITER"), acknowledged when a majority has it on
/// disk and the leader has applied it. Warm-up is not counted.
#pragma once

#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/secure/swarm_keys.h"
#include "tools/bench_core/samples.h"
#include "tools/bench_core/usage.h"

#include <optional>
#include <string>
#include <vector>

namespace starling::bench {

inline constexpr std::size_t kValueBytes = 256;

struct LoadPlan {
  std::size_t writers = 1;
  std::chrono::milliseconds warm_up{1000};
  std::chrono::milliseconds time{5000};
  std::vector<pid_t> servers;  ///< whose CPU time is told apart from the writers'
  std::size_t value_bytes = kValueBytes;
  std::size_t keys_per_writer = 1;  ///< written in turn
};

/// What the writers of one load did. Threads: one.
class Tally {
 public:
  explicit Tally(LoadPlan plan);

  const LoadPlan& plan() const { return plan_; }

  bool is_over() const { return Clock::now() >= end_; }

  void succeeded(Clock::time_point started);

  /// Not done, for sure or perhaps; the first reason is kept.
  void failed(const std::string& why);

  /// {"writers", "value_bytes", "writes_per_s", "latency", "failed", "first_error", "usage",
  /// "server_cpu_us_per_write" (all servers together), "client_cpu_us_per_write"}
  Json finish();

 private:
  bool is_counted(Clock::time_point now);

  LoadPlan plan_;
  Clock::time_point begin_;
  Clock::time_point end_;
  std::optional<UsageWindow> usage_;
  Samples latency_;
  std::size_t failed_ = 0;
  std::string first_error_;
};

/// A finished tally in one line, for a person. CPU: of all servers, then of the clients.
std::string line_of(const Json& load);

/// "bench-WRITER", or "bench-WRITER.N" if it has several.
std::string key_of(const LoadPlan& plan, std::size_t writer, std::size_t number);

/// Printable, and another one each time.
std::string value_of(const LoadPlan& plan, std::size_t writer, std::size_t number);

/// Whether a write carries a key under which it counts once, as those that a node forwards do.
enum class WriteKeys { none, internal };

/// What lets a load speak to nodes as one of them.
struct PeerAccess {
  SwarmId swarm;
  node::SwarmKeyRing ring;
};

/// Over the peer protocol to the leader, as another node forwards writes: one connection.
Json peer_load(const std::string& address,
               const PeerAccess& access,
               WriteKeys keys,
               const LoadPlan& plan);

/// Over HTTP: a connection for each writer, kept alive. `url` is http://IP:PORT.
Json http_load(const std::string& url, const std::string& token, const LoadPlan& plan);

}  // namespace starling::bench
