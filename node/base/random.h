/// A seeded generator, handed to whoever needs chance; the same numbers on every machine.
///
/// Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (xoshiro256**,
///         seeded by splitmix64); Lemire, "Fast random integer generation in an interval" (2019).
#pragma once

#include <array>
#include <cstdint>

namespace starling {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next();

  /// Uniform in [0, bound). `bound` must not be 0.
  std::uint64_t below(std::uint64_t bound);

  /// Uniform in [0, 1), 53 bits.
  double unit();

  /// Standard normal, by Box-Muller on two draws.
  double normal();

  /// True with probability `p`.
  bool chance(double p) { return unit() < p; }

 private:
  std::array<std::uint64_t, 4> state_;
};

/// One well-mixed seed from two: for a generator per (study, trial), per (node, boot).
std::uint64_t mix_seeds(std::uint64_t a, std::uint64_t b);

}  // namespace starling
