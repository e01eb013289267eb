/// The products of a training step by OpenBLAS alone: what arithmetic costs without all else.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace starling::bench {

/// One call multiplies all matrices of a step of a network with these widths, inputs first:
/// forward, by the weights, and by what each layer but the first was given. On one thread. Nothing
/// if there is no OpenBLAS.
std::function<void()> blas_step(const std::vector<std::size_t>& widths, std::size_t batch);

}  // namespace starling::bench
