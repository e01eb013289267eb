// A member's log: a segment's file as it is found, or the records of one frame under a checksum
// that no fuzzer guesses. The first byte chooses.
#include "consensus/storage/log_contents.h"
#include "consensus/storage/log_frame.h"
#include "tests/fuzz/fuzz_target.h"

namespace starling {
namespace {

using namespace consensus;

/// Every place that was taken lies in the frame, and the entries follow the compaction point.
void check(const LogContents& contents, const Frame& frame) {
  fuzz::require(contents.first() > contents.base().index, "entries follow the compaction point");
  fuzz::require(contents.last().next() >= contents.first(), "entries follow each other");
  if (!contents.has(contents.last())) return;
  const EntryPlace& place = contents.place(contents.last());
  if (place.segment != frame.head.segment || place.at < frame.at) return;
  fuzz::require(place.at + place.size <= frame.at + frame.size, "an entry lies in its frame");
}

void take(const Frame& frame, LogContents& contents) {
  if (!contents.take(frame)) return;
  check(contents, frame);
  fuzz::count_accepted();
}

void take(std::string_view file) {
  const SegmentScan scan = scan_segment(file, 1);
  fuzz::require(scan.end <= file.size(), "frames lie in the file");
  LogContents contents;
  for (const Frame& frame : scan.frames)
    take(frame, contents);
}

}  // namespace
}  // namespace starling

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size == 0) return 0;
  const std::string_view input = as_text(fuzz::as_bytes_view(data + 1, size - 1));
  if (data[0] % 2 == 0) {
    take(input);
    return 0;
  }
  const std::size_t whole = FrameWriter::kHeadBytes + input.size();
  const Frame frame{{1, 0, 1, 0}, 0, whole, input};
  LogContents contents;
  take(frame, contents);
  return 0;
}
