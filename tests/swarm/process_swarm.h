// Real nodes as child processes, which a test may kill and start again.
#pragma once

#include "bootstrap/client/swarm_client.h"
#include "tests/swarm/wait_until.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/types.h>
#include <vector>

namespace starling::tests {

using Json = nlohmann::json;

/// 1,338 people; what they were charged is in `charges`.
inline const std::filesystem::path kInsurance =
    std::filesystem::path{STARLING_SOURCE_DIR} / "data" / "insurance.csv";

/// One person of that table, as a request for a prediction.
inline const Json kInsuredPerson{{"rows",
                                  {{{"age", 40},
                                    {"sex", "male"},
                                    {"bmi", 30},
                                    {"children", 1},
                                    {"smoker", "yes"},
                                    {"region", "southeast"}}}}};

/// How the nodes of a swarm are reached by each other. What is left out: loopback, any port.
struct SwarmPlan {
  std::size_t nodes = 3;
  std::uint32_t slots = 1;
  std::filesystem::path secret_file{};  ///< empty: the founder's own
  /// All are started at once, with the same --join; nobody is told to found. Needs `listen` of node
  /// 0 and `secret_file`.
  bool at_once = false;
  std::function<std::string(std::size_t node)> listen{};     ///< HOST:PORT for peers
  std::function<std::string(std::size_t node)> advertise{};  ///< what peers are told instead
  std::function<std::string(std::size_t node)> http{};       ///< HOST:PORT for people
  /// Words before the program, which run it elsewhere.
  std::function<std::vector<std::string>(std::size_t node)> before{};
  /// Called when a node listens: where it really does.
  std::function<void(std::size_t node, const std::string& address)> started{};
};

class ProcessSwarm {
 public:
  /// Starts `count` nodes and waits until all are voters (or standbys) and there is a leader.
  explicit ProcessSwarm(std::size_t count, std::uint32_t slots = 1);
  explicit ProcessSwarm(SwarmPlan plan);
  ~ProcessSwarm();
  ProcessSwarm(const ProcessSwarm&) = delete;
  ProcessSwarm& operator=(const ProcessSwarm&) = delete;

  /// Starts one more node with these options beside those for addresses and data, and returns its
  /// number at once.
  std::size_t add(std::vector<std::string> options);

  /// Waits until it serves. False after 20 s.
  bool serves(std::size_t node);

  std::string output(std::size_t node) const;

  const std::filesystem::path& data(std::size_t node) const { return nodes_[node].data; }

  const std::string& listen(std::size_t node) const { return nodes_[node].listen; }

  std::size_t size() const { return nodes_.size(); }

  bool is_running(std::size_t node) const { return nodes_[node].pid > 0; }

  /// kill -9.
  void kill(std::size_t node);

  /// SIGSTOP and SIGCONT: its clock goes on, it does not.
  void suspend(std::size_t node);
  void resume(std::size_t node);

  /// SIGTERM; returns the exit code.
  int stop(std::size_t node);

  /// Waits until it ends by itself, 20 s at most. Returns: its exit code, 128 and the signal that
  /// ended it, or -1 if it had to be killed.
  int wait_for_end(std::size_t node);

  /// It listens there from its next start on.
  void move(std::size_t node, const std::string& listen, const std::string& http);

  /// With the same data directory and ports; returns once it listens.
  void start(std::size_t node);

  /// The index of the node that leads, by the word of any that runs; waits up to 20 s.
  std::size_t leader();

  std::string url(std::size_t node) const { return nodes_[node].http; }

  std::string token() const;

  pid_t pid(std::size_t node) const { return nodes_[node].pid; }

  /// A client that starts at `node` and knows all others.
  bootstrap::SwarmClient client(std::size_t node) const;

  /// Uploads a file and starts a study on it; returns its id.
  std::string start_study(bootstrap::SwarmClient& client,
                          const std::filesystem::path& csv,
                          const Json& request);

  /// Waits until the study has ended, asking whoever lives.
  Json wait_for_study(bootstrap::SwarmClient& client,
                      const std::string& id,
                      std::chrono::seconds patience);

  const std::filesystem::path& folder() const { return folder_; }

  /// Where to look when a test fails.
  std::string logs() const;

 private:
  struct Node {
    std::filesystem::path data;
    pid_t pid = 0;
    std::string listen = "127.0.0.1:0";
    std::string advertise;  ///< empty: the same
    std::string http_listen = "127.0.0.1:0";
    std::string http;
    std::vector<std::string> options;  ///< empty: as the plan says
  };

  void launch(std::size_t node);
  std::vector<std::string> options_of(std::size_t node) const;

  std::filesystem::path folder_;
  mutable std::string token_;
  SwarmPlan plan_;
  std::vector<Node> nodes_;
};

/// Runs the program and waits. Returns its exit code; what it printed goes to `output`.
int run_program(const std::vector<std::string>& arguments,
                std::string& output,
                std::chrono::seconds patience);

}  // namespace starling::tests
