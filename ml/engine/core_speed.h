/// How fast one core of this machine trains.
#pragma once

namespace starling::ml {

/// Millions of products and sums a second, of a layer of 64 by 64 and 128 rows in its caches, by
/// the fastest kernels: the best of some windows, so that others' work counts little. Takes about
/// 10 ms.
double core_mflops();

}  // namespace starling::ml
