#include "node/secure/node_key.h"

#include "node/base/hash.h"

#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <sodium.h>

namespace starling::node {
NodeId node_id_of(const NodeKey& key) {
  NodeId id;
  id.bytes = short_hash_of(encode_node_key(key));
  return id;
}

std::array<std::byte, kNodeKeyBytes> encode_node_key(const NodeKey& key) {
  std::array<std::byte, kNodeKeyBytes> out{};
  std::ranges::copy(view_of(key.public_key), out.begin());
  boost::endian::store_little_u64(reinterpret_cast<unsigned char*>(out.data() + 32),
                                  key.disk_incarnation);
  return out;
}

NodeKey decode_node_key(BytesView bytes) {
  NodeKey key;
  std::copy_n(raw(bytes), key.public_key.size(), key.public_key.begin());
  key.disk_incarnation = boost::endian::load_little_u64(raw(bytes.subspan(32)));
  return key;
}

bool is_signed_by(const PublicKey& key, BytesView message, const Signature& signature) {
  return crypto_sign_verify_detached(signature.data(), raw(message), message.size(), key.data()) ==
         0;
}

NodeSecret NodeSecret::from_seed(const std::array<std::uint8_t, 32>& seed,
                                 std::uint64_t disk_incarnation) {
  NodeSecret made;
  made.key_.disk_incarnation = disk_incarnation;
  crypto_sign_seed_keypair(made.key_.public_key.data(), made.secret_key_.data(), seed.data());
  return made;
}

NodeSecret NodeSecret::generate() {
  return from_seed(secure_random<32>(), 0);
}

Result<NodeSecret> NodeSecret::from_bytes(BytesView public_key,
                                          BytesView secret_key,
                                          std::uint64_t disk_incarnation) {
  NodeSecret made;
  const bool is_whole = public_key.size() == made.key_.public_key.size() &&
                        secret_key.size() == made.secret_key_.size() &&
                        std::ranges::equal(secret_key.subspan(32), public_key);
  if (!is_whole) return Error{Errc::corrupt, "the node's keys do not belong together"};
  std::copy_n(raw(public_key), public_key.size(), made.key_.public_key.begin());
  std::copy_n(raw(secret_key), secret_key.size(), made.secret_key_.begin());
  made.key_.disk_incarnation = disk_incarnation;
  return made;
}

Signature NodeSecret::sign(BytesView message) const {
  Signature signature{};
  crypto_sign_detached(signature.data(), nullptr, raw(message), message.size(), secret_key_.data());
  return signature;
}

std::optional<SharedSecret> NodeSecret::shared_with(const PublicKey& other) const {
  std::array<unsigned char, 32> own{};
  std::array<unsigned char, 32> theirs{};
  SharedSecret shared{};
  if (crypto_sign_ed25519_sk_to_curve25519(own.data(), secret_key_.data()) != 0)
    return std::nullopt;
  if (crypto_sign_ed25519_pk_to_curve25519(theirs.data(), other.data()) != 0) return std::nullopt;
  if (crypto_scalarmult(shared.data(), own.data(), theirs.data()) != 0) return std::nullopt;
  sodium_memzero(own.data(), own.size());
  return shared;
}

}  // namespace starling::node
