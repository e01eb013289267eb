#include "node/process/restart.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace starling::node {

std::string restart_process() {
  std::ifstream file{"/proc/self/cmdline", std::ios::binary};
  std::string line{std::istreambuf_iterator<char>{file}, {}};
  std::vector<char*> arguments;
  for (std::size_t at = 0; at < line.size(); at += std::strlen(&line[at]) + 1)
    arguments.push_back(&line[at]);
  if (arguments.empty()) return "/proc/self/cmdline cannot be read";
  arguments.push_back(nullptr);
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    return std::string{"close_range: "} + std::strerror(errno);
  ::execv("/proc/self/exe", arguments.data());
  return std::string{"exec: "} + std::strerror(errno);
}

}  // namespace starling::node
