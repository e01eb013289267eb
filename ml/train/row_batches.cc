#include "ml/train/row_batches.h"

namespace starling::ml {

RowBatches::RowBatches(const FitData& data, std::size_t most)
    : data_(data),
      features_(most * data.features.columns()),
      numbers_(data.numbers.empty() ? 0 : most),
      classes_(data.classes.empty() ? 0 : most),
      weights_(data.weights.empty() ? 0 : most) {}

MlpBatch RowBatches::of(std::span<const std::size_t> rows) {
  const std::size_t columns = data_.features.columns();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t row = rows[i];
    data_.features.spread(row, features_.data() + i * columns);
    if (!numbers_.empty()) numbers_[i] = data_.numbers[row];
    if (!classes_.empty()) classes_[i] = data_.classes[row];
    if (!weights_.empty()) weights_[i] = data_.weights[row];
  }
  return {.features = features_,
          .numbers = numbers_,
          .classes = classes_,
          .weights = weights_,
          .rows = rows.size()};
}

std::span<const float> RowBatches::features_of(const EncodedRows& others,
                                               std::size_t from,
                                               std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    others.spread(from + i, features_.data() + i * others.columns());
  return std::span{features_}.first(count * others.columns());
}

}  // namespace starling::ml
