#include "consensus/raft/raft_wire.h"

#include "consensus/raft/raft.pb.h"
#include "node/base/crc32c.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace starling::consensus {
namespace {

constexpr std::size_t kChecksumBytes = 4;

Error bad(std::string_view what) {
  return Error{Errc::corrupt, fmt::format("a Raft message is malformed: {}", what)};
}

template <class Id>
std::string to_wire(const Id& id) {
  return {id.bytes.begin(), id.bytes.end()};
}

template <class Id>
bool from_wire(const std::string& bytes, Id& id) {
  if (bytes.size() != id.bytes.size()) return false;
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return true;
}

void to_wire(const Config& config, wire::Config& out) {
  for (const NodeId node : config.voters)
    out.add_voters(to_wire(node));
  for (const NodeId node : config.voters_outgoing)
    out.add_voters_outgoing(to_wire(node));
  for (const NodeId node : config.learners)
    out.add_learners(to_wire(node));
}

template <class Field>
bool from_wire(const Field& field, std::set<NodeId>& out) {
  if (static_cast<std::size_t>(field.size()) > kMembersMax) return false;
  for (const std::string& bytes : field) {
    NodeId node;
    if (!from_wire(bytes, node) || node.is_none() || !out.insert(node).second) return false;
  }
  return true;
}

bool from_wire(const wire::Config& config, Config& out) {
  const bool ids = from_wire(config.voters(), out.voters) &&
                   from_wire(config.voters_outgoing(), out.voters_outgoing) &&
                   from_wire(config.learners(), out.learners);
  return ids && std::none_of(out.learners.begin(), out.learners.end(), [&](NodeId node) {
           return out.voters.contains(node);
         });
}

/// CRC-32C, big endian.
std::string checksum_of(std::string_view bytes) {
  const std::uint32_t sum = crc32c(0, std::as_bytes(std::span{bytes}));
  return big_endian_key(sum).substr(8 - kChecksumBytes);
}

void to_wire(const Entry& entry, wire::Entry& out) {
  out.set_term(entry.term.value);
  out.set_index(entry.index.value);
  out.set_kind(static_cast<std::uint32_t>(entry.kind));
  out.set_command(entry.command);
  if (entry.kind == EntryKind::config) to_wire(entry.config, *out.mutable_config());
}

Result<Entry> from_wire(wire::Entry& in) {
  if (in.index() == 0 || in.index() > kNumberMax) return bad("an entry's index is out of range");
  if (in.term() == 0 || in.term() > kNumberMax) return bad("an entry's term is out of range");
  if (in.kind() < 1 || in.kind() > 4) return bad("an entry is of an unknown kind");
  if (in.command().size() > kCommandBytesMax) return bad("a command is too long");
  Entry entry{{in.term()}, {in.index()}, static_cast<EntryKind>(in.kind()), {}, {}};
  const bool is_check = entry.kind == EntryKind::check;
  const bool has_bytes = is_check || entry.kind == EntryKind::command;
  if (!has_bytes && !in.command().empty()) return bad("an entry that is no command has bytes");
  if (is_check && !decode_state_check(in.command())) return bad("a state check is malformed");
  if ((entry.kind == EntryKind::config) != in.has_config()) return bad("a config is misplaced");
  if (in.has_config() && (!from_wire(in.config(), entry.config) || entry.config.voters.empty()))
    return bad("a config's members are wrong");
  entry.command = std::move(*in.mutable_command());
  return entry;
}

void to_wire(const VoteRequest& body, wire::Message& out) {
  wire::VoteRequest& to = *out.mutable_vote_request();
  to.set_pre(body.pre);
  to.set_transfer(body.transfer);
  to.set_last_index(body.last_index.value);
  to.set_last_term(body.last_term.value);
}

void to_wire(const VoteResponse& body, wire::Message& out) {
  out.mutable_vote_response()->set_pre(body.pre);
  out.mutable_vote_response()->set_granted(body.granted);
}

void to_wire(const AppendRequest& body, wire::Message& out) {
  wire::AppendRequest& to = *out.mutable_append_request();
  to.set_prev_index(body.prev_index.value);
  to.set_prev_term(body.prev_term.value);
  to.set_commit(body.commit.value);
  to.set_sent_at(body.sent_at);
  to.set_is_news(body.is_news);
  for (const EntryRef& entry : body.entries)
    to_wire(*entry, *to.add_entries());
}

void to_wire(const AppendResponse& body, wire::Message& out) {
  wire::AppendResponse& to = *out.mutable_append_response();
  to.set_rejected(body.rejected);
  to.set_index(body.index.value);
  to.set_hint_index(body.hint_index.value);
  to.set_hint_term(body.hint_term.value);
  to.set_sent_at(body.sent_at);
}

void to_wire(const HeartbeatRequest& body, wire::Message& out) {
  wire::HeartbeatRequest& to = *out.mutable_heartbeat_request();
  to.set_commit(body.commit.value);
  to.set_held(body.held.value);
  to.set_read_seq(body.read_seq);
  to.set_sent_at(body.sent_at);
}

void to_wire(const HeartbeatResponse& body, wire::Message& out) {
  out.mutable_heartbeat_response()->set_read_seq(body.read_seq);
  out.mutable_heartbeat_response()->set_sent_at(body.sent_at);
  if (body.check.index > LogIndex{})
    out.mutable_heartbeat_response()->set_check(encode_state_check(body.check));
}

void to_wire(const TimeoutNow&, wire::Message& out) {
  out.mutable_timeout_now();
}

Result<AppendRequest> from_wire(wire::AppendRequest& in, Term message_term, bool is_relayed) {
  if (std::max({in.prev_index(), in.prev_term(), in.commit()}) > kNumberMax)
    return bad("a number of an append is out of range");
  AppendRequest out{
      {in.prev_index()}, {in.prev_term()}, {in.commit()}, {}, in.sent_at(), in.is_news()};
  if (out.is_news && !is_relayed && in.entries_size() > 0)
    return bad("news of a commit carries entries");
  Term term = out.prev_term;
  LogIndex index = out.prev_index;
  if (term > message_term) return bad("the entry before is of a later term than its message");
  if ((index == LogIndex{}) != (term == Term{})) return bad("the entry before has no term");
  for (wire::Entry& each : *in.mutable_entries()) {
    auto entry = from_wire(each);
    if (!entry) return entry.error();
    if (entry->index != index.next()) return bad("entries do not follow each other");
    if (entry->term < term || entry->term > message_term) return bad("terms of entries fall");
    index = entry->index;
    term = entry->term;
    out.entries.push_back(std::make_shared<const Entry>(std::move(*entry)));
  }
  return out;
}

Result<MessageBody> body_from_wire(wire::Message& in) {
  const Term term{in.term()};
  switch (in.body_case()) {
    case wire::Message::kVoteRequest: {
      const auto& body = in.vote_request();
      if (body.last_index() > kNumberMax || body.last_term() > in.term())
        return bad("a candidate's log is out of range");
      return MessageBody{
          VoteRequest{body.pre(), body.transfer(), {body.last_index()}, {body.last_term()}}};
    }
    case wire::Message::kVoteResponse:
      return MessageBody{VoteResponse{in.vote_response().pre(), in.vote_response().granted()}};
    case wire::Message::kAppendRequest: {
      auto body = from_wire(*in.mutable_append_request(), term, in.session() == 0);
      if (!body) return body.error();
      return MessageBody{std::move(*body)};
    }
    case wire::Message::kAppendResponse: {
      const auto& body = in.append_response();
      if (std::max({body.index(), body.hint_index(), body.hint_term()}) > kNumberMax)
        return bad("a number of an answer is out of range");
      return MessageBody{AppendResponse{body.rejected(),
                                        {body.index()},
                                        {body.hint_index()},
                                        {body.hint_term()},
                                        body.sent_at()}};
    }
    case wire::Message::kHeartbeatRequest: {
      const auto& body = in.heartbeat_request();
      if (std::max(body.commit(), body.held()) > kNumberMax)
        return bad("an index of a heartbeat is out of range");
      return MessageBody{
          HeartbeatRequest{{body.commit()}, {body.held()}, body.read_seq(), body.sent_at()}};
    }
    case wire::Message::kHeartbeatResponse: {
      const auto& body = in.heartbeat_response();
      const auto check = decode_state_check(body.check());
      if (!body.check().empty() && !check) return bad("a state check is malformed");
      return MessageBody{
          HeartbeatResponse{body.read_seq(), body.sent_at(), check.value_or(StateCheck{})}};
    }
    case wire::Message::kTimeoutNow: return MessageBody{TimeoutNow{}};
    case wire::Message::BODY_NOT_SET: break;
  }
  return bad("it is of a kind that this version does not know");
}

template <class Wire>
bool parse(Wire& out, const void* data, std::size_t size, std::size_t most = kMessageBytesMax) {
  return size <= most && out.ParseFromArray(data, static_cast<int>(size));
}

template <class Wire>
Bytes to_bytes_of(const Wire& message) {
  Bytes bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

void to_wire(const SnapshotMeta& meta, wire::SnapshotMeta& out) {
  out.set_index(meta.index.value);
  out.set_term(meta.term.value);
  out.set_config_index(meta.config_index.value);
  to_wire(meta.config, *out.mutable_config());
}

Result<SnapshotMeta> from_wire(const wire::SnapshotMeta& in) {
  if (std::max({in.index(), in.term(), in.config_index()}) > kNumberMax ||
      in.config_index() > in.index())
    return bad("a number of a snapshot is out of range");
  SnapshotMeta meta{{in.index()}, {in.term()}, {}, {in.config_index()}};
  if (!from_wire(in.config(), meta.config)) return bad("a snapshot's members are wrong");
  return meta;
}

}  // namespace

Bytes encode_message(const Message& message) {
  wire::Message out;
  out.set_swarm(to_wire(message.swarm));
  out.set_recovery_epoch(message.recovery_epoch);
  out.set_from(to_wire(message.from));
  out.set_to(to_wire(message.to));
  out.set_term(message.term.value);
  out.set_session(message.session);
  std::visit([&](const auto& body) { to_wire(body, out); }, message.body);
  return to_bytes_of(out);
}

Result<Message> decode_message(BytesView bytes) {
  wire::Message in;
  if (!parse(in, bytes.data(), bytes.size())) return bad("its bytes cannot be read");
  Message message;
  const bool ids = from_wire(in.swarm(), message.swarm) && from_wire(in.from(), message.from) &&
                   from_wire(in.to(), message.to);
  if (!ids || message.from.is_none() || message.to.is_none()) return bad("an id is not 16 bytes");
  if (in.term() == 0 || in.term() > kNumberMax) return bad("its term is out of range");
  auto body = body_from_wire(in);
  if (!body) return body.error();
  message.recovery_epoch = in.recovery_epoch();
  message.term = {in.term()};
  message.session = in.session();
  message.body = std::move(*body);
  return message;
}

std::string encode_entry(const Entry& entry) {
  wire::Entry out;
  to_wire(entry, out);
  std::string bytes;
  bytes.reserve(out.ByteSizeLong() + kChecksumBytes);
  out.AppendToString(&bytes);
  bytes += checksum_of(bytes);
  return bytes;
}

Result<Entry> decode_entry(std::string_view bytes) {
  if (bytes.size() < kChecksumBytes) return bad("an entry is shorter than its checksum");
  const std::string_view checksum = bytes.substr(bytes.size() - kChecksumBytes);
  bytes.remove_suffix(kChecksumBytes);
  if (checksum != checksum_of(bytes)) return bad("an entry's checksum is wrong");
  wire::Entry in;
  if (!parse(in, bytes.data(), bytes.size())) return bad("the bytes of an entry cannot be read");
  return from_wire(in);
}

std::string encode_hard_state(const HardState& hard) {
  wire::HardState out;
  out.set_term(hard.term.value);
  if (!hard.vote.is_none()) out.set_vote(to_wire(hard.vote));
  out.set_commit(hard.commit.value);
  out.set_recovery_epoch(hard.recovery_epoch);
  return out.SerializeAsString();
}

Result<HardState> decode_hard_state(std::string_view bytes) {
  wire::HardState in;
  if (!parse(in, bytes.data(), bytes.size())) return bad("the hard state cannot be read");
  if (std::max(in.term(), in.commit()) > kNumberMax) return bad("the hard state is out of range");
  HardState hard{{in.term()}, {}, {in.commit()}, in.recovery_epoch()};
  if (!in.vote().empty() && !from_wire(in.vote(), hard.vote)) return bad("a vote is not 16 bytes");
  return hard;
}

std::string encode_snapshot_meta(const SnapshotMeta& meta) {
  wire::SnapshotMeta out;
  to_wire(meta, out);
  return out.SerializeAsString();
}

Result<SnapshotMeta> decode_snapshot_meta(std::string_view bytes) {
  wire::SnapshotMeta in;
  if (!parse(in, bytes.data(), bytes.size())) return bad("a snapshot's head cannot be read");
  return from_wire(in);
}

Bytes encode_snapshot_chunk(const SnapshotChunk& chunk) {
  wire::SnapshotChunk out;
  out.set_swarm(to_wire(chunk.swarm));
  out.set_recovery_epoch(chunk.recovery_epoch);
  out.set_term(chunk.term.value);
  out.set_session(chunk.session);
  to_wire(chunk.meta, *out.mutable_meta());
  out.set_offset(chunk.offset);
  out.set_pairs(chunk.pairs);
  out.set_done(chunk.done);
  out.set_hash(to_wire(chunk.hash));
  return to_bytes_of(out);
}

Result<SnapshotChunk> decode_snapshot_chunk(BytesView bytes) {
  wire::SnapshotChunk in;
  if (!parse(in, bytes.data(), bytes.size(), kSnapshotChunkBytesMax))
    return bad("a snapshot chunk cannot be read");
  SnapshotChunk chunk;
  if (!from_wire(in.swarm(), chunk.swarm)) return bad("an id is not 16 bytes");
  if (in.term() == 0 || std::max(in.term(), in.offset()) > kNumberMax)
    return bad("a number of a snapshot chunk is out of range");
  auto meta = from_wire(in.meta());
  if (!meta) return meta.error();
  if (meta->index == LogIndex{} || meta->term == Term{} || meta->config.voters.empty())
    return bad("a snapshot has no index, term or voters");
  if (!from_wire(in.hash(), chunk.hash)) return bad("a hash is not 32 bytes");
  chunk.recovery_epoch = in.recovery_epoch();
  chunk.term = {in.term()};
  chunk.session = in.session();
  chunk.meta = std::move(*meta);
  chunk.offset = in.offset();
  chunk.pairs = std::move(*in.mutable_pairs());
  chunk.done = in.done();
  return chunk;
}

}  // namespace starling::consensus
