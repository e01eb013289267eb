#include "node/secure/datagram_seal.h"

#include "node/base/hash.h"

#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <sodium.h>

namespace starling::node {
namespace {

constexpr std::byte kVersion{1};
constexpr std::size_t kKeyAt = 1;
constexpr std::size_t kSenderAt = kKeyAt + 4;
constexpr std::size_t kNonceAt = kSenderAt + kNodeKeyBytes;
constexpr std::size_t kNonceBytes = 24;
constexpr std::size_t kMarkAt = kNonceAt + kNonceBytes;
constexpr std::size_t kMarkBytes = crypto_shorthash_BYTES;
constexpr std::size_t kSealedAt = kMarkAt + kMarkBytes;
constexpr std::size_t kSequenceBytes = 8;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(kDatagramSealBytes == kSealedAt + kSequenceBytes + kTagBytes);

std::array<std::uint8_t, kMarkBytes> mark_of(BytesView clear,
                                             const std::array<std::uint8_t, 16>& key) {
  std::array<std::uint8_t, kMarkBytes> mark{};
  crypto_shorthash(mark.data(), raw(clear.data()), clear.size(), key.data());
  return mark;
}

SwarmKey pair_key(const RingKey& by,
                  const SharedSecret& shared,
                  const NodeKey& from,
                  const NodeKey& to) {
  Bytes said = to_bytes("starling datagram");
  append(said, view_of(shared));
  append(said, encode_node_key(from));
  append(said, encode_node_key(to));
  return derive_key(by.key, as_text(said));
}

Error unauthorized() {
  return {Errc::unauthorized, "the datagram is not from a member to this node"};
}

}  // namespace

bool ReplayWindow::take(std::uint64_t sequence) {
  if (sequence > highest_) {
    const std::uint64_t forward = sequence - highest_;
    seen_ = forward < 64 ? seen_ << forward | 1 : 1;
    highest_ = sequence;
    return true;
  }
  const std::uint64_t behind = highest_ - sequence;
  if (behind >= 64 || (seen_ >> behind & 1) != 0) return false;
  seen_ |= std::uint64_t{1} << behind;
  return true;
}

DatagramSeal::DatagramSeal(const NodeSecret& self, std::uint64_t first_sequence)
    : self_(self), next_sequence_(first_sequence) {}

void DatagramSeal::set_scope(SwarmId swarm, std::uint64_t recovery_epoch, SwarmKeyRing ring) {
  swarm_ = swarm;
  recovery_epoch_ = recovery_epoch;
  ring_.clear();
  for (const RingKey& key : ring) {
    if (key.use == KeyUse::retired) continue;
    MarkedKey marked{.key = key, .id = {}, .mark = {}};
    const KeyId id = key_id_of(key.key);
    std::copy_n(id.begin(), marked.id.size(), marked.id.begin());
    const SwarmKey mark = derive_key(key.key, "starling datagram mark");
    std::copy_n(mark.begin(), marked.mark.size(), marked.mark.begin());
    ring_.push_back(marked);
  }
  for (auto& [other, pair] : pairs_)
    pair.keys.clear();
}

DatagramSeal::Pair* DatagramSeal::pair_with(const NodeKey& other) {
  const auto found = pairs_.find(other);
  if (found != pairs_.end()) return &found->second;
  const auto shared = self_.shared_with(other.public_key);
  if (!shared) return nullptr;
  Pair& pair = pairs_[other];
  pair.shared = *shared;
  return &pair;
}

const std::pair<SwarmKey, SwarmKey>& DatagramSeal::keys_of(Pair& pair,
                                                           const NodeKey& other,
                                                           const RingKey& by) const {
  const auto found = pair.keys.find(by.generation);
  if (found != pair.keys.end()) return found->second;
  return pair.keys[by.generation] = {pair_key(by, pair.shared, self_.key(), other),
                                     pair_key(by, pair.shared, other, self_.key())};
}

Bytes DatagramSeal::scope_and(BytesView clear) const {
  Bytes all;
  append(all, view_of(swarm_.bytes));
  append(all, to_bytes(big_endian_key(recovery_epoch_)));
  append(all, clear);
  return all;
}

void DatagramSeal::begin_above(std::uint64_t sequence) {
  next_sequence_ = std::max(next_sequence_, sequence + 1);
}

std::optional<Bytes> DatagramSeal::seal(const NodeKey& to, BytesView content) {
  const auto by = std::ranges::find_if(
      ring_, [](const MarkedKey& marked) { return marked.key.use == KeyUse::in_use; });
  if (by == ring_.end() || to.is_none()) return std::nullopt;
  Pair* const pair = pair_with(to);
  if (pair == nullptr) return std::nullopt;

  Bytes out;
  out.reserve(kDatagramSealBytes + content.size());
  out.push_back(kVersion);
  append(out, view_of(by->id));
  append(out, encode_node_key(self_.key()));
  append(out, secure_random_bytes(kNonceBytes));
  append(out, view_of(mark_of(out, by->mark)));
  const Bytes scope = scope_and(out);

  Bytes plain(kSequenceBytes);
  boost::endian::store_little_u64(raw(plain.data()), next_sequence_++);
  append(plain, content);
  out.resize(kSealedAt + plain.size() + kTagBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(raw(out.data() + kSealedAt),
                                             nullptr,
                                             raw(plain.data()),
                                             plain.size(),
                                             raw(scope.data()),
                                             scope.size(),
                                             nullptr,
                                             raw(out.data() + kNonceAt),
                                             keys_of(*pair, to, by->key).first.data());
  return out;
}

Result<DatagramSeal::Opened> DatagramSeal::open(BytesView datagram) {
  if (datagram.size() < kDatagramSealBytes || datagram[0] != kVersion)
    return Error{Errc::corrupt, "not a sealed datagram"};
  const BytesView clear = datagram.first(kMarkAt);
  const auto by = std::ranges::find_if(ring_, [&](const MarkedKey& marked) {
    return std::equal(marked.id.begin(), marked.id.end(), raw(datagram.data() + kKeyAt));
  });
  if (by == ring_.end()) return unauthorized();
  const auto mark = mark_of(clear, by->mark);
  if (sodium_memcmp(mark.data(), raw(datagram.data() + kMarkAt), mark.size()) != 0)
    return unauthorized();

  const NodeKey from = decode_node_key(datagram.subspan(kSenderAt, kNodeKeyBytes));
  if (from == self_.key()) return unauthorized();
  if (pairs_.size() >= kSendersMax && !pairs_.contains(from))
    return Error{Errc::unavailable, "more members speak than this node can tell apart"};
  Pair* const pair = pair_with(from);
  if (pair == nullptr) return unauthorized();

  const BytesView sealed = datagram.subspan(kSealedAt);
  const Bytes scope = scope_and(datagram.first(kSealedAt));
  Bytes plain(sealed.size() - kTagBytes);
  const int failed =
      crypto_aead_xchacha20poly1305_ietf_decrypt(raw(plain.data()),
                                                 nullptr,
                                                 nullptr,
                                                 raw(sealed.data()),
                                                 sealed.size(),
                                                 raw(scope.data()),
                                                 scope.size(),
                                                 raw(datagram.data() + kNonceAt),
                                                 keys_of(*pair, from, by->key).second.data());
  if (failed != 0) return unauthorized();
  if (!pair->window.take(boost::endian::load_little_u64(raw(plain.data()))))
    return Error{Errc::conflict, "the datagram was here before"};
  plain.erase(plain.begin(), plain.begin() + kSequenceBytes);
  return Opened{.from = from, .content = std::move(plain)};
}

}  // namespace starling::node
