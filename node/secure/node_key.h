/// Who a node is, provably: an Ed25519 key and how often its disk was lost.
///
/// Pure but for `NodeSecret::generate`. By libsodium.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/ids.h"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace starling::node {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;
using SharedSecret = std::array<std::uint8_t, 32>;

/// The public half. Who lost its disk, or what it had confirmed, is a new node with the old key
/// (decision 0007).
struct NodeKey {
  PublicKey public_key{};
  std::uint64_t disk_incarnation = 0;

  friend auto operator<=>(const NodeKey&, const NodeKey&) = default;

  bool is_none() const { return public_key == PublicKey{}; }
};

inline constexpr std::size_t kNodeKeyBytes = 40;

/// BLAKE2b-128 of public key and disk incarnation: nobody else can be that node.
NodeId node_id_of(const NodeKey& key);

std::array<std::byte, kNodeKeyBytes> encode_node_key(const NodeKey& key);

/// `bytes` must hold `kNodeKeyBytes`.
NodeKey decode_node_key(BytesView bytes);

/// Whether `signature` of `message` was made by the owner of `key`.
bool is_signed_by(const PublicKey& key, BytesView message, const Signature& signature);

/// The secret half. Never leaves the node.
class NodeSecret {
 public:
  /// The same seed gives the same key.
  static NodeSecret from_seed(const std::array<std::uint8_t, 32>& seed,
                              std::uint64_t disk_incarnation);
  static NodeSecret generate();

  /// Errors: `corrupt` unless `secret_key` is 64 bytes whose second half is `public_key`.
  static Result<NodeSecret> from_bytes(BytesView public_key,
                                       BytesView secret_key,
                                       std::uint64_t disk_incarnation);

  const NodeKey& key() const { return key_; }

  NodeId node() const { return node_id_of(key_); }

  BytesView secret_key() const { return view_of(secret_key_); }

  void set_disk_incarnation(std::uint64_t disk_incarnation) {
    key_.disk_incarnation = disk_incarnation;
  }

  Signature sign(BytesView message) const;

  /// What only this node and the owner of `other` can compute (X25519 on the converted keys).
  /// Nothing if `other` is no point of the curve, or one of its weak ones.
  std::optional<SharedSecret> shared_with(const PublicKey& other) const;

 private:
  NodeKey key_;
  std::array<std::uint8_t, 64> secret_key_{};
};

}  // namespace starling::node
