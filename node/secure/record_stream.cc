#include "node/secure/record_stream.h"

#include "node/base/assert.h"

#include <boost/endian/conversion.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <sodium.h>

namespace starling::node {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kHeaderBytes = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
constexpr std::size_t kSealBytes = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr std::uint64_t kKeyBytesMax = 1ULL << 30;
constexpr MonoTime kKeyLifeMax = std::chrono::hours{1};

}  // namespace

struct RecordSealer::State {
  crypto_secretstream_xchacha20poly1305_state stream;
  std::array<std::byte, kHeaderBytes> header{};
  bool has_begun = false;
  std::uint64_t bytes_by_key = 0;
  MonoTime key_since{0};
};

RecordSealer::RecordSealer(const std::array<std::uint8_t, 32>& key)
    : state_(std::make_unique<State>()) {
  crypto_secretstream_xchacha20poly1305_init_push(
      &state_->stream, raw(state_->header.data()), key.data());
}

RecordSealer::~RecordSealer() = default;
RecordSealer::RecordSealer(RecordSealer&&) noexcept = default;
RecordSealer& RecordSealer::operator=(RecordSealer&&) noexcept = default;

void RecordSealer::seal(BytesView plain, MonoTime now, Bytes& out) {
  STARLING_ASSERT(plain.size() <= kRecordPlainMax, "a record is within its limit");
  State& state = *state_;
  if (!std::exchange(state.has_begun, true)) {
    out.insert(out.end(), state.header.begin(), state.header.end());
    state.key_since = now;
  }
  state.bytes_by_key += plain.size();
  const bool moves_on = state.bytes_by_key >= kKeyBytesMax || now - state.key_since >= kKeyLifeMax;
  if (moves_on) {
    state.bytes_by_key = 0;
    state.key_since = now;
  }
  const std::size_t at = out.size();
  const std::size_t sealed = plain.size() + kSealBytes;
  out.resize(at + kLengthBytes + sealed);
  unsigned char* const length = raw(out.data() + at);
  boost::endian::store_little_u32(length, static_cast<std::uint32_t>(sealed));
  crypto_secretstream_xchacha20poly1305_push(
      &state.stream,
      length + kLengthBytes,
      nullptr,
      raw(plain.data()),
      plain.size(),
      length,
      kLengthBytes,
      moves_on ? crypto_secretstream_xchacha20poly1305_TAG_REKEY
               : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
}

struct RecordOpener::State {
  std::array<std::uint8_t, 32> key{};
  crypto_secretstream_xchacha20poly1305_state stream;
  bool has_begun = false;
  Bytes pending;

  Result<bool> take_header(BytesView& waiting);
  Result<bool> take_record(BytesView& waiting, Bytes& plain);
};

/// False: more bytes are needed.
Result<bool> RecordOpener::State::take_header(BytesView& waiting) {
  if (waiting.size() < kHeaderBytes) return false;
  const int failed =
      crypto_secretstream_xchacha20poly1305_init_pull(&stream, raw(waiting.data()), key.data());
  if (failed != 0) return Error{Errc::corrupt, "the stream's header is none"};
  sodium_memzero(key.data(), key.size());
  has_begun = true;
  waiting = waiting.subspan(kHeaderBytes);
  return true;
}

Result<bool> RecordOpener::State::take_record(BytesView& waiting, Bytes& plain) {
  if (waiting.size() < kLengthBytes) return false;
  const std::size_t sealed = boost::endian::load_little_u32(raw(waiting.data()));
  if (sealed < kSealBytes || sealed > kRecordPlainMax + kSealBytes) {
    return Error{Errc::corrupt, fmt::format("a record of {} bytes is outside its limits", sealed)};
  }
  if (waiting.size() < kLengthBytes + sealed) return false;
  const std::size_t at = plain.size();
  plain.resize(at + sealed - kSealBytes);
  unsigned char tag = 0;
  const int failed = crypto_secretstream_xchacha20poly1305_pull(&stream,
                                                                raw(plain.data() + at),
                                                                nullptr,
                                                                &tag,
                                                                raw(waiting.data() + kLengthBytes),
                                                                sealed,
                                                                raw(waiting.data()),
                                                                kLengthBytes);
  if (failed != 0) {
    plain.resize(at);
    return Error{Errc::corrupt, "a record is not what the other side sealed"};
  }
  waiting = waiting.subspan(kLengthBytes + sealed);
  return true;
}

RecordOpener::RecordOpener(const std::array<std::uint8_t, 32>& key)
    : state_(std::make_unique<State>()) {
  state_->key = key;
}

RecordOpener::~RecordOpener() = default;
RecordOpener::RecordOpener(RecordOpener&&) noexcept = default;
RecordOpener& RecordOpener::operator=(RecordOpener&&) noexcept = default;

Result<> RecordOpener::feed(BytesView arrived, Bytes& plain) {
  State& state = *state_;
  // What comes in whole records is opened where it lies.
  if (!state.pending.empty())
    state.pending.insert(state.pending.end(), arrived.begin(), arrived.end());
  const bool is_kept = !state.pending.empty();
  BytesView waiting = is_kept ? BytesView{state.pending} : arrived;
  for (;;) {
    const auto taken =
        state.has_begun ? state.take_record(waiting, plain) : state.take_header(waiting);
    if (!taken) return taken.error();
    if (!*taken) break;
  }
  Bytes rest(waiting.begin(), waiting.end());
  state.pending = std::move(rest);
  return {};
}

}  // namespace starling::node
