#include "node/process/disk_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace starling::node {
namespace {

constexpr std::size_t kSyncs = 20;
constexpr std::size_t kBlockBytes = 4096;

/// A file that is gone when this ends.
class ScratchFile {
 public:
  explicit ScratchFile(const std::filesystem::path& dir)
      : path_(dir / "sync-probe"),
        fd_(::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600)) {}

  ~ScratchFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
  }

  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  bool is_open() const { return fd_ >= 0; }

  bool write_durably(const std::array<std::byte, kBlockBytes>& block) const {
    const auto written = ::write(fd_, block.data(), block.size());
    return written == static_cast<ssize_t>(block.size()) && ::fdatasync(fd_) == 0;
  }

 private:
  std::filesystem::path path_;
  int fd_;
};

}  // namespace

Result<std::chrono::microseconds> slow_sync(const std::filesystem::path& dir) {
  using Clock = std::chrono::steady_clock;
  const ScratchFile file{dir};
  if (!file.is_open()) {
    const std::string why = std::generic_category().message(errno);
    return Error{Errc::io, fmt::format("cannot make a file in {}: {}", dir.string(), why)};
  }
  const std::array<std::byte, kBlockBytes> block{};
  std::array<std::chrono::microseconds, kSyncs> taken{};
  for (auto& one : taken) {
    const auto begin = Clock::now();
    if (!file.write_durably(block)) {
      const std::string why = std::generic_category().message(errno);
      return Error{Errc::io, fmt::format("cannot write to {}: {}", dir.string(), why)};
    }
    one = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  }
  std::ranges::nth_element(taken, taken.end() - 2);
  return *(taken.end() - 2);
}

}  // namespace starling::node
