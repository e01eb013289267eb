#include "ml/schedule/memory_call.h"

#include <algorithm>
#include <chrono>

namespace starling::ml {
namespace {

constexpr std::uint64_t kShortMost = std::uint64_t{512} << 20;
constexpr double kStalledPercent = 20;

std::uint64_t least_free(std::uint64_t limit) {
  return std::min(limit / 10, kShortMost);
}

bool is_over(const std::optional<MonoTime>& since, std::chrono::seconds pause, MonoTime now) {
  return !since || now - *since >= pause;
}

}  // namespace

MemoryCall memory_call(const MemorySeen& seen) {
  const std::uint64_t left = seen.budget - std::min(seen.budget, seen.used);
  if (seen.free < least_free(seen.limit) / 2 || left < least_free(seen.budget) / 2)
    return MemoryCall::make_way;
  if (seen.free < least_free(seen.limit) || left < least_free(seen.budget)) return MemoryCall::ease;
  return seen.stalled_percent > kStalledPercent ? MemoryCall::hold : MemoryCall::go_on;
}

MemoryCall MemoryPressure::look(const MemorySeen& seen, MonoTime now) {
  const MemoryCall call = memory_call(seen);
  if (call < MemoryCall::ease) {
    short_since_.reset();
    return call;
  }
  if (!short_since_) short_since_ = now;
  if (call == MemoryCall::make_way && is_over(ended_, kBetweenEnds, now)) {
    ended_ = now;
    return MemoryCall::make_way;
  }
  const bool lasts = now - *short_since_ >= kEaseAfter;
  if (call == MemoryCall::make_way || !lasts || !is_over(eased_, kBetweenEases, now))
    return MemoryCall::hold;
  eased_ = now;
  return MemoryCall::ease;
}

}  // namespace starling::ml
