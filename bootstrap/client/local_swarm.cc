#include "bootstrap/client/local_swarm.h"

#include "bootstrap/client/interrupt.h"
#include "bootstrap/client/swarm_client.h"
#include "node/process/host_resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <signal.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace starling::bootstrap {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLook{20};
constexpr const char* kAnyPort = "127.0.0.1:0";

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string last_lines(const std::string& text, std::size_t lines) {
  std::size_t from = text.size();
  while (from > 0 && lines > 0)
    if (text[--from] == '\n' && from + 1 < text.size()) --lines;
  return text.substr(from == 0 ? 0 : from + 1);
}

/// Of all its threads.
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  std::error_code ignored;
  const std::filesystem::path tasks = fmt::format("/proc/{}/task", parent);
  std::filesystem::directory_iterator task{tasks, ignored};
  for (; !ignored && task != std::filesystem::directory_iterator{}; task.increment(ignored)) {
    std::istringstream list{content_of(task->path() / "children")};
    for (pid_t child = 0; list >> child;)
      children.push_back(child);
  }
  return children;
}

/// What each of `nodes` may use, in MiB: they share this machine, and leave some of it to others.
std::uint64_t memory_share_mib(std::size_t nodes) {
  const std::uint64_t share = (node::memory_limit_bytes() >> 20) * 8 / 10 / nodes;
  return std::max<std::uint64_t>(share, 256);
}

/// Runs between fork and exec: only what is safe there.
[[noreturn]] void become(char* const* arguments,
                         const char* program,
                         const char* log,
                         pid_t parent) {
  setpgid(0, 0);  // Ctrl-C reaches the command only, which then stops its nodes in order
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);
  const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (in >= 0) dup2(in, STDIN_FILENO);
  if (out >= 0) {
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
  }
  execv(program, arguments);
  _exit(127);
}

}  // namespace

Result<std::unique_ptr<LocalSwarm>> LocalSwarm::start(const LocalSwarmPlan& plan,
                                                      const Waiting& waiting) {
  std::unique_ptr<LocalSwarm> swarm(new LocalSwarm(plan));
  auto folder = TemporaryFolder::make();
  if (!folder) return folder.error();
  swarm->folder_ = std::move(*folder);
  swarm->until_ = Clock::now() + plan.deadline;
  const auto started = swarm->start_all(waiting);
  if (!started) return started.error();
  return swarm;
}

LocalSwarm::~LocalSwarm() {
  stop();
}

Result<> LocalSwarm::start_all(const Waiting& waiting) {
  nodes_.reserve(plan_.nodes);
  if (const auto founder = start_node("--found", ""); !founder) return founder.error();
  if (const auto ready = wait_until_listening(nodes_.front(), waiting); !ready)
    return ready.error();
  const auto token_file = nodes_.front().data / "admin-token";
  const auto has_token = wait_for("the founder's token", waiting, [&] {
    token_ = content_of(token_file);
    return !token_.empty();
  });
  if (!has_token) return has_token.error();
  while (token_.ends_with('\n'))
    token_.pop_back();
  for (std::size_t i = 1; i < plan_.nodes; ++i) {
    const auto joiner = start_node("--join", nodes_.front().listen);
    if (!joiner) return joiner.error();
  }
  for (LocalNode& node : nodes_)
    if (const auto ready = wait_until_listening(node, waiting); !ready) return ready.error();
  return wait_until_together(waiting);
}

Result<> LocalSwarm::start_node(const std::string& found_or_join, const std::string& address) {
  LocalNode node;
  node.name = fmt::format("node-{}", nodes_.size() + 1);
  node.data = folder() / node.name;
  // Beside the data directory, not in it: a node founds a swarm in an empty one only.
  node.log = folder() / (node.name + ".log");
  std::vector<std::string> more{"--listen", kAnyPort, "--http", kAnyPort, found_or_join};
  if (!address.empty())
    more.insert(more.end(), {address, "--secret-file", nodes_.front().data / "swarm-keys"});
  const auto launched = launch(node, std::move(more));
  if (launched) nodes_.push_back(std::move(node));
  return launched;
}

Result<> LocalSwarm::launch(LocalNode& node, std::vector<std::string> more) const {
  std::vector<std::string> words = {"starling",
                                    "node",
                                    "--data",
                                    node.data,
                                    "--name",
                                    node.name,
                                    "--memory",
                                    fmt::format("{}M", memory_share_mib(plan_.nodes))};
  words.insert(words.end(), more.begin(), more.end());
  if (plan_.slots > 0) words.insert(words.end(), {"--slots", std::to_string(plan_.slots)});
  std::vector<char*> arguments;
  for (std::string& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  node.pid = fork();
  if (node.pid == 0) become(arguments.data(), plan_.program.c_str(), node.log.c_str(), parent);
  if (node.pid < 0)
    return Error{Errc::io,
                 fmt::format("{} cannot be started: {}", node.name, std::strerror(errno))};
  node.is_running = true;
  return {};
}

void LocalSwarm::kill_node(std::size_t node) {
  LocalNode& killed = nodes_.at(node);
  if (!killed.is_running) return;
  kill(killed.pid, SIGKILL);
  waitpid(killed.pid, nullptr, 0);
  killed.is_running = false;
  killed.is_stopped = false;
}

void LocalSwarm::stop_node(std::size_t node) {
  LocalNode& stopped = nodes_.at(node);
  stopped.is_stopped = stopped.is_running && kill(stopped.pid, SIGSTOP) == 0;
}

void LocalSwarm::continue_node(std::size_t node) {
  LocalNode& stopped = nodes_.at(node);
  if (stopped.is_running) kill(stopped.pid, SIGCONT);
  stopped.is_stopped = false;
}

bool LocalSwarm::kill_trial(std::size_t node) {
  const LocalNode& owner = nodes_.at(node);
  if (!owner.is_running) return false;
  pid_t youngest = 0;  // a model that is served has an older one
  for (const pid_t program : children_of(owner.pid))
    for (const pid_t child : children_of(program))
      youngest = std::max(youngest, child);
  return youngest > 0 && kill(youngest, SIGKILL) == 0;
}

bool LocalSwarm::has_ended(std::size_t node) {
  LocalNode& looked_at = nodes_.at(node);
  if (!looked_at.is_running || waitpid(looked_at.pid, nullptr, WNOHANG) != looked_at.pid)
    return false;
  looked_at.is_running = false;
  looked_at.is_stopped = false;
  return true;
}

Result<> LocalSwarm::restart_node(std::size_t node) {
  LocalNode& ended = nodes_.at(node);
  const std::string http = ended.http.substr(ended.http.find("//") + 2);
  return launch(ended, {"--listen", ended.listen, "--http", http});
}

Result<> LocalSwarm::wait_until_listening(LocalNode& node, const Waiting& waiting) {
  return wait_for(node.name + " to listen", waiting, [&] {
    const Json addresses = Json::parse(content_of(node.data / "addresses.json"), nullptr, false);
    node.listen = text_field(addresses, "listen");
    node.http = text_field(addresses, "http");
    return !node.listen.empty() && !node.http.empty();
  });
}

Result<> LocalSwarm::wait_until_together(const Waiting& waiting) {
  // Asking each node shows that all know all, not only the founder.
  for (const LocalNode& node : nodes_) {
    SwarmClient client(node.http, token_, {.attempts = 1, .pause = {}});
    const auto is_together = [&] {
      const auto swarm = client.get("/api/v1/swarm");
      if (!swarm || !field(*swarm, "leader").is_string()) return false;
      const Json& members = field(*swarm, "members");
      const auto alive = std::ranges::count_if(
          members, [](const Json& member) { return text_field(member, "state") == "alive"; });
      return static_cast<std::size_t>(alive) == plan_.nodes;
    };
    const std::string what =
        fmt::format("{} to see {} members and a leader", node.name, plan_.nodes);
    if (const auto done = wait_for(what, waiting, is_together); !done) return done.error();
  }
  return {};
}

Result<> LocalSwarm::wait_for(const std::string& what,
                              const Waiting& waiting,
                              const std::function<bool()>& is_there) {
  const auto started = Clock::now();
  while (!is_there()) {
    const std::string ended = ended_node();
    if (!ended.empty()) return Error{Errc::unavailable, ended};
    if (Clock::now() > until_) {
      keep_folder();
      return Error{Errc::unavailable,
                   fmt::format("waited {} s for {}, in vain; the nodes' logs are in {}",
                               plan_.deadline.count() / 1000,
                               what,
                               folder().string())};
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
    if (waiting) waiting(fmt::format("waiting for {} ({:.0f} s)", what, seconds));
    if (!pause_for(kLook)) return Error{Errc::timed_out, "interrupted while waiting for " + what};
  }
  return {};
}

std::string LocalSwarm::ended_node() {
  for (LocalNode& node : nodes_) {
    int status = 0;
    if (!node.is_running || waitpid(node.pid, &status, WNOHANG) != node.pid) continue;
    node.is_running = false;
    const std::string how = WIFEXITED(status) ? fmt::format("with code {}", WEXITSTATUS(status))
                                              : fmt::format("by signal {}", WTERMSIG(status));
    return fmt::format("{} ended {} before the swarm stood; the end of its log:\n{}",
                       node.name,
                       how,
                       last_lines(content_of(node.log), 8));
  }
  return "";
}

void LocalSwarm::stop() {
  for (const LocalNode& node : nodes_)
    if (node.is_running) {
      kill(node.pid, SIGTERM);
      kill(node.pid, SIGCONT);  // one that is stopped would not hear it
    }
  const auto until = Clock::now() + plan_.grace;
  for (LocalNode& node : nodes_) {
    while (node.is_running) {
      if (waitpid(node.pid, nullptr, WNOHANG) != 0) {
        node.is_running = false;
      } else if (Clock::now() > until) {
        kill(-node.pid, SIGKILL);  // the node and its workers: they share its process group
        waitpid(node.pid, nullptr, 0);
        node.is_running = false;
      } else {
        usleep(10'000);  // even when interrupted: this is what an interrupted command does last
      }
    }
  }
}

}  // namespace starling::bootstrap
