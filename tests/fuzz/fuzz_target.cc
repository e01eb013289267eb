#include "tests/fuzz/fuzz_target.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <google/protobuf/stubs/logging.h>
#include <malloc.h>
#include <new>

namespace {

// Fuzz targets run on one thread, and a wrong count there could only come from another.
starling::fuzz::Held g_held;
std::size_t g_accepted = 0;
std::size_t g_most_per_byte = 0;

void note(std::size_t size) {
  const auto bytes = static_cast<std::ptrdiff_t>(size);
  g_held.now += bytes;
  g_held.peak = std::max(g_held.peak, g_held.now);
  g_held.largest = std::max(g_held.largest, bytes);
}

void* take(std::size_t size, std::size_t alignment) {
  void* block = alignment == 0
                    ? std::malloc(size == 0 ? 1 : size)
                    : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (block == nullptr) std::abort();
  note(::malloc_usable_size(block));
  return block;
}

void give(void* block) {
  if (block == nullptr) return;
  g_held.now -= static_cast<std::ptrdiff_t>(::malloc_usable_size(block));
  std::free(block);
}

}  // namespace

// Replaced for the whole program, so that the memory of libraries counts too.
void* operator new(std::size_t size) {
  return take(size, 0);
}

void* operator new[](std::size_t size) {
  return take(size, 0);
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return take(size, 0);
}

void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return take(size, 0);
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  return take(size, static_cast<std::size_t>(alignment));
}

void operator delete(void* block) noexcept {
  give(block);
}

void operator delete[](void* block) noexcept {
  give(block);
}

void operator delete(void* block, std::size_t) noexcept {
  give(block);
}

void operator delete[](void* block, std::size_t) noexcept {
  give(block);
}

void operator delete(void* block, std::align_val_t) noexcept {
  give(block);
}

void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  give(block);
}

namespace starling::fuzz {
namespace {

// Protocol Buffers writes a line for each text that is not UTF-8.
[[maybe_unused]] auto* const g_silence = google::protobuf::SetLogHandler(nullptr);

}  // namespace

void require(bool is_so, std::string_view sentence) {
  if (is_so) return;
  std::fprintf(stderr, "fuzz: not so: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  std::abort();
}

std::size_t accepted() {
  return g_accepted;
}

void count_accepted() {
  ++g_accepted;
}

void start_watch() {
  g_held = {};
}

Held watched_heap() {
  return g_held;
}

void judge(const Held& held, std::size_t size, bool may_hold_a_claim) {
  const std::size_t allowed = kHeldFlatMax + kHeldPerByteMax * size;
  std::ptrdiff_t peak = held.peak;
  const bool is_large = peak > static_cast<std::ptrdiff_t>(allowed);
  if (is_large && may_hold_a_claim && held.largest <= kClaimedBytesMax) peak -= held.largest;
  const auto bytes = static_cast<std::size_t>(std::max<std::ptrdiff_t>(peak, 0));
  if (size >= 1024) g_most_per_byte = std::max(g_most_per_byte, bytes / size);
  require(bytes <= allowed, "a decoder holds no more memory than its input allows");
}

std::size_t most_held_per_byte() {
  return g_most_per_byte;
}

}  // namespace starling::fuzz
