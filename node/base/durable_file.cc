#include "node/base/durable_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace starling {
namespace {

Result<> write_all(int file, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const auto written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("cannot write", path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file) != 0) return system_error("cannot sync", path);
  return {};
}

}  // namespace

Error system_error(std::string_view what, const std::filesystem::path& path) {
  return {Errc::io, fmt::format("{} {}: {}", what, path.string(), std::strerror(errno))};
}

Result<> sync_folder(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return system_error("cannot open", folder);
  const int failed = ::fsync(file);
  ::close(file);
  if (failed != 0) return system_error("cannot sync", folder);
  return {};
}

Result<> write_file_atomically(const std::filesystem::path& path,
                               std::string_view content,
                               unsigned mode) {
  const std::filesystem::path temporary = path.string() + ".new";
  const int file = ::open(
      temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, static_cast<mode_t>(mode));
  if (file < 0) return system_error("cannot create", temporary);
  auto written = write_all(file, content, temporary);
  ::close(file);
  if (!written) return written;
  if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("cannot rename to", path);
  return sync_folder(path.parent_path());
}

Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) {
    if (!std::filesystem::exists(path))
      return Error{Errc::not_found, fmt::format("{} does not exist", path.string())};
    return system_error("cannot read", path);
  }
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace starling
