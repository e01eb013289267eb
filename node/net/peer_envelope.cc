#include "node/net/peer_envelope.h"

#include <boost/endian/conversion.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace starling::node {
namespace {

constexpr std::size_t kHelloBytes = 69;

constexpr std::uint64_t kTogetherMs = 5000;  // A process that began so much later is the later one.
constexpr auto kLastErrc = static_cast<std::uint8_t>(Errc::no_space);

}  // namespace

std::array<std::byte, kEnvelopeBytes> encode_envelope(const Envelope& envelope) {
  std::array<std::byte, kEnvelopeBytes> out{};
  out[0] = static_cast<std::byte>(envelope.kind);
  out[1] = static_cast<std::byte>(envelope.channel);
  boost::endian::store_little_u64(raw(out.data() + 2), envelope.request);
  return out;
}

Result<Envelope> decode_envelope(BytesView payload) {
  if (payload.size() < kEnvelopeBytes) {
    return Error{Errc::corrupt, fmt::format("peer frame of {} bytes is too short", payload.size())};
  }
  const auto kind = std::to_integer<std::uint8_t>(payload[0]);
  if (kind < 1 || kind > static_cast<std::uint8_t>(FrameKind::refusal)) {
    return Error{Errc::corrupt, fmt::format("peer frame of unknown kind {}", kind)};
  }
  return Envelope{.kind = static_cast<FrameKind>(kind),
                  .channel = std::to_integer<std::uint8_t>(payload[1]),
                  .request = boost::endian::load_little_u64(raw(payload.data() + 2))};
}

Bytes encode_hello(const Hello& hello) {
  Bytes out(kHelloBytes);
  const BytesView swarm = view_of(hello.swarm.bytes);
  const BytesView node = view_of(hello.node.bytes);
  std::copy(swarm.begin(), swarm.end(), out.begin());
  std::copy(node.begin(), node.end(), out.begin() + 16);
  boost::endian::store_little_u32(raw(out.data() + 32), hello.protocol);
  boost::endian::store_little_u64(raw(out.data() + 36), hello.recovery_epoch);
  std::ranges::copy(view_of(hello.boot.bytes), out.begin() + 44);
  boost::endian::store_little_u64(raw(out.data() + 60), hello.up_ms);
  out[68] = std::byte{hello.is_provisional ? std::uint8_t{1} : std::uint8_t{0}};
  return out;
}

Result<Hello> decode_hello(BytesView body) {
  if (body.size() < kHelloBytes) {  // Longer is a newer version's, which says so in `protocol`.
    return Error{Errc::corrupt, fmt::format("hello of {} bytes is too short", body.size())};
  }
  Hello hello;
  std::copy_n(raw(body.data()), 16, hello.swarm.bytes.begin());
  std::copy_n(raw(body.data() + 16), 16, hello.node.bytes.begin());
  hello.protocol = boost::endian::load_little_u32(raw(body.data() + 32));
  hello.recovery_epoch = boost::endian::load_little_u64(raw(body.data() + 36));
  std::copy_n(raw(body.data() + 44), 16, hello.boot.bytes.begin());
  hello.up_ms = boost::endian::load_little_u64(raw(body.data() + 60));
  hello.is_provisional = body[68] != std::byte{0};
  return hello;
}

std::string refusal_of(const Hello& theirs, const Hello& ours) {
  if (theirs.protocol != ours.protocol) {
    return fmt::format("this node speaks peer protocol {}, you speak {}: run the same version",
                       ours.protocol,
                       theirs.protocol);
  }
  const bool both_joined = !theirs.swarm.is_none() && !ours.swarm.is_none();
  if (both_joined && theirs.swarm != ours.swarm) {
    return fmt::format(
        "this node belongs to swarm {}, you belong to swarm {}: check --join, or empty your data "
        "directory to join this swarm",
        ours.swarm.hex(),
        theirs.swarm.hex());
  }
  if (both_joined && theirs.recovery_epoch != ours.recovery_epoch) {
    return fmt::format(
        "this node is in recovery epoch {}, you are in {}: who has the lower one missed a "
        "`starling recover` and must come back as a new member",
        ours.recovery_epoch,
        theirs.recovery_epoch);
  }
  return {};
}

bool must_give_way(const Hello& theirs, const Hello& ours) {
  const std::uint64_t apart =
      theirs.up_ms > ours.up_ms ? theirs.up_ms - ours.up_ms : ours.up_ms - theirs.up_ms;
  return apart >= kTogetherMs ? theirs.up_ms > ours.up_ms : theirs.boot < ours.boot;
}

bool must_dissolve(const Hello& theirs, const Hello& ours) {
  return ours.is_provisional && (!theirs.is_provisional || theirs.swarm < ours.swarm);
}

Bytes encode_answer(const Result<Bytes>& result) {
  const Bytes& content = result ? *result : to_bytes(result.error().detail);
  Bytes out(1 + content.size());
  if (!result) out[0] = static_cast<std::byte>(result.error().code);
  std::copy(content.begin(), content.end(), out.begin() + 1);
  return out;
}

Result<Bytes> decode_answer(BytesView body) {
  if (body.empty()) return Error{Errc::corrupt, "answer of 0 bytes"};
  const auto code = std::to_integer<std::uint8_t>(body[0]);
  const BytesView rest = body.subspan(1);
  if (code == 0) return Bytes(rest.begin(), rest.end());
  if (code > kLastErrc) {
    return Error{Errc::unsupported, fmt::format("unknown error {}: {}", code, as_text(rest))};
  }
  return Error{static_cast<Errc>(code), std::string{as_text(rest)}};
}

}  // namespace starling::node
