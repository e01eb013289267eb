/// A network as TorchScript says it: one text for the files that PyTorch opens, for training by
/// LibTorch, and for the comparison of the own kernels with it.
///
/// Tensors have their names of network_shape.h; linear ones are [outputs][inputs], as PyTorch has
/// them. Threads: none. Pure.
#pragma once

#include "ml/engine/network_shape.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

/// "torch.selu(x)".
std::string torch_call(Activation activation, std::string_view argument);

/// training: with dropout while `self.training` is true.
enum class TorchUse { training, answers };

/// Lines of a method that make of `x` [rows][inputs] the outputs [rows][outputs], or with members
/// [members][rows][outputs], before any softmax or scaling; the last is "return ...".
std::string torch_forward(const NetworkShape& net, TorchUse use);

/// The sides of a tensor in PyTorch.
std::vector<std::size_t> torch_sides(const Tensor& tensor);

/// The numbers of a tensor, as `Mlp::weights` lists them, in PyTorch's order; and back.
std::vector<float> to_torch(const Tensor& tensor, const float* values);
std::vector<float> from_torch(const Tensor& tensor, const float* values);

}  // namespace starling::ml
