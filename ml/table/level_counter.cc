#include "ml/table/level_counter.h"

#include "ml/table/profile.h"
#include "ml/table/text_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace starling::ml {

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

void LevelCounter::count(std::uint64_t hash, std::string_view text) {
  if (slots_.empty()) slots_.resize(16);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].count != 0 && slots_[at].hash != hash)
    at = (at + 1) & mask;
  if (slots_[at].count != 0) {
    ++slots_[at].count;
    return;
  }
  if (used_ == exact_max_) {
    if (sketch_) return;
    sketch_.emplace();
    for (const Level& level : slots_) {
      if (level.count != 0) sketch_->add(level.hash);
    }
    sketch_->add(hash);
    return;
  }
  slots_[at] = {hash, 1, std::string{utf8_prefix(text, kLevelTextBytesMax)}};
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

DistinctSketch::DistinctSketch() : registers_(std::size_t{1} << kBits) {}

std::uint64_t DistinctSketch::estimate() const {
  double sum = 0;
  std::size_t zeros = 0;
  for (const std::uint8_t rank : registers_) {
    sum += std::ldexp(1.0, -rank);
    zeros += rank == 0 ? 1 : 0;
  }
  const auto m = static_cast<double>(registers_.size());
  double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  if (estimate <= 2.5 * m && zeros > 0) estimate = m * std::log(m / static_cast<double>(zeros));
  return static_cast<std::uint64_t>(std::llround(estimate));
}

std::uint64_t LevelCounter::distinct() const {
  if (!sketch_) return used_;
  return std::max<std::uint64_t>(exact_max_ + 1, sketch_->estimate());
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

}  // namespace starling::ml
