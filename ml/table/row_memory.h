/// Memory for encoded rows: ordinary, or a file that has no name any more, so that the kernel may
/// take its pages back and a table can be larger than the machine's memory.
///
/// Threads: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace starling::ml {

/// A folder for scratch files.
struct ScratchSpace {
  std::filesystem::path folder = {};  ///< empty: none
  std::uint64_t reserve = 0;          ///< bytes that its disk keeps free
};

class RowMemory {
 public:
  RowMemory() = default;

  /// All zeros; in a file if there is scratch space. Throws std::runtime_error if its disk has no
  /// room.
  RowMemory(std::size_t bytes, const ScratchSpace& scratch);
  ~RowMemory();
  RowMemory(RowMemory&& other) noexcept;
  RowMemory& operator=(RowMemory&& other) noexcept;

  std::byte* data() { return mapped_ != nullptr ? mapped_ : kept_.data(); }

  const std::byte* data() const { return mapped_ != nullptr ? mapped_ : kept_.data(); }

 private:
  std::vector<std::byte> kept_;
  std::byte* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
};

}  // namespace starling::ml
