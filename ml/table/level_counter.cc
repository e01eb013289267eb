#include "ml/table/level_counter.h"

#include "ml/table/profile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace starling::ml {
namespace {

constexpr unsigned kSketchBits = 11;
constexpr std::size_t kRegisters = std::size_t{1} << kSketchBits;

std::uint64_t mixed(std::uint64_t x) {  // splitmix64's finaliser
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9ULL;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace

std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0x9E3779B97F4A7C15ULL ^ text.size();
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min<std::size_t>(8, text.size());
    std::memcpy(&word, text.data(), size);
    hash = mixed(hash ^ word) + 0x9E3779B97F4A7C15ULL;
    text.remove_prefix(size);
  }
  return mixed(hash);
}

std::uint64_t hash_number(double number) {
  return mixed(std::bit_cast<std::uint64_t>(number + 0.0) + 0x9E3779B97F4A7C15ULL);
}

void LevelCounter::add(std::uint64_t hash, std::string_view text) {
  if (has_overflowed_) note_in_sketch(hash);
  if (!keeps_levels_) return;
  if (slots_.empty()) slots_.resize(16);
  insert(hash, text, 1);
}

void LevelCounter::insert(std::uint64_t hash, std::string_view text, std::uint64_t count) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].count != 0 && slots_[at].hash != hash)
    at = (at + 1) & mask;
  if (slots_[at].count != 0) {
    slots_[at].count += count;
    return;
  }
  if (used_ == exact_max_) {
    if (has_overflowed_) return;
    has_overflowed_ = true;
    sketch_.assign(kRegisters, 0);
    for (const Level& level : slots_) {
      if (level.count != 0) note_in_sketch(level.hash);
    }
    note_in_sketch(hash);
    return;
  }
  slots_[at] = {hash, count, std::string{text.substr(0, kLevelTextBytesMax)}};
  if (++used_ * 2 > slots_.size()) grow();
}

void LevelCounter::grow() {
  std::vector<Level> old(slots_.size() * 2);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (Level& level : old) {
    if (level.count == 0) continue;
    std::size_t at = level.hash & mask;
    while (slots_[at].count != 0)
      at = (at + 1) & mask;
    slots_[at] = std::move(level);
  }
}

void LevelCounter::note_in_sketch(std::uint64_t hash) {
  const std::size_t index = hash >> (64 - kSketchBits);
  const auto rank = static_cast<std::uint8_t>(std::countl_zero(hash << kSketchBits | 1) + 1);
  sketch_[index] = std::max(sketch_[index], rank);
}

std::uint64_t LevelCounter::distinct() const {
  if (!has_overflowed_) return used_;
  double sum = 0;
  std::size_t zeros = 0;
  for (const std::uint8_t rank : sketch_) {
    sum += std::ldexp(1.0, -rank);
    zeros += rank == 0 ? 1 : 0;
  }
  const auto m = static_cast<double>(kRegisters);
  double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  if (estimate <= 2.5 * m && zeros > 0) estimate = m * std::log(m / static_cast<double>(zeros));
  return std::max<std::uint64_t>(exact_max_ + 1,
                                 static_cast<std::uint64_t>(std::llround(estimate)));
}

std::vector<LevelCounter::Level> LevelCounter::levels() const {
  std::vector<Level> all;
  for (const Level& level : slots_) {
    if (level.count != 0) all.push_back(level);
  }
  return all;
}

void LevelCounter::drop_levels() {
  keeps_levels_ = false;
  slots_ = {};
}

void LevelCounter::rehash_as_text() {
  std::vector<Level> old(16);
  old.swap(slots_);
  used_ = 0;
  keeps_levels_ = true;
  for (const Level& level : old) {
    if (level.count != 0) insert(hash_text(level.text), level.text, level.count);
  }
}

}  // namespace starling::ml
