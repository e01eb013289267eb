// A stream of frames, cut anywhere: the first byte seeds where the cuts are. If it is odd, the
// checksums are made right first, since no fuzzer guesses them.
#include "node/base/crc32c.h"
#include "node/base/random.h"
#include "node/net/frame.h"
#include "tests/fuzz/fuzz_target.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace starling::node {
namespace {

struct Decoded {
  std::vector<Bytes> payloads;
  bool is_broken = false;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

/// Takes out what is whole. False: the stream lost its place.
bool drain(FrameDecoder& decoder, Decoded& out) {
  for (;;) {
    auto next = decoder.next();
    if (!next) {
      fuzz::require(next.error().code == Errc::corrupt, "a broken stream is called corrupt");
      out.is_broken = true;
      return false;
    }
    if (!*next) return true;
    out.payloads.push_back(std::move(**next));
  }
}

Decoded decode_in_pieces(BytesView stream, Random* cuts) {
  FrameDecoder decoder;
  Decoded out;
  while (!stream.empty()) {
    const std::size_t piece =
        cuts == nullptr ? stream.size() : 1 + cuts->below(std::min<std::size_t>(stream.size(), 40));
    decoder.feed(stream.first(piece));
    if (!drain(decoder, out)) break;
    stream = stream.subspan(piece);
  }
  return out;
}

std::size_t length_at(const Bytes& stream, std::size_t at) {
  std::size_t length = 0;
  for (std::size_t i = 4; i > 0; --i)
    length = length << 8 | std::to_integer<std::size_t>(stream[at + i - 1]);
  return length;
}

void put_right_checksums(Bytes& stream) {
  for (std::size_t at = 0; at + kFrameHeaderBytes <= stream.size();) {
    const std::size_t end = at + kFrameHeaderBytes + length_at(stream, at);
    if (end > stream.size()) return;
    const BytesView payload = BytesView{stream}.subspan(at + kFrameHeaderBytes, end - at - 8);
    std::uint32_t sum = crc32c(0, payload);
    for (std::size_t i = 4; i < kFrameHeaderBytes; ++i, sum >>= 8)
      stream[at + i] = static_cast<std::byte>(sum & 255);
    at = end;
  }
}

}  // namespace
}  // namespace starling::node

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size == 0) return 0;
  const BytesView input = fuzz::as_bytes_view(data + 1, size - 1);
  Bytes stream{input.begin(), input.end()};
  if (data[0] % 2 == 1) node::put_right_checksums(stream);
  Random cuts{data[0]};
  const auto decoded = fuzz::watched(size, [&] { return node::decode_in_pieces(stream, &cuts); });
  fuzz::require(decoded == node::decode_in_pieces(stream, nullptr),
                "the cuts of a stream do not change what it says");
  if (!decoded.payloads.empty()) fuzz::count_accepted();
  Bytes again;
  for (const Bytes& payload : decoded.payloads) {
    const Bytes frame = node::encode_frame(payload);
    again.insert(again.end(), frame.begin(), frame.end());
  }
  fuzz::require(
      again.size() <= stream.size() && std::equal(again.begin(), again.end(), stream.begin()),
      "payloads framed again are the same bytes");
  return 0;
}
