#include "tools/bench_core/child_process.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace starling::bench {
namespace {

constexpr std::chrono::milliseconds kLook{5};

/// Runs between fork and exec: only what is safe there.
[[noreturn]] void become(char* const* words, const char* output, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  const int file = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file >= 0) {
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
  }
  execv(words[0], words);
  _exit(127);
}

}  // namespace

bool wait_until(std::chrono::milliseconds patience, const std::function<bool()>& is_so) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

std::filesystem::path find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  std::string folder;
  while (std::getline(folders, folder, ':')) {
    const auto file = std::filesystem::path(folder) / name;
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

std::uint16_t free_port() {
  namespace ip = boost::asio::ip;
  boost::asio::io_context context;
  const ip::tcp::acceptor any{context, ip::tcp::endpoint{ip::address_v4::loopback(), 0}};
  return any.local_endpoint().port();
}

ChildProcess::~ChildProcess() {
  kill();
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  kill();
  pid_ = std::exchange(other.pid_, 0);
  return *this;
}

Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& words,
                                         const std::filesystem::path& output) {
  std::vector<std::string> own = words;
  std::vector<char*> arguments;
  for (std::string& word : own)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  ChildProcess child;
  child.pid_ = fork();
  if (child.pid_ == 0) become(arguments.data(), output.c_str(), parent);
  if (child.pid_ > 0) return child;
  child.pid_ = 0;
  return Error{Errc::io,
               fmt::format("{} cannot be started: {}", words.front(), std::strerror(errno))};
}

void ChildProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void ChildProcess::stop(std::chrono::milliseconds grace) {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  if (!wait(grace)) kill();
}

Result<int> ChildProcess::wait(std::chrono::milliseconds patience) {
  int status = 0;
  const auto has_ended = [&] { return pid_ <= 0 || waitpid(pid_, &status, WNOHANG) == pid_; };
  if (!wait_until(patience, has_ended)) {
    kill();
    return Error{Errc::timed_out, fmt::format("it did not end within {} ms", patience.count())};
  }
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace starling::bench
