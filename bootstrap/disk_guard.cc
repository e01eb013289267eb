#include "bootstrap/disk_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace starling::bootstrap {
namespace {

constexpr std::uint64_t kBallastBytes = 16 << 20;
constexpr std::uint64_t kMegabyte = 1 << 20;

}  // namespace

DiskGuard::DiskGuard(std::filesystem::path data, std::uint64_t reserve, FreeBytes free_bytes)
    : data_(std::move(data)), reserve_(reserve), free_bytes_(std::move(free_bytes)) {}

Result<> DiskGuard::room_to_grow() const {
  const std::uint64_t free = free_bytes_();
  if (free >= reserve_) return {};
  return Error{Errc::no_space,
               fmt::format("the disk of {} has {} MB free, and {} MB are kept for results "
                           "(--disk-reserve); remove datasets or free space, then try again",
                           data_.string(),
                           free / kMegabyte,
                           reserve_ / kMegabyte)};
}

std::uint64_t DiskGuard::room() const {
  const std::uint64_t free = free_bytes_();
  return free - std::min(free, reserve_);
}

bool DiskGuard::is_full() const {
  return free_bytes_() < reserve_ / 4;
}

std::string DiskGuard::trim_ballast() const {
  const auto path = data_ / "ballast";
  std::error_code ignored;  // Without ballast a node works as well, until its disk is full.
  if (is_full()) {
    if (!std::filesystem::remove(path, ignored)) return {};
    return fmt::format("the disk is full: gave back {} MB, free some more",
                       kBallastBytes / kMegabyte);
  }
  if (!room_to_grow() || std::filesystem::exists(path, ignored)) return {};
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return {};
  const int failed = ::posix_fallocate(file, 0, kBallastBytes);
  ::close(file);
  if (failed != 0) std::filesystem::remove(path, ignored);
  return {};
}

}  // namespace starling::bootstrap
