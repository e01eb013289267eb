#include "node/secure/handshake.h"

#include "node/base/assert.h"

#include <algorithm>
#include <sodium.h>

namespace starling::node {
namespace {

using handshake_detail::Transcript;

constexpr std::string_view kMagic = "STRL";
constexpr std::byte kVersion{1};
constexpr std::size_t kPublicBytes = 32;
constexpr std::size_t kProofBytes = 32;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kFirstBytes = 4 + 1 + 1 + sizeof(KeyId) + kPublicBytes + kProofBytes;
constexpr std::size_t kSignatureBytes = sizeof(Signature);

Error not_a_handshake() {
  return {Errc::corrupt, "these are not the bytes of a handshake"};
}

std::array<std::uint8_t, 32> public_of(const EphemeralSeed& seed) {
  std::array<std::uint8_t, 32> out{};
  crypto_scalarmult_base(out.data(), seed.data());
  return out;
}

/// False for the other side's weak points.
bool share(Transcript& transcript, const EphemeralSeed& seed, BytesView their_public) {
  return crypto_scalarmult(transcript.shared.data(), seed.data(), raw(their_public.data())) == 0;
}

/// Each key seals one message, so a constant nonce is right.
Bytes seal(const SwarmKey& key, BytesView plain) {
  const std::array<unsigned char, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> nonce{};
  Bytes out(plain.size() + kTagBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(raw(out.data()),
                                             nullptr,
                                             raw(plain.data()),
                                             plain.size(),
                                             nullptr,
                                             0,
                                             nullptr,
                                             nonce.data(),
                                             key.data());
  return out;
}

std::optional<Bytes> open(const SwarmKey& key, BytesView sealed) {
  const std::array<unsigned char, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> nonce{};
  if (sealed.size() < kTagBytes) return std::nullopt;
  Bytes out(sealed.size() - kTagBytes);
  const int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(raw(out.data()),
                                                                nullptr,
                                                                nullptr,
                                                                raw(sealed.data()),
                                                                sealed.size(),
                                                                nullptr,
                                                                0,
                                                                nonce.data(),
                                                                key.data());
  if (failed != 0) return std::nullopt;
  return out;
}

Bytes signed_text(const Transcript& transcript, std::string_view role, BytesView said) {
  Bytes text = to_bytes("starling handshake 1 ");
  append(text, to_bytes(role));
  append(text, view_of(transcript.hash));
  append(text, said);
  return text;
}

/// Sealed: node key | hello | signature over the transcript, the role and both.
Bytes introduce(Transcript& transcript,
                const NodeSecret& self,
                BytesView hello,
                std::string_view role) {
  Bytes said;
  append(said, encode_node_key(self.key()));
  append(said, hello);
  const Signature signature = self.sign(signed_text(transcript, role, said));
  append(said, view_of(signature));
  Bytes sealed = seal(transcript.key_for(role), said);
  transcript.add(sealed);
  return sealed;
}

Result<HandshakePeer> meet(Transcript& transcript, BytesView sealed, std::string_view role) {
  if (sealed.size() > kHandshakeBytesMax) return not_a_handshake();
  const auto opened = open(transcript.key_for(role), sealed);
  if (!opened) return Error{Errc::unauthorized, "the other side does not know the shared key"};
  if (opened->size() < kNodeKeyBytes + kSignatureBytes) return not_a_handshake();
  const BytesView all{*opened};
  const BytesView said = all.first(all.size() - kSignatureBytes);
  Signature signature{};
  std::copy_n(raw(all.data()) + said.size(), kSignatureBytes, signature.begin());
  HandshakePeer peer;
  peer.key = decode_node_key(said.first(kNodeKeyBytes));
  const BytesView hello = said.subspan(kNodeKeyBytes);
  peer.hello.assign(hello.begin(), hello.end());
  if (!is_signed_by(peer.key.public_key, signed_text(transcript, role, said), signature))
    return Error{Errc::unauthorized, "the other side is not the node that it says it is"};
  transcript.add(sealed);
  return peer;
}

StreamKeys stream_keys(const Transcript& transcript) {
  return {.to_responder = transcript.key_for("stream to responder"),
          .to_initiator = transcript.key_for("stream to initiator")};
}

constexpr std::string_view kResponder = "responder";
constexpr std::string_view kInitiator = "initiator";

}  // namespace

void Transcript::add(BytesView bytes) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, hash.size());
  crypto_generichash_update(&state, hash.data(), hash.size());
  crypto_generichash_update(&state, raw(bytes.data()), bytes.size());
  crypto_generichash_final(&state, hash.data(), hash.size());
}

SwarmKey Transcript::key_for(std::string_view purpose) const {
  Bytes said;
  append(said, view_of(shared));
  append(said, view_of(hash));
  append(said, to_bytes(purpose));
  return derive_key(psk, as_text(said));
}

HandshakeInitiator::HandshakeInitiator(const NodeSecret& self,
                                       const Credential& credential,
                                       BytesView hello,
                                       const EphemeralSeed& seed)
    : self_(self), hello_(hello.begin(), hello.end()), seed_(seed) {
  STARLING_ASSERT(hello.size() <= kHelloBytesMax, "a hello is within its limit");
  transcript_.psk = derive_key(credential.key, "starling handshake psk");
  append(first_, to_bytes(kMagic));
  first_.push_back(kVersion);
  first_.push_back(static_cast<std::byte>(credential.kind));
  append(first_, view_of(key_id_of(credential.key)));
  append(first_, view_of(public_of(seed_)));
  transcript_.add(first_);
  append(first_, view_of(transcript_.key_for("proof")));
}

Result<Bytes> HandshakeInitiator::take_answer(BytesView second) {
  if (second.size() < kPublicBytes + kTagBytes) return not_a_handshake();
  if (!share(transcript_, seed_, second.first(kPublicBytes))) return not_a_handshake();
  transcript_.add(second.first(kPublicBytes));
  auto met = meet(transcript_, second.subspan(kPublicBytes), kResponder);
  if (!met) return met.error();
  peer_ = std::move(*met);
  Bytes last = introduce(transcript_, self_, hello_, kInitiator);
  keys_ = stream_keys(transcript_);
  return last;
}

HandshakeResponder::HandshakeResponder(const NodeSecret& self,
                                       BytesView hello,
                                       const EphemeralSeed& seed)
    : self_(self), hello_(hello.begin(), hello.end()), seed_(seed) {
  STARLING_ASSERT(hello.size() <= kHelloBytesMax, "a hello is within its limit");
}

Result<Bytes> HandshakeResponder::take_first(BytesView first, const FindKey& find_key) {
  const bool has_form = first.size() == kFirstBytes && as_text(first).starts_with(kMagic);
  if (!has_form) return not_a_handshake();
  if (first[4] != kVersion) {
    return Error{Errc::unsupported, "the other side speaks another version of the handshake"};
  }
  const auto kind = std::to_integer<std::uint8_t>(first[5]);
  if (kind != 1 && kind != 2) return not_a_handshake();
  kind_ = static_cast<CredentialKind>(kind);
  std::copy_n(raw(first.data()) + 6, key_id_.size(), key_id_.begin());
  const auto key = find_key(kind_, key_id_);
  if (!key) return Error{Errc::unauthorized, "the other side does not know the shared key"};
  transcript_.psk = derive_key(*key, "starling handshake psk");

  const BytesView spoken = first.first(kFirstBytes - kProofBytes);
  transcript_.add(spoken);
  const SwarmKey proof = transcript_.key_for("proof");
  if (sodium_memcmp(proof.data(), raw(first.data()) + spoken.size(), kProofBytes) != 0)
    return Error{Errc::unauthorized, "the other side does not know the shared key"};

  const auto own_public = public_of(seed_);
  if (!share(transcript_, seed_, spoken.last(kPublicBytes))) return not_a_handshake();
  transcript_.add(view_of(own_public));
  Bytes second;
  append(second, view_of(own_public));
  append(second, introduce(transcript_, self_, hello_, kResponder));
  return second;
}

Result<> HandshakeResponder::take_last(BytesView third) {
  auto met = meet(transcript_, third, kInitiator);
  if (!met) return met.error();
  peer_ = std::move(*met);
  keys_ = stream_keys(transcript_);
  return {};
}

}  // namespace starling::node
