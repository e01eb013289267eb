/// Free text as numbers: the words of a cell, counted in a few buckets by their hash. Half of the
/// words count down, so that those which share a bucket cancel out rather than add up.
///
/// A word is letters and digits (ASCII without case, all else as it is) between other characters.
///
/// Source:  Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009.
///          Threads: none. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace starling::ml {

inline constexpr std::size_t kTextBuckets = 32;

using TextCounts = std::array<std::int8_t, kTextBuckets>;

/// Of a cell; all zeros if it has no word. A count ends at 127 and -127.
TextCounts text_counts(std::string_view cell);

/// The counts, over the root of the sum of their squares: long texts weigh as much as short ones.
/// `out` has `kTextBuckets` floats.
void put_text(std::span<const std::int8_t> counts, float* out);

}  // namespace starling::ml
