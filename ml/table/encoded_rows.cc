#include "ml/table/encoded_rows.h"

#include "node/base/assert.h"

#include <algorithm>
#include <utility>

namespace starling::ml {

EncodedRows::EncodedRows(std::size_t rows,
                         std::vector<Feature> features,
                         const ScratchSpace& scratch)
    : rows_(rows), features_(std::move(features)) {
  for (const Feature& feature : features_) {
    columns_ = std::max(columns_, feature.offset + feature.width);
    if (feature.is_category) {
      STARLING_ASSERT(feature.width < kNowhere, "a place has a number");
      slots_.push_back(category_offsets_.size());
      category_offsets_.push_back(feature.offset);
      continue;
    }
    slots_.push_back(floats_per_row_);
    const bool goes_on = !runs_.empty() && runs_.back().to + runs_.back().count == feature.offset;
    if (goes_on)
      runs_.back().count += feature.width;
    else
      runs_.push_back({floats_per_row_, feature.offset, feature.width});
    floats_per_row_ += feature.width;
  }
  const std::size_t place_count = rows_ * category_offsets_.size();
  const ScratchSpace where = rows_ * row_bytes() > kInMemoryMax ? scratch : ScratchSpace{};
  floats_ = RowMemory{rows_ * floats_per_row_ * sizeof(float), where};
  places_ = RowMemory{place_count * sizeof(std::uint16_t), where};
  std::fill_n(places(), place_count, kNowhere);
}

EncodedRows::EncodedRows(Matrix matrix)
    : EncodedRows(0, {{0, matrix.columns, false, matrix.columns}}) {
  rows_ = matrix.rows;
  floats_ = RowMemory{matrix.values.size() * sizeof(float), {}};
  std::ranges::copy(matrix.values, floats());
}

std::span<const float> EncodedRows::numbers(std::size_t row, std::size_t feature) const {
  return {floats() + row * floats_per_row_ + slots_[feature], features_[feature].width};
}

std::span<float> EncodedRows::numbers(std::size_t row, std::size_t feature) {
  return {floats() + row * floats_per_row_ + slots_[feature], features_[feature].width};
}

void EncodedRows::set_place(std::size_t row, std::size_t feature, std::uint16_t place) {
  places()[row * category_offsets_.size() + slots_[feature]] = place;
}

void EncodedRows::spread(std::size_t row, float* out) const {
  const float* const numbers = floats() + row * floats_per_row_;
  if (!category_offsets_.empty()) std::fill_n(out, columns_, 0.0F);
  for (const Run& run : runs_)
    std::copy_n(numbers + run.from, run.count, out + run.to);
  const std::uint16_t* const held = places() + row * category_offsets_.size();
  for (std::size_t i = 0; i < category_offsets_.size(); ++i) {
    if (held[i] != kNowhere) out[category_offsets_[i] + held[i]] = 1;
  }
}

Matrix EncodedRows::dense(std::size_t first, std::size_t count) const {
  Matrix matrix{count, columns_, std::vector<float>(count * columns_)};
  for (std::size_t i = 0; i < count; ++i)
    spread(first + i, matrix.values.data() + i * columns_);
  return matrix;
}

std::size_t EncodedRows::row_bytes(std::span<const Feature> features) {
  std::size_t bytes = 0;
  for (const Feature& feature : features)
    bytes += feature.is_category ? sizeof(std::uint16_t) : feature.width * sizeof(float);
  return bytes;
}

}  // namespace starling::ml
