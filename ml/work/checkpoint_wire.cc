#include "ml/work/checkpoint.pb.h"
#include "ml/work/checkpoint_file.h"
#include "ml/work/checkpoint_packets.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::ml {
namespace {

constexpr std::size_t kStudyCharsMax = 64;
constexpr std::size_t kAddressCharsMax = 255;

Error corrupt(std::string_view what) {
  return {Errc::corrupt, fmt::format("a word about a checkpoint: {}", what)};
}

template <class Message>
Bytes bytes_of(const Message& message) {
  return to_bytes(message.SerializeAsString());
}

bool is_study_id(std::string_view id) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !id.empty() && id.size() <= kStudyCharsMax && std::ranges::all_of(id, is_plain);
}

/// Empty stands for all zeros.
template <class Array>
bool read_raw(const std::string& raw, Array& bytes) {
  if (raw.empty()) return true;
  if (raw.size() != bytes.size()) return false;
  std::copy(raw.begin(), raw.end(), bytes.begin());
  return true;
}

template <class Array>
std::string raw_of(const Array& bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Bytes encode(const CheckpointRequest& request) {
  wire::CheckpointAsk out;
  out.set_kind(static_cast<std::uint32_t>(request.ask));
  out.set_study(request.work.study);
  out.set_trial_after(request.work.trial ? *request.work.trial + 1 : 0);
  out.set_epoch(request.epoch);
  out.set_hash(raw_of(request.hash.bytes));
  out.set_offset(request.offset);
  out.set_address(request.address);
  out.set_token(request.token);
  out.set_thief(raw_of(request.thief.bytes));
  return bytes_of(out);
}

Bytes encode(const CheckpointFound& found) {
  wire::CheckpointFound out;
  out.set_epoch(found.epoch);
  out.set_bytes(found.bytes);
  out.set_hash(raw_of(found.hash.bytes));
  return bytes_of(out);
}

Result<CheckpointRequest> decode_checkpoint_request(BytesView bytes) {
  wire::CheckpointAsk in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return corrupt("cannot be read");
  if (in.kind() < 1 || in.kind() > static_cast<std::uint32_t>(CheckpointAsk::yield))
    return corrupt(fmt::format("unknown kind {}", in.kind()));
  if (!is_study_id(in.study())) return corrupt("of no study");
  if (in.address().size() > kAddressCharsMax) return corrupt("an address above 255 characters");
  CheckpointRequest request;
  request.ask = static_cast<CheckpointAsk>(in.kind());
  request.work.study = in.study();
  request.epoch = in.epoch();
  request.offset = in.offset();
  request.address = in.address();
  request.token = in.token();
  if (in.trial_after() > 0) request.work.trial = in.trial_after() - 1;
  if (!read_raw(in.hash(), request.hash.bytes) || !read_raw(in.thief(), request.thief.bytes))
    return corrupt("a name of another length");
  return request;
}

Result<CheckpointFound> decode_checkpoint_found(BytesView bytes) {
  wire::CheckpointFound in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return corrupt("cannot be read");
  if (in.bytes() > kCheckpointFileBytesMax)
    return corrupt(fmt::format("{} bytes, at most {}", in.bytes(), kCheckpointFileBytesMax));
  CheckpointFound found{.epoch = in.epoch(), .bytes = in.bytes(), .hash = {}};
  if (!read_raw(in.hash(), found.hash.bytes)) return corrupt("a name of another length");
  return found;
}

}  // namespace starling::ml
