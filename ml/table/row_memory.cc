#include "ml/table/row_memory.h"

#include <fmt/format.h>

#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace starling::ml {
namespace {

[[noreturn]] void throw_no_room(std::size_t bytes, const ScratchSpace& scratch, int why) {
  throw std::runtime_error(fmt::format("{} MB of encoded rows do not fit on the disk of {}: {}",
                                       bytes >> 20,
                                       scratch.folder.string(),
                                       std::generic_category().message(why)));
}

/// Has its blocks, so that writing to its pages cannot fail.
int make_file(std::size_t bytes, const ScratchSpace& scratch) {
  std::error_code unknown;
  const auto space = std::filesystem::space(scratch.folder, unknown);
  if (!unknown && space.available < bytes + scratch.reserve) throw_no_room(bytes, scratch, ENOSPC);
  std::string name = (scratch.folder / "rows-XXXXXX").string();
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) throw_no_room(bytes, scratch, errno);
  ::unlink(name.c_str());
  const int failed = ::posix_fallocate(file, 0, static_cast<off_t>(bytes));
  if (failed == 0) return file;
  ::close(file);
  throw_no_room(bytes, scratch, failed);
}

}  // namespace

RowMemory::RowMemory(std::size_t bytes, const ScratchSpace& scratch) {
  if (bytes == 0 || scratch.folder.empty()) {
    kept_.resize(bytes);
    return;
  }
  const int file = make_file(bytes, scratch);
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int why = errno;
  ::close(file);
  if (at == MAP_FAILED) throw_no_room(bytes, scratch, why);
  mapped_ = static_cast<std::byte*>(at);
  mapped_bytes_ = bytes;
}

RowMemory::~RowMemory() {
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
}

RowMemory::RowMemory(RowMemory&& other) noexcept
    : kept_(std::move(other.kept_)),
      mapped_(std::exchange(other.mapped_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)) {}

RowMemory& RowMemory::operator=(RowMemory&& other) noexcept {
  std::swap(kept_, other.kept_);
  std::swap(mapped_, other.mapped_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  return *this;
}

}  // namespace starling::ml
