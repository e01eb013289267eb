// A stream of frames, cut anywhere: the first byte seeds where the cuts are.
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

}  // namespace
}  // namespace starling::node

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size == 0) return 0;
  const BytesView stream = fuzz::as_bytes_view(data + 1, size - 1);
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
