/// Rows to learn from, put together for one step of a network.
///
/// Threads: one at a time.
#pragma once

#include "ml/engine/mlp.h"
#include "ml/train/learner.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace starling::ml {

class RowBatches {
 public:
  /// Of at most `most` rows of `data`, which must outlive it.
  RowBatches(const FitData& data, std::size_t most);

  /// The rows with these numbers; valid until the next call of either function.
  MlpBatch of(std::span<const std::size_t> rows);

  /// `count` rows of others, from `from`: their features alone.
  std::span<const float> features_of(const EncodedRows& others,
                                     std::size_t from,
                                     std::size_t count);

 private:
  const FitData& data_;
  std::vector<float> features_;
  std::vector<float> numbers_;
  std::vector<std::int64_t> classes_;
  std::vector<float> weights_;
};

}  // namespace starling::ml
