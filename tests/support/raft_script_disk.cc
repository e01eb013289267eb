// What scripted members keep, apply and send of it: disk writes, compaction, snapshots.
#include "tests/support/raft_script.h"

#include <algorithm>

namespace starling::tests {

using namespace consensus;

namespace {

std::string text(const PersistBatch& batch) {
  std::string all = fmt::format("term={}", batch.hard.term.value);
  if (!batch.hard.vote.is_none()) all += fmt::format(" vote={}", name(batch.hard.vote));
  if (batch.install)
    all += fmt::format(" snapshot={}", tests::text(batch.install->index, batch.install->term));
  if (batch.truncate_from) all += fmt::format(" without={}..", batch.truncate_from->value);
  for (const EntryRef& entry : batch.append)
    all += fmt::format(" {}", tests::text(*entry));
  return all;
}

}  // namespace

void RaftScript::write(NodeId id) {
  Member& who = up(id);
  const PersistBatch batch = std::move(*who.writing);
  who.writing.reset();
  for (const Write& each : who.unsynced)
    each(who.store);
  who.unsynced.clear();
  static_cast<void>(who.store.persist(batch));
  give(id, [&](RaftCore& core, Effects& effects) { core.persisted(now_, batch.id, effects); });
}

void RaftScript::persist(const Step& step) {
  const NodeId id = subject(step);
  if (!up(id).writing) throw BadStep{"its disk has nothing to write"};
  say("{} writes {}", name(id), text(*up(id).writing));
  write(id);
}

void RaftScript::disk(const Step& step) {
  const NodeId id = subject(step);
  up(id).disk_waits = !has_word(step, "works");
  const bool is_stalled = has_word(step, "stalls");
  if (is_stalled == up(id).core->is_disk_stalled()) return;
  give(id, [&](RaftCore& core, Effects& effects) { core.disk_stalled(now_, is_stalled, effects); });
}

void RaftScript::apply_waiting(NodeId id) {
  Member& who = up(id);
  const std::vector<EntryRef> entries = std::exchange(who.to_apply, {});
  const LogIndex last = entries.back()->index;
  if (who.applying_waits)
    say("{} applies {}..{}", name(id), entries.front()->index.value, last.value);
  who.unsynced.push_back(
      [last](MemoryLogStore& store) { static_cast<void>(store.apply({}, last)); });
  give(id, [&](RaftCore& core, Effects& effects) { core.applied(now_, last, effects); });
}

void RaftScript::apply(const Step& step) {
  const NodeId id = subject(step);
  if (has_word(step, "waits")) {
    member(id).applying_waits = true;
    return;
  }
  Member& who = up(id);
  if (who.to_apply.empty() && !has_word(step, "works"))
    throw BadStep{"nothing waits to be applied"};
  if (!who.to_apply.empty()) apply_waiting(id);
  if (has_word(step, "works")) who.applying_waits = false;
}

void RaftScript::compact(const Step& step) {
  Member& who = up(subject(step));
  const LogIndex index{number(step, "to", 0)};
  const SnapshotMeta meta = who.core->log().meta_at(index);
  who.unsynced.push_back([meta](MemoryLogStore& store) { static_cast<void>(store.compact(meta)); });
  who.core->compact(index);
}

void RaftScript::read_log(NodeId id, const LogRead& read) {
  const auto entries = member(id).store.read_log(read.after, read.until, read.bytes_max);
  say("{} reads its log after {} for {}", name(id), read.after.value, name(read.peer));
  give(id, [&](RaftCore& core, Effects& effects) {
    core.log_read(now_, read, entries.value(), effects);
  });
}

/// A disk that lies: what it had confirmed is gone from `from` on.
void RaftScript::lose_log(Member& who, LogIndex from) {
  const LogIndex kept{from.value - 1};
  PersistBatch batch;
  batch.hard = who.store.live().hard;
  batch.hard.commit = std::min(batch.hard.commit, kept);
  batch.truncate_from = from;
  static_cast<void>(who.store.apply({}, std::min(who.store.live().applied, kept)));
  static_cast<void>(who.store.persist(batch));
}

void RaftScript::begin_stream(NodeId from, const SnapshotSend& wanted) {
  const RaftCore& core = *up(from).core;
  const SnapshotMeta meta = core.log().meta_at(core.applied_index());
  say("{} sends snapshot {} to {}", name(from), text(meta.index, meta.term), name(wanted.to));
  streams_.push_back({from, wanted, meta});
}

void RaftScript::stream_arrives(const Stream& stream) {
  const std::string point = text(stream.meta.index, stream.meta.term);
  say("{} has snapshot {}", name(stream.wanted.to), point);
  give(stream.wanted.to, [&](RaftCore& core, Effects& effects) {
    core.snapshot_received(now_, stream.meta, effects);
  });
}

void RaftScript::stream_ends(std::vector<Stream>::iterator stream, bool has_arrived) {
  const Stream ended = *stream;
  streams_.erase(stream);
  if (!member(ended.from).core) return;
  if (!has_arrived) say("{} could not send it to {}", name(ended.from), name(ended.wanted.to));
  const auto index = has_arrived ? std::optional{ended.meta.index} : std::nullopt;
  give(ended.from, [&](RaftCore& core, Effects& effects) {
    core.snapshot_sent(now_, ended.wanted, index, effects);
  });
}

/// Carries the oldest stream that is not held to its end.
bool RaftScript::stream_next(const std::set<NodeId>& without) {
  const auto is_free = [&](const Stream& each) {
    return !network_.is_held(each.from, each.wanted.to, "snapshot");
  };
  const auto stream = std::find_if(streams_.begin(), streams_.end(), is_free);
  if (stream == streams_.end()) return false;
  const auto to = members_.find(stream->wanted.to);
  const bool arrives = member(stream->from).core && to != members_.end() && to->second.core &&
                       !without.contains(stream->from) && !without.contains(stream->wanted.to);
  if (arrives) stream_arrives(*stream);
  stream_ends(stream, arrives);
  return true;
}

/// One step of a stream: the peer has it all, or the sender learns how it ended.
void RaftScript::snapshot(const Step& step) {
  const MessageFilter link = filter(step);
  const auto stream = std::find_if(streams_.begin(), streams_.end(), [&](const Stream& each) {
    return link.matches(each.from, each.wanted.to, "snapshot");
  });
  if (stream == streams_.end()) throw BadStep{"no such snapshot is under way"};
  if (has_word(step, "arrives")) stream_arrives(*stream);
  if (has_word(step, "done")) stream_ends(stream, true);
  if (has_word(step, "fails")) stream_ends(stream, false);
}

}  // namespace starling::tests
