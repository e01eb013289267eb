#include "consensus/relay/relay.h"

#include "consensus/raft/raft_wire.h"
#include "node/base/mutant.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::consensus {
namespace {

constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kHeadBytes = 2 + kNumberBytes;  // flags, length of the path, commit
constexpr std::uint8_t kSnapshotComes = 1;

Error bad(std::string_view what) {
  return Error{Errc::corrupt, fmt::format("what was relayed is malformed: {}", what)};
}

}  // namespace

RelaySource relay_source(const RaftCore& core, LogIndex after) {
  if (core.is_installing() || after >= core.commit()) return RelaySource::nothing_new;
  if (after < core.log().base_index()) return RelaySource::snapshot;
  return core.log().is_in_memory(after.next()) ? RelaySource::memory : RelaySource::disk;
}

std::vector<EntryRef> relayed_entries(const RaftCore& core, LogIndex after, std::size_t bytes_max) {
  const LogIndex until = STARLING_MUTANT(110) ? core.log().last_index() : core.commit();
  return core.log().slice(after, until, bytes_max);
}

LogIndex relay_disk_end(const RaftCore& core) {
  return std::min(core.commit(), core.stable());
}

std::optional<Message> relay_message(
    const RaftCore& core, SwarmId swarm, NodeId to, LogIndex after, std::vector<EntryRef> entries) {
  if (!core.leader() || *core.leader() == to || core.is_installing()) return std::nullopt;
  AppendRequest append;
  append.is_news = true;
  // Without entries it only says who leads; index 0 is in every log.
  if (!entries.empty()) append.prev_index = after;
  append.prev_term = core.log().term_at(append.prev_index).value_or(Term{});
  if (!entries.empty() && append.prev_index > LogIndex{} && append.prev_term == Term{})
    return std::nullopt;  // compacted while they were read
  append.commit = entries.empty() ? LogIndex{} : entries.back()->index;
  append.entries = std::move(entries);
  return Message{
      swarm, core.recovery_epoch(), *core.leader(), to, core.term(), 0, std::move(append)};
}

bool may_take_relayed(const RaftCore& core, const Message& message) {
  return is_relayed(message) && message.to == core.self() && message.from != core.self();
}

Bytes encode_relay_request(const RelayRequest& request) {
  return to_bytes(big_endian_key(request.after.value) +
                  big_endian_key(request.hold_ms).substr(kNumberBytes - 2));
}

Result<RelayRequest> decode_relay_request(BytesView bytes) {
  const auto text = as_text(bytes);
  if (text.size() != kNumberBytes + 2) return bad("a question has not 10 bytes");
  const std::uint64_t after = from_big_endian_key(text.substr(0, kNumberBytes));
  if (after > kNumberMax) return bad("an index is out of range");
  const auto hold = from_big_endian_key(std::string(kNumberBytes - 2, '\0') +
                                        std::string{text.substr(kNumberBytes)});
  return RelayRequest{{after}, static_cast<std::uint16_t>(hold)};
}

Bytes encode_relay_answer(const RelayAnswer& answer) {
  std::string head;
  head.push_back(static_cast<char>(answer.snapshot_comes ? kSnapshotComes : 0));
  head.push_back(static_cast<char>(answer.path.size()));
  head += big_endian_key(answer.commit.value);
  for (const NodeId& node : answer.path)
    head.append(node.bytes.begin(), node.bytes.end());
  Bytes bytes = to_bytes(head);
  if (answer.message) append(bytes, encode_message(*answer.message));
  return bytes;
}

Result<RelayAnswer> decode_relay_answer(BytesView bytes) {
  const auto text = as_text(bytes);
  if (text.size() < kHeadBytes) return bad("an answer is shorter than its head");
  const auto flags = static_cast<std::uint8_t>(text[0]);
  const std::size_t hops = static_cast<std::uint8_t>(text[1]);
  if (flags > kSnapshotComes) return bad("an unknown flag is set");
  if (hops == 0 || hops > kRelayDepthMax) return bad("a path has no length that is allowed");
  const std::size_t message_at = kHeadBytes + hops * kIdBytes;
  if (text.size() < message_at) return bad("an answer is shorter than its path");
  RelayAnswer answer;
  answer.snapshot_comes = flags == kSnapshotComes;
  answer.commit = {from_big_endian_key(text.substr(2, kNumberBytes))};
  if (answer.commit.value > kNumberMax) return bad("an index is out of range");
  for (std::size_t i = 0; i < hops; ++i) {
    NodeId node;
    std::ranges::copy(text.substr(kHeadBytes + i * kIdBytes, kIdBytes), node.bytes.begin());
    if (node.is_none()) return bad("a path names nobody");
    answer.path.push_back(node);
  }
  if (text.size() == message_at) return answer;
  auto message = decode_message(bytes.subspan(message_at));
  if (!message) return message.error();
  if (!is_relayed(*message)) return bad("a message is none that is relayed");
  answer.message = std::move(*message);
  return answer;
}

}  // namespace starling::consensus
