#include "tests/swarm/process_swarm.h"

#include "node/base/durable_file.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;

std::vector<char*> to_argv(std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (auto& argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  return argv;
}

pid_t launch_program(std::vector<std::string> arguments, const std::string& output) {
  auto argv = to_argv(arguments);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);  // or it holds this test's connections open
  const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(file, 1);
  dup2(file, 2);
  execv(argv[0], argv.data());
  _exit(127);
}

/// Empty if it does not exist (yet).
std::string text_of(const std::filesystem::path& path) {
  const auto text = read_file(path);
  return text ? *text : std::string{};
}

Json parse_file(const std::filesystem::path& path) {
  return Json::parse(text_of(path), nullptr, false);
}

}  // namespace

ProcessSwarm::ProcessSwarm(std::size_t count, std::uint32_t slots)
    : ProcessSwarm(SwarmPlan{.nodes = count, .slots = slots}) {}

ProcessSwarm::ProcessSwarm(SwarmPlan plan) : plan_(std::move(plan)) {
  std::string pattern = testing::TempDir() + "swarm-XXXXXX";
  folder_ = mkdtemp(pattern.data());
  const std::size_t count = plan_.nodes;
  for (std::size_t i = 0; i < count; ++i) {
    Node node;
    if (plan_.listen) node.listen = plan_.listen(i);
    if (plan_.http) node.http_listen = plan_.http(i);
    if (plan_.advertise) node.advertise = plan_.advertise(i);
    node.data = folder_ / ("node-" + std::to_string(i + 1));
    nodes_.push_back(std::move(node));
    if (plan_.at_once)
      launch(i);
    else
      start(i);
  }
  for (std::size_t i = 0; i < count && plan_.at_once; ++i)
    if (!serves(i)) ADD_FAILURE() << "node " << i + 1 << " does not serve\n" << logs();
  auto first = client(0);
  const bool is_together = wait_until(30s, [&] {
    const auto swarm = first.get("/api/v1/swarm");
    if (!swarm || (*swarm)["leader"].is_null()) return false;
    // Until then the one that was there first may not be lost.
    if ((*swarm)["notes"].dump().find("voters are changing") != std::string::npos) return false;
    std::size_t voters = 0;
    for (const auto& member : (*swarm)["members"])
      voters += member["role"] == "voter" && member["state"] == "alive" ? 1 : 0;
    return voters == (count >= 5 ? 5 : count >= 3 ? 3 : 1);
  });
  if (!is_together) ADD_FAILURE() << "the swarm did not form\n" << logs();
}

ProcessSwarm::~ProcessSwarm() {
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    kill(i);
  if (!testing::Test::HasFailure()) std::filesystem::remove_all(folder_);
}

std::vector<std::string> ProcessSwarm::options_of(std::size_t node) const {
  std::vector<std::string> options;
  if (node == 0 && !plan_.at_once) {
    options.emplace_back("--found");
  } else {
    options.emplace_back("--join");
    options.push_back(nodes_[0].advertise.empty() ? nodes_[0].listen : nodes_[0].advertise);
  }
  const bool is_founder_alone = node == 0 && plan_.secret_file.empty();
  if (is_founder_alone) return options;
  options.emplace_back("--secret-file");
  options.push_back(plan_.secret_file.empty() ? nodes_[0].data / "swarm-keys" : plan_.secret_file);
  return options;
}

std::size_t ProcessSwarm::add(std::vector<std::string> options) {
  Node& node = nodes_.emplace_back();
  node.data = folder_ / ("node-" + std::to_string(nodes_.size()));
  node.options = std::move(options);
  if (plan_.listen) node.listen = plan_.listen(nodes_.size() - 1);
  launch(nodes_.size() - 1);
  return nodes_.size() - 1;
}

std::string ProcessSwarm::output(std::size_t node) const {
  return text_of(nodes_[node].data.string() + ".out");
}

void ProcessSwarm::launch(std::size_t node) {
  auto& one = nodes_[node];
  std::vector<std::string> arguments;
  if (plan_.before) arguments = plan_.before(node);
  const std::vector<std::string> command{STARLING_PROGRAM,
                                         "node",
                                         "--data",
                                         one.data,
                                         "--name",
                                         "node-" + std::to_string(node + 1),
                                         "--listen",
                                         one.listen,
                                         "--http",
                                         one.http_listen,
                                         "--slots",
                                         std::to_string(plan_.slots)};
  arguments.insert(arguments.end(), command.begin(), command.end());
  if (plan_.http) arguments.emplace_back("--insecure-http");
  const auto options = one.options.empty() ? options_of(node) : one.options;
  arguments.insert(arguments.end(), options.begin(), options.end());
  if (!one.advertise.empty()) {
    arguments.emplace_back("--advertise");
    arguments.push_back(one.advertise);
  }
  one.pid = launch_program(arguments, one.data.string() + ".out");
}

bool ProcessSwarm::serves(std::size_t node) {
  auto& one = nodes_[node];
  return wait_until(20s, [&] {
    const Json addresses = parse_file(one.data / "addresses.json");
    if (!addresses.is_object()) return false;
    one.listen = addresses["listen"];
    one.http = addresses["http"];
    one.http_listen = one.http.substr(std::string{"http://"}.size());
    return true;
  });
}

void ProcessSwarm::start(std::size_t node) {
  auto& one = nodes_[node];
  std::filesystem::remove(one.data / "addresses.json");
  launch(node);
  const bool is_up = serves(node);
  if (!is_up) ADD_FAILURE() << "node " << node + 1 << " does not listen\n" << logs();
  if (is_up && plan_.started) plan_.started(node, one.listen);
  if (node == 0) wait_until(10s, [&] { return std::filesystem::exists(one.data / "admin-token"); });
}

void ProcessSwarm::move(std::size_t node, const std::string& listen, const std::string& http) {
  nodes_[node].listen = listen;
  nodes_[node].http_listen = http;
}

void ProcessSwarm::kill(std::size_t node) {
  auto& one = nodes_[node];
  if (one.pid <= 0) return;
  ::kill(one.pid, SIGKILL);
  waitpid(one.pid, nullptr, 0);
  one.pid = 0;
}

void ProcessSwarm::suspend(std::size_t node) {
  if (is_running(node)) ::kill(nodes_[node].pid, SIGSTOP);
}

void ProcessSwarm::resume(std::size_t node) {
  if (is_running(node)) ::kill(nodes_[node].pid, SIGCONT);
}

int ProcessSwarm::stop(std::size_t node) {
  ::kill(nodes_[node].pid, SIGTERM);
  return wait_for_end(node);
}

int ProcessSwarm::wait_for_end(std::size_t node) {
  auto& one = nodes_[node];
  int status = 0;
  const bool has_ended =
      wait_until(20s, [&] { return waitpid(one.pid, &status, WNOHANG) == one.pid; });
  if (!has_ended) {
    kill(node);
    return -1;
  }
  one.pid = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::size_t ProcessSwarm::leader() {
  std::size_t found = nodes_.size();
  wait_until(20s, [&] {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!is_running(i)) continue;
      bootstrap::SwarmClient one{url(i), token(), {.attempts = 1, .pause = 1ms}};
      const auto swarm = one.get("/api/v1/swarm");
      if (!swarm) continue;
      for (const auto& member : (*swarm)["members"]) {
        if (!member["is_leader"].get<bool>()) continue;
        for (std::size_t j = 0; j < nodes_.size(); ++j) {
          if (member["http"] == url(j) && is_running(j)) found = j;
        }
      }
    }
    return found < nodes_.size();
  });
  if (found == nodes_.size()) ADD_FAILURE() << "no leader\n" << logs();
  return found % nodes_.size();
}

std::string ProcessSwarm::token() const {
  // The founder's directory may be wiped later.
  if (token_.empty()) token_ = text_of(nodes_[0].data / "admin-token");
  return token_;
}

bootstrap::SwarmClient ProcessSwarm::client(std::size_t node) const {
  bootstrap::SwarmClient client{url(node), token(), {.attempts = 8, .pause = 100ms}};
  (void)client.learn_members();
  return client;
}

std::string ProcessSwarm::start_study(bootstrap::SwarmClient& client,
                                      const std::filesystem::path& csv,
                                      const Json& request) {
  Json body = request;
  if (!body.contains("dataset")) {
    const auto name = csv.stem().string();
    const auto dataset = client.upload("/api/v1/datasets?name=" + name, csv);
    EXPECT_TRUE(dataset) << dataset.error().detail;
    if (!dataset) return {};
    body["dataset"] = (*dataset)["id"];
  }
  const auto study = client.post("/api/v1/studies", body);
  EXPECT_TRUE(study) << study.error().detail;
  return study ? (*study)["id"].get<std::string>() : std::string{};
}

Json ProcessSwarm::wait_for_study(bootstrap::SwarmClient& client,
                                  const std::string& id,
                                  std::chrono::seconds patience) {
  Json last;
  const bool has_ended = wait_until(patience, [&] {
    const auto study = client.get("/api/v1/studies/" + id);
    if (!study) return false;
    last = *study;
    const auto status = last["status"].get<std::string>();
    return status == "completed" || status == "failed" || status == "cancelled";
  });
  EXPECT_TRUE(has_ended) << "study " << id << " did not end: " << last.dump(1) << "\n" << logs();
  return last;
}

std::string ProcessSwarm::logs() const {
  std::string text = "logs are kept in " + folder_.string() + "\n";
  for (const auto& node : nodes_) {
    const auto output = text_of(node.data.string() + ".out");
    text += "--- " + node.data.filename().string() + "\n" +
            output.substr(output.size() - std::min<std::size_t>(output.size(), 3000));
  }
  return text;
}

int run_program(const std::vector<std::string>& arguments,
                std::string& output,
                std::chrono::seconds patience) {
  const std::string file =
      testing::TempDir() + "output-" + std::to_string(getpid()) + "-" + std::to_string(std::rand());
  const pid_t pid = launch_program(arguments, file);
  int status = 0;
  if (!wait_until(patience, [&] { return waitpid(pid, &status, WNOHANG) == pid; })) {
    ::kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  output = text_of(file);
  std::filesystem::remove(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace starling::tests
