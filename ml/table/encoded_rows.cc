#include "ml/table/encoded_rows.h"

#include "node/base/assert.h"

#include <algorithm>
#include <utility>

namespace starling::ml {

EncodedRows::EncodedRows(std::size_t rows, std::vector<Feature> features)
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
  floats_.resize(rows_ * floats_per_row_);
  places_.assign(rows_ * category_offsets_.size(), kNowhere);
}

EncodedRows::EncodedRows(Matrix matrix)
    : EncodedRows(0, {{0, matrix.columns, false, matrix.columns}}) {
  rows_ = matrix.rows;
  floats_ = std::move(matrix.values);
}

std::span<const float> EncodedRows::numbers(std::size_t row, std::size_t feature) const {
  return {floats_.data() + row * floats_per_row_ + slots_[feature], features_[feature].width};
}

std::span<float> EncodedRows::numbers(std::size_t row, std::size_t feature) {
  return {floats_.data() + row * floats_per_row_ + slots_[feature], features_[feature].width};
}

void EncodedRows::set_place(std::size_t row, std::size_t feature, std::uint16_t place) {
  places_[row * category_offsets_.size() + slots_[feature]] = place;
}

void EncodedRows::spread(std::size_t row, float* out) const {
  const float* const floats = floats_.data() + row * floats_per_row_;
  if (!category_offsets_.empty()) std::fill_n(out, columns_, 0.0F);
  for (const Run& run : runs_)
    std::copy_n(floats + run.from, run.count, out + run.to);
  const std::uint16_t* const places = places_.data() + row * category_offsets_.size();
  for (std::size_t i = 0; i < category_offsets_.size(); ++i) {
    if (places[i] != kNowhere) out[category_offsets_[i] + places[i]] = 1;
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
