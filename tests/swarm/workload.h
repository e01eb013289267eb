/// Clients that write, compare-and-set and read registers at random nodes, claim and complete
/// trials kept in registers, and record everything.
#pragma once

#include "tests/swarm/key_ring.h"
#include "tests/swarm/node_client.h"

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace starling::tests {

/// A write that some node said is done.
struct Acknowledged {
  std::string key;
  std::uint64_t version = 0;
  std::string value;
};

struct WorkloadOptions {
  std::vector<std::string> urls;
  std::string token;
  std::filesystem::path history;
  std::uint64_t seed = 1;
  std::size_t clients = 8;
  std::size_t keys = 3;        ///< of registers, and as many of trials, in use at a time
  std::size_t once_max = 800;  ///< keys that are written once only
};

class Workload {
 public:
  explicit Workload(WorkloadOptions options);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  void start();

  /// Returns when the last operation has ended.
  void stop();

  /// One recorded linearizable read of every key there was; false if one gets no answer.
  /// After `stop`.
  bool read_all();

  const std::vector<Acknowledged>& acknowledged() const { return acknowledged_; }

  /// Answers that no node should give here.
  const std::vector<std::string>& strange() const { return strange_; }

 private:
  class Client;

  std::uint64_t new_client() { return ++clients_; }

  void note_acknowledged(Acknowledged write);
  void note_strange(std::string what);

  const WorkloadOptions options_;
  HistoryWriter history_;
  KeyRing registers_;
  KeyRing trials_;
  std::atomic<std::uint64_t> clients_ = 0;
  std::atomic<std::size_t> once_ = 0;
  std::atomic<bool> is_stopping_ = false;
  std::mutex mutex_;
  std::vector<Acknowledged> acknowledged_;  ///< guarded by `mutex_` while clients run
  std::vector<std::string> strange_;        ///< likewise
  std::vector<std::thread> threads_;
};

}  // namespace starling::tests
