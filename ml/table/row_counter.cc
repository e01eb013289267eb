#include "ml/table/row_counter.h"

#include <algorithm>

#define XXH_INLINE_ALL  // a row has a few short fields: a call each would cost as much as the hash
#include <xxhash.h>

namespace starling::ml {
namespace {

constexpr std::uint64_t kNoiseShare = 20;

/// Of the row as it stands in the file, from its first field to its last, with what is between.
std::uint64_t hash_row(std::span<const std::string_view> fields) {
  while (!fields.empty() && fields.back().data() == nullptr)  // what lacked was filled up
    fields = fields.first(fields.size() - 1);
  if (fields.empty()) return 1;
  const char* const begin = fields.front().data();
  const char* const end = fields.back().data() + fields.back().size();
  return XXH3_64bits(begin, static_cast<std::size_t>(end - begin));
}

}  // namespace

void RowCounter::add(std::span<const std::string_view> fields) {
  const std::uint64_t hash = hash_row(fields);
  ++rows_;
  sketch_.add(hash);
  if (rows_ <= kRowsToldApartMax) {
    add_exactly(hash == 0 ? 1 : hash);
  } else if (!slots_.empty()) {
    slots_ = {};
  }
}

void RowCounter::add_exactly(std::uint64_t hash) {
  if (used_ * 2 >= slots_.size()) grow();
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at] != 0 && slots_[at] != hash)
    at = (at + 1) & mask;
  if (slots_[at] == hash) {
    ++duplicates_;
  } else {
    slots_[at] = hash;
    ++used_;
  }
}

void RowCounter::grow() {
  std::vector<std::uint64_t> old(std::max<std::size_t>(64, slots_.size() * 2));
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const std::uint64_t hash : old) {
    if (hash == 0) continue;
    std::size_t at = hash & mask;
    while (slots_[at] != 0)
      at = (at + 1) & mask;
    slots_[at] = hash;
  }
}

std::uint64_t RowCounter::duplicates() const {
  if (is_exact()) return duplicates_;
  const std::uint64_t different = std::min(sketch_.estimate(), rows_);
  const std::uint64_t estimate = rows_ - different;
  return estimate * kNoiseShare < rows_ ? 0 : estimate;
}

}  // namespace starling::ml
