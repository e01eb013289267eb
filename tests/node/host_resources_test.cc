#include "node/process/host_resources.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace starling::node {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

/// A child with a child of its own that holds `bytes`, started and stopped by pipes.
class Grandchild {
 public:
  explicit Grandchild(std::size_t bytes) {
    EXPECT_EQ(pipe(ready_), 0);
    EXPECT_EQ(pipe(over_), 0);
    child_ = fork();
    if (child_ == 0) live(bytes);
    char mark = 0;
    EXPECT_EQ(read(ready_[0], &mark, 1), 1);
  }

  ~Grandchild() {
    close(over_[0]);
    close(over_[1]);  // Both read the end of it, and end.
    waitpid(child_, nullptr, 0);
    close(ready_[0]);
    close(ready_[1]);
  }

  Grandchild(const Grandchild&) = delete;
  Grandchild& operator=(const Grandchild&) = delete;

 private:
  [[noreturn]] void live(std::size_t bytes) {
    close(over_[1]);
    const pid_t own = fork();
    if (own == 0) {
      std::vector<char> held(bytes);
      std::memset(held.data(), 1, held.size());
      if (write(ready_[1], held.data(), 1) != 1) _exit(1);
      wait_for_end();
    }
    char mark = 0;
    const auto ended = read(over_[0], &mark, 1);
    waitpid(own, nullptr, 0);
    _exit(ended == 0 ? 0 : 1);
  }

  [[noreturn]] void wait_for_end() {
    char mark = 0;
    _exit(read(over_[0], &mark, 1) == 0 ? 0 : 1);
  }

  int ready_[2]{};
  int over_[2]{};
  pid_t child_ = 0;
};

TEST(HostResources, MemoryCountsDescendantsWhileTheyLive) {
  constexpr std::uint64_t kHeld = 64 * kMegabyte;
  const auto before = memory_used_bytes();
  {
    const Grandchild grandchild{kHeld};
    EXPECT_GE(memory_used_bytes(), before + kHeld - 8 * kMegabyte);
  }
  EXPECT_LT(memory_used_bytes(), before + kHeld / 2);
}

TEST(HostResources, DiskSpaceIsWhatTheSystemSays) {
  DiskSpace space{"/"};
  const auto free = space.free_bytes(MonoTime{1});
  EXPECT_GT(free, 0U);
  EXPECT_EQ(space.free_bytes(MonoTime{2}), free) << "it is not asked again at once";
}

TEST(HostResources, AFileSystemThatSaysNothingHasRoom) {
  DiskSpace space{"/no/such/path"};
  EXPECT_EQ(space.free_bytes(MonoTime{0}), std::numeric_limits<std::uint64_t>::max());
}

}  // namespace
}  // namespace starling::node
