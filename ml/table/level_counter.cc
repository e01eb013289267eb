#include "ml/table/level_counter.h"

#include "ml/table/profile.h"
#include "ml/table/text_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

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
  if (slots_.empty()) grow();
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
    for (const Slot& slot : slots_) {
      if (slot.count != 0) sketch_->add(slot.hash);
    }
    sketch_->add(hash);
    return;
  }
  slots_[at] = {hash, 1};
  texts_[at] = utf8_prefix(text, kLevelTextBytesMax);
  if (++used_ * 2 > slots_.size()) grow();
}

void LevelCounter::grow() {
  const std::size_t size = std::max<std::size_t>(16, slots_.size() * 2);
  const auto slots = std::exchange(slots_, std::vector<Slot>(size));
  auto texts = std::exchange(texts_, std::vector<std::string>(size));
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].count == 0) continue;
    std::size_t at = slots[i].hash & (size - 1);
    while (slots_[at].count != 0)
      at = (at + 1) & (size - 1);
    slots_[at] = slots[i];
    texts_[at] = std::move(texts[i]);
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
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].count != 0) all.push_back({slots_[i].count, texts_[i]});
  }
  return all;
}

void LevelCounter::drop_levels() {
  keeps_levels_ = false;
  slots_ = {};
  texts_ = {};
}

}  // namespace starling::ml
