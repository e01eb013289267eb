#include "ml/table/text_tokens.h"

#include <algorithm>
#include <cmath>

namespace starling::ml {
namespace {

constexpr std::int8_t kCountMax = 127;

/// FNV-1a, one byte after the other. Its last bits are stirred: buckets are taken from them.
struct WordHash {
  std::uint64_t value = 0xcbf29ce484222325U;

  void add(char c) {
    value ^= static_cast<unsigned char>(c);
    value *= 0x100000001b3U;
  }

  std::uint64_t stirred() const { return (value ^ value >> 29) * 0xbf58476d1ce4e5b9U >> 20; }
};

bool is_of_word(char c) {
  const bool is_beyond_ascii = static_cast<unsigned char>(c) >= 0x80;
  return is_beyond_ascii || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

char without_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

void count(const WordHash& word, TextCounts& counts) {
  const std::uint64_t hash = word.stirred();
  std::int8_t& bucket = counts[hash % kTextBuckets];
  const bool is_up = (hash / kTextBuckets) % 2 == 0;
  if (std::abs(bucket) < kCountMax || is_up != (bucket > 0))
    bucket = static_cast<std::int8_t>(bucket + (is_up ? 1 : -1));
}

}  // namespace

TextCounts text_counts(std::string_view cell) {
  TextCounts counts{};
  for (std::size_t i = 0; i < cell.size();) {
    WordHash word;
    const std::size_t begin = i;
    for (; i < cell.size() && is_of_word(cell[i]); ++i)
      word.add(without_case(cell[i]));
    if (i > begin)
      count(word, counts);
    else
      ++i;
  }
  return counts;
}

void put_text(std::span<const std::int8_t> counts, float* out) {
  int squares = 0;
  for (const std::int8_t each : counts)
    squares += each * each;
  if (squares == 0) return;
  const double length = std::sqrt(static_cast<double>(squares));
  for (std::size_t i = 0; i < kTextBuckets; ++i)
    out[i] = static_cast<float>(counts[i] / length);
}

}  // namespace starling::ml
