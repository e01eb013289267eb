/// What a frame between nodes says, besides its body. Pure; decoding trusts nothing.
///
/// Layout (little endian): kind u8 | channel u8 | request id u64 | body.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/ids.h"

#include <array>
#include <cstdint>

namespace starling::node {

inline constexpr std::uint32_t kPeerProtocol = 3;
inline constexpr std::size_t kEnvelopeBytes = 10;

/// Values travel on the wire: append only.
enum class FrameKind : std::uint8_t {
  hello = 1,
  message = 2,
  request = 3,
  answer = 4,
  refusal = 5
};

/// Why a peer is refused, in the place of a refusal's channel. Values travel: append only.
enum class RefusalReason : std::uint8_t { other = 0, removed = 1 };

struct Envelope {
  FrameKind kind = FrameKind::hello;
  std::uint8_t channel = 0;  ///< of a refusal: its RefusalReason
  std::uint64_t request = 0;

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

std::array<std::byte, kEnvelopeBytes> encode_envelope(const Envelope& envelope);

/// Errors: `corrupt`. The body is what follows the first `kEnvelopeBytes`.
Result<Envelope> decode_envelope(BytesView payload);

/// Drawn anew with every start of a program, so that a node knows itself when it meets itself.
using BootId = StrongId<struct BootIdTag>;

/// What a node says of itself in the handshake, and again when it changed or asks for life.
struct Hello {
  SwarmId swarm;  ///< none: has not joined yet
  NodeId node;
  std::uint32_t protocol = kPeerProtocol;
  std::uint64_t recovery_epoch = 0;
  BootId boot;
  std::uint64_t up_ms = 0;      ///< since when this boot runs
  bool is_provisional = false;  ///< its swarm has one member and holds nothing yet

  friend bool operator==(const Hello&, const Hello&) = default;
};

Bytes encode_hello(const Hello& hello);
Result<Hello> decode_hello(BytesView body);

/// Nothing wrong, or the sentence that `theirs` is refused with by a node that is `ours`.
std::string refusal_of(const Hello& theirs, const Hello& ours);

/// Of two processes that prove one key, on copies of one data directory, whether `ours` is the one
/// that must stop: the later one, of two that began together the one with the greater boot id. By
/// the hellos of one handshake both decide alike.
bool must_give_way(const Hello& theirs, const Hello& ours);

/// Of two swarms that know the same secret, whether `ours` is to dissolve itself and join the
/// other: it holds nothing, and the other does, or holds nothing either and has the smaller id.
bool must_dissolve(const Hello& theirs, const Hello& ours);

/// The body of an answer: the handler's result, errors included.
Bytes encode_answer(const Result<Bytes>& result);
Result<Bytes> decode_answer(BytesView body);

}  // namespace starling::node
