#include "consensus/group/state_chain.h"

#include <boost/endian/conversion.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <xxhash.h>

namespace starling::consensus {
namespace {

constexpr const char* kChainKey = "\x01chain";

void append_number(std::string& bytes, std::uint64_t number) {
  const auto little = boost::endian::native_to_little(number);
  bytes.append(reinterpret_cast<const char*>(&little), sizeof little);
}

/// Lengths before contents, so that no two sets of changes have the same bytes.
void append_changes(std::string& bytes, const Changes& changes) {
  append_number(bytes, changes.erased.size());
  for (const auto& [from, until] : changes.erased) {
    append_number(bytes, from.size());
    bytes += from;
    append_number(bytes, until.size());
    bytes += until;
  }
  for (const auto& [key, value] : changes.writes) {
    append_number(bytes, key.size());
    bytes += key;
    append_number(bytes, value ? value->size() + 1 : 0);
    if (value) bytes += *value;
  }
}

/// Quick, and enough against accidents: nobody gains by a state that only looks the same.
std::array<std::uint8_t, 16> hash_of_bytes(const std::string& bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  std::array<std::uint8_t, 16> hash{};
  std::ranges::copy(canonical.digest, hash.begin());
  return hash;
}

}  // namespace

StateChain::StateChain(const StateView& state, std::uint64_t check_every)
    : check_every_(check_every) {
  const auto stored = state.get(kChainKey);
  if (stored) last_ = decode_state_check(*stored).value_or(StateCheck{});
}

std::optional<StateCheck> StateChain::add(LogIndex index, const Changes& changes) {
  scratch_.clear();
  scratch_ += encode_state_check(last_);
  append_changes(scratch_, changes);
  last_.hash = hash_of_bytes(scratch_);
  last_.index = index;
  if (index.value % check_every_ != 0) return std::nullopt;
  kept_[index] = last_;
  if (kept_.size() > kChecksKept) kept_.erase(kept_.begin());
  return last_;
}

void StateChain::put_into(Changes& changes) const {
  changes.put(kChainKey, encode_state_check(last_));
}

std::optional<std::string> StateChain::compare(const StateCheck& most) const {
  const auto own = kept_.find(most.index);
  if (own == kept_.end() || own->second.hash == most.hash) return std::nullopt;
  return fmt::format(
      "the state after entry {} is not that of most voters, though the log is the same",
      most.index.value);
}

}  // namespace starling::consensus
