/// What the fuzz targets share: each takes any bytes and must keep the promises of its decoder.
///
/// A decoder of outside bytes never crashes, holds at most a small multiple of its input while it
/// works, says `corrupt` when it refuses, and what it accepts means one thing: encoded and decoded
/// again it is the same value.
///
/// Built two ways: by clang with libFuzzer (preset `fuzz`), and by every other preset with
/// replay_main.cc, which plays the committed corpus and seeded changes of it.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace starling::fuzz {

/// What a decoder may hold at once: this much for each byte of its input, and a flat part for
/// error sentences and the smallest blocks of containers.
inline constexpr std::size_t kHeldPerByteMax = 80;
inline constexpr std::size_t kHeldFlatMax = 16 << 10;

/// Protocol Buffers 3.21 reserves what a text claims to need, up to 50 MB in one block, before it
/// sees that a length further out was a lie; then it refuses. The block is never written to.
enum class Parser { own, protobuf };
inline constexpr std::ptrdiff_t kClaimedBytesMax = 50'000'000 + 4096;

/// Stops the process with the sentence unless `is_so`.
void require(bool is_so, std::string_view sentence);

/// How many inputs were accepted since the start: a replay checks that its corpus still is.
std::size_t accepted();
void count_accepted();

/// What the heap gave since the start of a watch. Bytes.
struct Held {
  std::ptrdiff_t now = 0;      ///< in use; negative when older blocks were given back
  std::ptrdiff_t peak = 0;     ///< the most that was in use at once
  std::ptrdiff_t largest = 0;  ///< the largest block
};

void start_watch();
Held watched_heap();

/// Stops the process if a decoder held too much for an input of `size` bytes.
void judge(const Held& held, std::size_t size, bool may_hold_a_claim);

/// The most that was held for each byte of an input of 1 KiB or more.
std::size_t most_held_per_byte();

inline BytesView as_bytes_view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

/// Runs `decode` on an input of `size` bytes and requires that it keeps within memory.
template <class Decode>
auto watched(std::size_t size, const Decode& decode) {
  start_watch();
  auto result = decode();
  judge(watched_heap(), size, false);
  return result;
}

/// `same` compares two decoded values.
template <class Input, class Decode, class Encode, class Same>
void check_round_trip(const Input& input,
                      const Decode& decode,
                      const Encode& encode,
                      const Same& same,
                      Parser parser = Parser::own) {
  start_watch();
  const auto first = decode(input);
  judge(watched_heap(), input.size(), parser == Parser::protobuf && !first);
  if (!first) {
    require(first.error().code == Errc::corrupt, "what is refused is called corrupt");
    require(!first.error().detail.empty(), "a refusal says why");
    return;
  }
  count_accepted();
  const auto bytes = encode(*first);
  const auto second = decode(bytes);
  require(second.has_value(), "what was accepted can be sent on");
  require(same(*first, *second), "what was accepted means one thing");
}

/// Values without `==`, or with numbers that are not equal to themselves: compared as encoded.
template <class Input, class Decode, class Encode>
void check_encoded_round_trip(const Input& input,
                              const Decode& decode,
                              const Encode& encode,
                              Parser parser = Parser::own) {
  const auto same = [&](const auto& first, const auto& second) {
    return encode(first) == encode(second);
  };
  check_round_trip(input, decode, encode, same, parser);
}

}  // namespace starling::fuzz
