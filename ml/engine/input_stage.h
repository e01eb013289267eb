/// What comes before the first layer of a network: embeddings of numbers and levels, and a scaled
/// copy for each member. With neither there is nothing to do, and the inputs are used as they lie.
///
/// Its buffers lie in the network's slab. Threads: one at a time.
#pragma once

#include "ml/engine/network_shape.h"

#include <array>
#include <cstddef>
#include <vector>

namespace starling::ml {

class InputStage {
 public:
  /// For at most `batch` rows. `shape` and `plan` must outlive it.
  InputStage(const NetworkShape& shape,
             const TensorPlan& plan,
             const Kernels& kernels,
             std::size_t batch,
             bool is_training);

  bool is_empty() const { return shape_.takes_inputs(); }

  /// What `place` takes.
  std::size_t floats() const;

  void place(float* slab);

  /// `features` [rows][inputs]. Returns [members][rows][padded(embedded)].
  const float* forward(const float* features, std::size_t rows, const float* parameters);

  /// After `forward` of the same rows. `delta`: the gradient by what it returned; is used up.
  void backward(const float* features,
                float* delta,
                std::size_t rows,
                const float* parameters,
                float* gradients);

 private:
  enum Buffer { numbers, features, feature_deltas, embedded, expanded, merged, transposed, sums };

  static constexpr std::size_t kBuffers = 8;

  std::array<std::size_t, kBuffers> buffer_sizes() const;
  void embed_numbers(const float* features, std::size_t rows, const float* parameters);
  void embed_levels(const float* features, std::size_t rows, const float* parameters);
  float* merge_members(float* delta, std::size_t rows, const float* parameters, float* gradients);
  void numbers_back(float* delta, std::size_t rows, const float* parameters, float* gradients);
  void frequencies_back(const float* delta,
                        std::size_t rows,
                        const float* parameters,
                        float* gradients);

  const NetworkShape& shape_;
  const Kernels& kernels_;
  std::vector<std::size_t> plain_;
  std::size_t batch_, stride_, feature_stride_;
  bool is_training_;
  std::size_t frequencies_ = 0, weight_ = 0, bias_ = 0, bin_low_ = 0, bin_inverse_ = 0;
  std::size_t member_scale_ = 0;
  std::vector<std::size_t> level_weights_;  ///< where they are among the parameters

  std::array<float*, kBuffers> at_{};
};

}  // namespace starling::ml
