#include "consensus/group/state_chain.h"

#include "node/base/bytes.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::consensus {
namespace {

constexpr const char* kChainKey = "\x01chain";

/// Lengths before contents, so that no two sets of changes have the same bytes.
std::string bytes_of(const Changes& changes) {
  std::string bytes;
  for (const auto& [key, value] : changes.writes) {
    bytes += big_endian_key(key.size());
    bytes += key;
    bytes += big_endian_key(value ? value->size() + 1 : 0);
    if (value) bytes += *value;
  }
  return bytes;
}

}  // namespace

StateChain::StateChain(const StateView& state, std::uint64_t check_every)
    : check_every_(check_every) {
  const auto stored = state.get(kChainKey);
  if (stored) last_ = decode_state_check(*stored).value_or(StateCheck{});
}

std::optional<StateCheck> StateChain::add(LogIndex index, const Changes& changes) {
  last_.hash = short_hash_of(to_bytes(encode_state_check(last_) + bytes_of(changes)));
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
