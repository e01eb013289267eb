/// A new folder of this user's alone, gone with its owner unless kept.
#pragma once

#include "node/base/error.h"

#include <filesystem>
#include <memory>

namespace starling::bootstrap {

class TemporaryFolder {
 public:
  /// Errors: `io`.
  static Result<std::unique_ptr<TemporaryFolder>> make();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  void keep() { is_kept_ = true; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  bool is_kept_ = false;
};

}  // namespace starling::bootstrap
