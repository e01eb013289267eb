#include "node/base/state_pairs.h"

#include "node/base/bytes.h"

namespace starling {
namespace {

constexpr std::size_t kHeadBytes = 8;

}  // namespace

void append_pair(std::string& pairs, std::string_view key, std::string_view value) {
  pairs += big_endian_key(std::uint64_t{key.size()} << 32 | value.size());
  pairs += key;
  pairs += value;
}

bool for_each_pair(std::string_view pairs,
                   const std::function<void(std::string_view key, std::string_view value)>& visit) {
  while (!pairs.empty()) {
    if (pairs.size() < kHeadBytes) return false;
    const std::uint64_t sizes = from_big_endian_key(pairs.substr(0, kHeadBytes));
    const std::size_t key_bytes = sizes >> 32;
    const std::size_t value_bytes = sizes & 0xffffffffU;
    pairs.remove_prefix(kHeadBytes);
    if (pairs.size() < key_bytes + value_bytes) return false;
    visit(pairs.substr(0, key_bytes), pairs.substr(key_bytes, value_bytes));
    pairs.remove_prefix(key_bytes + value_bytes);
  }
  return true;
}

}  // namespace starling
