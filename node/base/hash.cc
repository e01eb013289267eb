#include "node/base/hash.h"

#include "node/base/assert.h"

#include <sodium.h>

namespace starling {
namespace {

void ensure_sodium() {
  static const int ready = sodium_init();
  STARLING_ASSERT(ready >= 0, "libsodium initialises");
}

}  // namespace

std::string to_hex(BytesView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
  }
  return text;
}

std::string ContentHash::hex() const {
  return to_hex(std::as_bytes(std::span{bytes}));
}

std::optional<ContentHash> ContentHash::from_hex(std::string_view text) {
  ContentHash hash;
  if (text.size() != 64) return std::nullopt;
  if (text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  ensure_sodium();
  std::size_t length = 0;
  const int bad = sodium_hex2bin(
      hash.bytes.data(), hash.bytes.size(), text.data(), text.size(), nullptr, &length, nullptr);
  if (bad != 0 || length != hash.bytes.size()) return std::nullopt;
  return hash;
}

struct ContentHasher::State {
  crypto_generichash_state blake;
};

ContentHasher::ContentHasher() : state_(std::make_unique<State>()) {
  ensure_sodium();
  crypto_generichash_init(&state_->blake, nullptr, 0, 32);
}

ContentHasher::~ContentHasher() = default;
ContentHasher::ContentHasher(ContentHasher&&) noexcept = default;
ContentHasher& ContentHasher::operator=(ContentHasher&&) noexcept = default;

void ContentHasher::update(BytesView bytes) {
  crypto_generichash_update(&state_->blake, raw(bytes), bytes.size());
}

ContentHash ContentHasher::so_far() const {
  crypto_generichash_state copy = state_->blake;
  ContentHash hash;
  crypto_generichash_final(&copy, hash.bytes.data(), hash.bytes.size());
  return hash;
}

ContentHash ContentHasher::finish() {
  ContentHash hash;
  crypto_generichash_final(&state_->blake, hash.bytes.data(), hash.bytes.size());
  return hash;
}

ContentHash hash_of(BytesView bytes) {
  ContentHasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

std::array<std::uint8_t, 16> short_hash_of(BytesView bytes) {
  ensure_sodium();
  std::array<std::uint8_t, 16> hash{};
  crypto_generichash(hash.data(), hash.size(), raw(bytes), bytes.size(), nullptr, 0);
  return hash;
}

Bytes secure_random_bytes(std::size_t size) {
  ensure_sodium();
  Bytes bytes(size);
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

std::optional<Bytes> from_hex(std::string_view text) {
  const bool is_lower = text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!is_lower || text.size() % 2 != 0) return std::nullopt;
  if (text.empty()) return Bytes{};
  Bytes out(text.size() / 2);
  sodium_hex2bin(raw(out.data()), out.size(), text.data(), text.size(), nullptr, nullptr, nullptr);
  return out;
}

}  // namespace starling
