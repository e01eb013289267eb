// A process that writes a store as fast as it can is killed with SIGKILL at any moment. The kernel
// loses nothing that was written, so each write to the log that had returned must be there, whole,
// and of the one under way all or nothing; and the applied state must be one that the log brings
// to where it was.
//
//     kill_store_test [--kills N]      100 unless given, or STARLING_KILLS
//     kill_store_test --write DIR SEED            what is killed: a byte to stdout for each call
#include "consensus/storage/disk_log_store.h"
#include "consensus/storage/memory_log_store.h"
#include "tests/consensus/store_workload.h"
#include "tests/support/test_ids.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <poll.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

namespace starling::tests {
namespace {

using consensus::DiskLogStore;

int g_kills = 100;
std::string g_program;

Result<std::unique_ptr<DiskLogStore>> open(const std::filesystem::path& dir) {
  const consensus::SegmentLogOptions small{256 << 10, 2};
  return DiskLogStore::open(dir, {}, node_number(1), nullptr, small);
}

/// Never returns but on an error.
int write_until_killed(const std::filesystem::path& dir, std::uint64_t seed) {
  auto store = open(dir);
  if (!store) return 3;
  auto content = read_content(**store);
  if (!content) return 4;
  StoreWorkload workload{seed};
  workload.restart(std::move(*content));
  for (;;) {
    if (!workload.step(**store).result) return 5;
    if (::write(STDOUT_FILENO, ".", 1) != 1) return 6;
  }
}

class Writer {
 public:
  Writer(const std::filesystem::path& dir, std::uint64_t seed) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    const std::string text = std::to_string(seed);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::execl(g_program.c_str(), g_program.c_str(), "--write", dir.c_str(), text.c_str(), nullptr);
      ::_exit(7);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }

  ~Writer() { ::close(pipe_); }

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// After `calls` of its calls, or `patience`, and then a moment more.
  void kill_after(int calls, int patience_ms, int moment_us) {
    while (returned_ < calls && read_some(patience_ms)) {
    }
    ::usleep(static_cast<useconds_t>(moment_us));
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself with " << WEXITSTATUS(status);
    while (read_some(-1)) {
    }
  }

  /// Calls that had returned.
  int returned() const { return returned_; }

 private:
  bool read_some(int patience_ms) {
    pollfd wanted{pipe_, POLLIN, 0};
    if (::poll(&wanted, 1, patience_ms) <= 0) return false;
    std::array<char, 256> bytes{};
    const ssize_t size = ::read(pipe_, bytes.data(), bytes.size());
    if (size > 0) returned_ += static_cast<int>(size);
    return size > 0;
  }

  pid_t pid_ = -1;
  int pipe_ = -1;
  int returned_ = 0;
};

/// What is in the store after `calls` calls of the writer that began with `content`.
StoreContent content_after(int calls, StoreContent content, std::uint64_t seed) {
  consensus::MemoryLogStore nowhere;
  StoreWorkload workload{seed};
  workload.restart(std::move(content));
  for (int i = 0; i < calls; ++i)
    EXPECT_TRUE(workload.step(nowhere).result);
  return workload.content();
}

TEST(KillStore, EveryCallThatReturnedIsThereAndTheOneUnderWayIsWholeOrNotThere) {
  const auto dir =
      std::filesystem::path{testing::TempDir()} / fmt::format("starling_kill_{}", ::getpid());
  std::filesystem::remove_all(dir);
  Random random{11};
  StoreContent content;
  std::uint64_t calls = 0;
  std::uint64_t under_way = 0;
  std::uint64_t lagged = 0;
  for (int kill = 1; kill <= g_kills; ++kill) {
    SCOPED_TRACE(kill);
    const std::uint64_t seed = random.next();
    Writer writer{dir, seed};
    const int wanted = random.chance(0.2) ? 0 : static_cast<int>(random.below(100));
    const int moment_us = static_cast<int>(random.below(wanted == 0 ? 30'000 : 2'000));
    writer.kill_after(wanted, 20'000, moment_us);
    const auto store = open(dir);
    ASSERT_TRUE(store) << store.error().detail;
    const auto found = read_content(**store);
    ASSERT_TRUE(found) << found.error().detail;
    const StoreContent returned = content_after(writer.returned(), content, seed);
    const bool is_one_more = !(brought_forward(*found, returned) == returned);
    if (is_one_more) {
      const StoreContent more = content_after(writer.returned() + 1, content, seed);
      ASSERT_EQ(brought_forward(*found, more), more)
          << "found " << to_string(*found) << "\nreturned " << to_string(returned);
    }
    calls += static_cast<std::uint64_t>(writer.returned());
    under_way += is_one_more ? 1 : 0;
    lagged += found->applied < returned.applied ? 1 : 0;
    content = *found;
  }
  std::filesystem::remove_all(dir);
  fmt::print("{} kills, {} calls returned, {} under way were done, {} states lagged behind\n",
             g_kills,
             calls,
             under_way,
             lagged);
  EXPECT_GT(calls, static_cast<std::uint64_t>(g_kills)) << "the writers should get to write";
}

}  // namespace
}  // namespace starling::tests

int main(int argc, char** argv) {
  using namespace starling::tests;
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--write" && argc == 4)
    return write_until_killed(argv[2], std::strtoull(argv[3], nullptr, 10));
  testing::InitGoogleTest(&argc, argv);
  g_program = std::filesystem::read_symlink("/proc/self/exe");
  const char* kills = std::getenv("STARLING_KILLS");
  if (argc == 3 && std::string_view{argv[1]} == "--kills") kills = argv[2];
  if (kills != nullptr) g_kills = std::atoi(kills);
  return RUN_ALL_TESTS();
}
