#include "ml/train/worker_parent.h"

#include "ml/work/packet_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace starling::ml {
namespace {

constexpr int kChildNiceness = 5;  // the node's own threads answer first
constexpr std::string_view kChildOomScore = "800";

class WorkerParent {
 public:
  WorkerParent(int control, const ChildMain& child_main);

  int run();

 private:
  void block_child_signals();
  bool take_packets();
  void spawn(std::uint64_t id, int channel);
  [[noreturn]] void become_child(int channel, pid_t parent);
  void kill_child(std::uint64_t id);
  void reap(int flags);
  void tell(const WorkMessage& message);

  int control_;
  const ChildMain& child_main_;
  int signals_ = -1;
  std::map<pid_t, std::uint64_t> children_;
};

WorkerParent::WorkerParent(int control, const ChildMain& child_main)
    : control_(control), child_main_(child_main) {}

int WorkerParent::run() {
  block_child_signals();
  ::fcntl(control_, F_SETFD, FD_CLOEXEC);
  ::fcntl(control_, F_SETFL, O_NONBLOCK);
  std::array<pollfd, 2> waits{pollfd{control_, POLLIN, 0}, pollfd{signals_, POLLIN, 0}};
  for (;;) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) break;
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    }
    reap(WNOHANG);
    if (waits[0].revents != 0 && !take_packets()) break;
  }
  for (const auto& [pid, id] : children_)
    ::kill(pid, SIGKILL);
  while (!children_.empty())
    reap(0);
  return 0;
}

void WorkerParent::block_child_signals() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  signals_ = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

/// False at the end of the line.
bool WorkerParent::take_packets() {
  for (;;) {
    const auto packet = receive_packet(control_);
    if (!packet) return false;
    if (!*packet) return true;
    if (const auto* spawned = std::get_if<SpawnChild>(&(*packet)->message)) {
      spawn(spawned->id, (*packet)->attached);
    } else if (const auto* killed = std::get_if<KillChild>(&(*packet)->message)) {
      kill_child(killed->id);
    }
    if ((*packet)->attached >= 0) ::close((*packet)->attached);
  }
}

void WorkerParent::spawn(std::uint64_t id, int channel) {
  const pid_t parent = ::getpid();
  const pid_t pid = channel < 0 ? -1 : ::fork();
  if (pid == 0) become_child(channel, parent);
  if (pid > 0) children_.emplace(pid, id);
  tell(ChildSpawned{id, std::max<std::int64_t>(pid, 0)});
}

void WorkerParent::become_child(int channel, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // The parent died between fork and prctl.
  ::close(control_);
  ::close(signals_);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_UNBLOCK, &child, nullptr);
  ::setpriority(PRIO_PROCESS, 0, kChildNiceness);
  const int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    // Where /proc is read-only the kernel's own choice of victim must do.
    [[maybe_unused]] const auto written =
        ::write(score, kChildOomScore.data(), kChildOomScore.size());
    ::close(score);
  }
  ::_exit(child_main_(channel));
}

void WorkerParent::kill_child(std::uint64_t id) {
  for (const auto& [pid, child] : children_) {
    if (child == id) ::kill(pid, SIGKILL);
  }
}

void WorkerParent::reap(int flags) {
  for (;;) {
    int status = 0;
    rusage used{};
    const pid_t pid = ::wait4(-1, &status, flags, &used);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) children_.clear();
    if (pid <= 0) return;
    const auto child = children_.find(pid);
    if (child == children_.end()) continue;
    ChildExited exited{child->second, pid, 0, 0, 0};
    if (WIFSIGNALED(status)) exited.signal = WTERMSIG(status);
    if (WIFEXITED(status)) exited.status = WEXITSTATUS(status);
    exited.peak_mb = static_cast<std::uint64_t>(used.ru_maxrss) / 1024;
    children_.erase(child);
    tell(exited);
  }
}

void WorkerParent::tell(const WorkMessage& message) {
  // A node that does not read is gone or about to be: the end of the line will say so.
  [[maybe_unused]] const auto sent = send_packet(control_, message);
}

}  // namespace

int run_worker_parent(int control, const ChildMain& child_main) {
  return WorkerParent{control, child_main}.run();
}

void prepare_worker_program(char** arguments) {
  const pid_t parent = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) std::exit(1);
  bool is_set = true;
  for (const char* name : {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && std::strcmp(value, "1") == 0) continue;
    is_set = false;
    ::setenv(name, "1", 1);
  }
  if (is_set) return;
  ::execv("/proc/self/exe", arguments);
  std::_Exit(1);  // Without one thread of BLAS a fork would not be safe.
}

int run_worker_program(const char* name, const ChildMain& child_main) {
  int type = 0;
  socklen_t size = sizeof type;
  const int known = ::getsockopt(kWorkerControlFd, SOL_SOCKET, SO_TYPE, &type, &size);
  if (known != 0 || type != SOCK_SEQPACKET) {
    std::fprintf(stderr, "%s is started by a node: `starling node --help`\n", name);
    return 2;
  }
  return run_worker_parent(kWorkerControlFd, child_main);
}

}  // namespace starling::ml
