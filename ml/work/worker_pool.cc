#include "ml/work/worker_pool.h"

#include "ml/work/packet_socket.h"
#include "node/base/log.h"
#include "node/net/frame.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace starling::ml {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBytes = 64 << 10;

/// A flag that coroutines on one executor can wait for.
class Signal {
 public:
  explicit Signal(const asio::any_io_executor& executor)
      : timer_(executor, asio::steady_timer::time_point::max()) {}

  void set() {
    is_set_ = true;
    timer_.cancel();
  }

  bool is_set() const { return is_set_; }

  asio::awaitable<void> wait() {
    while (!is_set_) {
      co_await timer_.async_wait(kAsTuple);
    }
  }

 private:
  asio::steady_timer timer_;
  bool is_set_ = false;
};

Error errno_error(std::string_view what, int number) {
  return {Errc::io, fmt::format("{}: {}", what, std::strerror(number))};
}

/// The environment of the program: one BLAS thread and one heap; each more costs a child 8 MB.
std::vector<std::string> worker_environment() {
  constexpr std::array<std::string_view, 3> kOwn{
      "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MALLOC_ARENA_MAX=1"};
  std::vector<std::string> all{kOwn.begin(), kOwn.end()};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view given = *entry;
    bool is_own = false;
    for (const auto own : kOwn) {
      is_own = is_own || given.starts_with(own.substr(0, own.find('=') + 1));
    }
    if (!is_own) all.emplace_back(given);
  }
  return all;
}

Result<pid_t> run_program(const std::filesystem::path& program, int control) {
  auto environment = worker_environment();
  std::vector<char*> entries;
  for (std::string& entry : environment)
    entries.push_back(entry.data());
  entries.push_back(nullptr);
  std::string name = program.string();
  std::array<char*, 2> arguments{name.data(), nullptr};

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, control, kWorkerControlFd);
  // A copy of a peer's connection would keep it open after the node has closed it, and one of the
  // node's ports would keep that taken after the node has died.
  posix_spawn_file_actions_addclosefrom_np(&actions, kWorkerControlFd + 1);
  pid_t pid = 0;
  const int failed =
      posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), entries.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return errno_error("cannot start " + name, failed);
  return pid;
}

}  // namespace

struct WorkerChannel::State {
  State(asio::any_io_executor on, std::uint64_t number)
      : id(number), socket(on), spawned(on), gone(on) {}

  std::uint64_t id;
  std::int64_t pid = 0;
  asio::local::stream_protocol::socket socket;
  node::FrameDecoder decoder;
  Signal spawned;
  Signal gone;
  ChildExited exit;
  std::weak_ptr<WorkerPool::State> pool;  ///< gone: so is the child
};

struct WorkerPool::State : std::enable_shared_from_this<WorkerPool::State> {
  State(asio::any_io_executor on, std::filesystem::path path)
      : executor(std::move(on)), program(std::move(path)), line(executor) {}

  Result<> start();
  void end_program();
  void take(Packet packet);
  static asio::awaitable<void> listen(std::shared_ptr<State> self, std::uint64_t start);
  Result<std::shared_ptr<WorkerChannel::State>> ask_for_child();

  asio::any_io_executor executor;
  std::filesystem::path program;
  asio::posix::stream_descriptor line;
  pid_t pid = 0;  ///< 0: the program does not run
  std::uint64_t starts = 0;
  std::uint64_t last_child = 0;
  bool is_stopped = false;
  std::map<std::uint64_t, std::shared_ptr<WorkerChannel::State>> children;
  Logger log{"work", "workers"};
};

Result<> WorkerPool::State::start() {
  if (is_stopped) return Error{Errc::unavailable, "the workers have been stopped"};
  if (pid != 0) return {};
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return errno_error("cannot make a worker line", errno);
  }
  // dup2 onto itself would keep close-on-exec, and the program would not find its line.
  if (ends[1] == kWorkerControlFd) {
    ends[1] = ::fcntl(ends[1], F_DUPFD_CLOEXEC, kWorkerControlFd + 1);
    ::close(kWorkerControlFd);
  }
  const auto started = run_program(program, ends[1]);
  ::close(ends[1]);
  if (!started) {
    ::close(ends[0]);
    return started.error();
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  pid = *started;
  ++starts;
  line.assign(ends[0]);
  asio::co_spawn(executor, listen(shared_from_this(), starts), asio::detached);
  return {};
}

asio::awaitable<void> WorkerPool::State::listen(std::shared_ptr<State> self, std::uint64_t start) {
  for (;;) {
    const auto [ec] =
        co_await self->line.async_wait(asio::posix::stream_descriptor::wait_read, kAsTuple);
    if (self->starts != start || self->pid == 0) co_return;
    for (;;) {
      auto packet = ec ? Result<std::optional<Packet>>{Error{Errc::unavailable, ec.message()}}
                       : receive_packet(self->line.native_handle());
      if (!packet) {
        if (!self->is_stopped) self->log.warn("worker program ended pid={}", self->pid);
        self->end_program();
        co_return;
      }
      if (!*packet) break;
      self->take(std::move(**packet));
    }
  }
}

void WorkerPool::State::take(Packet packet) {
  if (packet.attached >= 0) ::close(packet.attached);
  if (const auto* spawned = std::get_if<ChildSpawned>(&packet.message)) {
    const auto child = children.find(spawned->id);
    if (child == children.end()) return;
    child->second->pid = spawned->pid;
    child->second->spawned.set();
  } else if (const auto* exited = std::get_if<ChildExited>(&packet.message)) {
    const auto child = children.find(exited->id);
    if (child == children.end()) return;
    child->second->exit = *exited;
    child->second->gone.set();
    children.erase(child);
  }
}

/// Ends what is left of the program and tells every child's owner.
void WorkerPool::State::end_program() {
  if (pid == 0) return;
  const pid_t ended = pid;
  pid = 0;
  boost::system::error_code ignored;  // The line is of no use any more, however it closes.
  line.close(ignored);
  ::kill(ended, SIGKILL);
  while (::waitpid(ended, nullptr, 0) < 0 && errno == EINTR) {
  }
  auto orphans = std::move(children);
  children.clear();
  for (const auto& [id, child] : orphans) {
    child->exit = {id, child->pid, 0, SIGKILL, 0};
    child->spawned.set();
    child->gone.set();
  }
}

Result<std::shared_ptr<WorkerChannel::State>> WorkerPool::State::ask_for_child() {
  const auto started = start();
  if (!started) return started.error();
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return errno_error("cannot make a channel to a worker", errno);
  }
  auto child = std::make_shared<WorkerChannel::State>(executor, ++last_child);
  child->pool = weak_from_this();
  child->socket.assign(asio::local::stream_protocol{}, ends[0]);
  const auto sent = send_packet(line.native_handle(), SpawnChild{child->id}, ends[1]);
  ::close(ends[1]);
  if (!sent) return sent.error();
  children.emplace(child->id, child);
  return child;
}

WorkerPool::WorkerPool(asio::any_io_executor executor, std::filesystem::path program)
    : state_(std::make_shared<State>(std::move(executor), std::move(program))) {}

WorkerPool::~WorkerPool() {
  stop();
}

Result<> WorkerPool::start() {
  return state_->start();
}

asio::awaitable<Result<std::unique_ptr<WorkerChannel>>> WorkerPool::spawn() {
  const auto child = state_->ask_for_child();
  if (!child) co_return child.error();
  const auto state = *child;
  co_await state->spawned.wait();
  if (state->gone.is_set() || state->pid == 0) {
    co_return Error{Errc::unavailable, "the worker program could not start a child"};
  }
  co_return std::make_unique<WorkerChannel>(state);
}

std::optional<std::int64_t> WorkerPool::program_pid() const {
  if (state_->pid == 0) return std::nullopt;
  return state_->pid;
}

std::uint64_t WorkerPool::starts() const {
  return state_->starts;
}

void WorkerPool::stop() {
  state_->is_stopped = true;
  state_->end_program();
}

WorkerChannel::~WorkerChannel() {
  kill();
  boost::system::error_code ignored;  // A channel that is already gone is as closed as it gets.
  state_->socket.close(ignored);
}

std::int64_t WorkerChannel::pid() const {
  return state_->pid;
}

asio::awaitable<Result<WorkMessage>> WorkerChannel::read() {
  const auto state = state_;
  std::vector<std::byte> chunk;
  for (;;) {
    auto payload = state->decoder.next();
    if (!payload) co_return payload.error();
    if (*payload) co_return decode_work_message(**payload);

    chunk.resize(kReadBytes);
    const auto target = asio::buffer(chunk);
    const auto [ec, size] = co_await state->socket.async_read_some(target, kAsTuple);
    if (ec) co_return Error{Errc::unavailable, "the worker process has ended"};
    state->decoder.feed(std::span{chunk}.first(size));
  }
}

asio::awaitable<Result<>> WorkerChannel::write(WorkMessage message) {
  const auto state = state_;
  const Bytes frame = node::encode_frame(encode_work_message(message));
  const auto source = asio::buffer(frame);
  const auto [ec, size] = co_await asio::async_write(state->socket, source, kAsTuple);
  if (ec) co_return Error{Errc::unavailable, "the worker process has ended"};
  co_return Result<>{};
}

void WorkerChannel::kill() {
  const auto pool = state_->pool.lock();
  if (!pool || pool->pid == 0 || state_->gone.is_set()) return;
  const auto sent = send_packet(pool->line.native_handle(), KillChild{state_->id});
  if (!sent) pool->log.warn("cannot end child pid={}: {}", state_->pid, sent.error().detail);
}

asio::awaitable<ChildExited> WorkerChannel::exited() {
  const auto state = state_;
  co_await state->gone.wait();
  co_return state->exit;
}

}  // namespace starling::ml
