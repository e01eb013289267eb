/// A folder of a test's own, with all that it put there gone at the end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace starling::tests {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "starling-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }

  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace starling::tests
