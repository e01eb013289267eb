/// What a full disk may still be used for (design section 2): deletes and results pass, what grows
/// is refused, and a node that can hardly write at all does not lead.
///
/// Threads: any; one system call each.
#pragma once

#include "node/base/error.h"

#include <cstdint>
#include <filesystem>
#include <functional>

namespace starling::bootstrap {

class DiskGuard {
 public:
  using FreeBytes = std::function<std::uint64_t()>;

  /// `reserve`: free bytes below which nothing that grows is taken.
  DiskGuard(std::filesystem::path data, std::uint64_t reserve, FreeBytes free_bytes);

  /// Errors: `no_space`, naming the directory, what is free and what is kept.
  Result<> room_to_grow() const;

  /// Bytes that may still grow.
  std::uint64_t room() const;

  /// Less than a quarter of the reserve is left.
  bool is_full() const;

  /// Keeps 16 MiB in `DATA/ballast` while there is room, and gives them back when the disk is full:
  /// a node that died of a full disk can start again and delete something.
  /// Returns: what was done, for the log; empty if nothing.
  std::string trim_ballast() const;

 private:
  std::filesystem::path data_;
  std::uint64_t reserve_;
  FreeBytes free_bytes_;
};

}  // namespace starling::bootstrap
