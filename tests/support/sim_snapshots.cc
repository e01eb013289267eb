#include "tests/support/sim_snapshots.h"

#include "consensus/raft/raft_wire.h"
#include "tests/support/sim_random.h"
#include "tests/support/virtual_swarm.h"

namespace starling::tests {

using namespace consensus;
using namespace std::chrono_literals;

namespace {

/// Hands out less at a time than it is asked for, so that small states too take many chunks.
class SmallPieces : public SnapshotReader {
 public:
  SmallPieces(std::unique_ptr<SnapshotReader> reader, std::size_t bytes_max)
      : reader_(std::move(reader)), bytes_max_(bytes_max) {}

  Result<std::string> next(std::size_t bytes_max) override {
    return reader_->next(std::min(bytes_max, bytes_max_));
  }

 private:
  std::unique_ptr<SnapshotReader> reader_;
  std::size_t bytes_max_;
};

}  // namespace

SimSnapshots::SimSnapshots(VirtualSwarm& swarm, std::uint64_t seed) : swarm_(swarm) {
  Random random = stream(seed, "snapshots");
  piece_bytes_max_ = 200 + random.below(4000);
  patience_ = draw_between(random, 500ms, 10s);
}

void SimSnapshots::send(SimMember& member, const SnapshotSend& wanted) {
  const SnapshotMeta meta = member.core->log().meta_at(member.core->applied_index());
  const auto note_joint = meta.config.is_joint() || member.core->config().is_joint();
  swarm_.marks().hit(Mark::snapshot_begun);
  swarm_.marks().hit(Mark::snapshot_while_joint, note_joint);
  if (member.sending) {
    end(member, wanted, std::nullopt);
    return;
  }
  SnapshotChunk head;
  head.swarm = sim_swarm_id();
  head.term = wanted.term;
  head.session = wanted.session;
  head.meta = meta;
  auto reader =
      std::make_unique<SmallPieces>(member.disk.store().read_snapshot(), piece_bytes_max_);
  auto sender = std::make_unique<SnapshotSender>(std::move(head), std::move(reader));
  member.sending.emplace(SimSending{wanted, meta, std::move(sender), 0, false});
  swarm_.trace().note(swarm_.now(),
                      "{} sends snapshot {} to {}",
                      name_of(member.id),
                      meta.index.value,
                      name_of(wanted.to));
  send_chunk(member);
}

void SimSnapshots::send_chunk(SimMember& member) {
  SimSending& sending = *member.sending;
  const auto chunk = sending.sender->next();
  require(chunk.has_value(), "a state cannot be read");
  sending.call = ++calls_;
  sending.is_last = chunk->done;
  const Call call{member.machine, member.boot, sending.call};
  const auto bytes = std::make_shared<const Bytes>(encode_snapshot_chunk(*chunk));
  const NodeId to = sending.wanted.to;
  if (const SimMember* target = swarm_.find(to)) {
    for (const MonoTime when :
         swarm_.network().send(member.machine, target->machine, swarm_.now())) {
      swarm_.at(when, [this, from = member.id, to, call, bytes] {
        SimMember* there = swarm_.find(to);
        const bool arrives = there != nullptr && there->core &&
                             !swarm_.network().is_cut(call.from, there->machine, swarm_.now());
        if (!arrives) return;
        swarm_.at_member(swarm_.now(), *there, [this, from, call, bytes](SimMember& target_now) {
          take_chunk(target_now, from, call, *bytes);
        });
      });
    }
  }
  swarm_.at_member(swarm_.now() + patience_, member, [this, call](SimMember& who) {
    if (who.sending && who.sending->call == call.number) take_answer(call, false);
  });
}

void SimSnapshots::take_chunk(SimMember& target,
                              NodeId from,
                              const Call& call,
                              const Bytes& bytes) {
  const bool is_taken = keep_chunk(target, from, bytes).has_value();
  if (!target.core) return;
  for (const MonoTime when : swarm_.network().send(target.machine, call.from, swarm_.now()))
    swarm_.at(when, [this, call, is_taken] { take_answer(call, is_taken); });
}

/// As RaftEngine::take_chunk does it.
Result<> SimSnapshots::keep_chunk(SimMember& target, NodeId from, const Bytes& bytes) {
  const auto chunk = decode_snapshot_chunk(bytes);
  require(chunk.has_value(), "a snapshot chunk cannot be decoded");
  if (target.core->is_installing())
    return Error{Errc::unavailable, "this node cannot take a snapshot now"};
  if (chunk->swarm != sim_swarm_id() || chunk->term < target.core->term())
    return Error{Errc::conflict, "the snapshot is of another swarm or an earlier leader"};
  const auto meta = target.receiver->take(from, *chunk);
  if (!meta) return meta.error();
  if (!*meta) return {};
  swarm_.trace().note(swarm_.now(), "{} has snapshot {}", name_of(target.id), (*meta)->index.value);
  swarm_.marks().hit(Mark::snapshot_of_new_term, (*meta)->term > target.core->term());
  swarm_.give(target, [&](RaftCore& core, Effects& effects) {
    core.snapshot_received(swarm_.clock(target), **meta, effects);
  });
  return {};
}

void SimSnapshots::take_answer(const Call& call, bool is_taken) {
  SimMember& sender = swarm_.member(call.from);
  if (sender.boot != call.boot || !sender.core) return;
  swarm_.at_member(swarm_.now(), sender, [this, call, is_taken](SimMember& who) {
    if (!who.sending || who.sending->call != call.number) return;
    const SnapshotSend wanted = who.sending->wanted;
    const bool is_last = who.sending->is_last;
    const LogIndex index = who.sending->meta.index;
    swarm_.marks().hit(Mark::snapshot_broken, !is_taken);
    if (is_taken && !is_last) {
      send_chunk(who);
      return;
    }
    who.sending.reset();
    end(who, wanted, is_taken ? std::optional{index} : std::nullopt);
  });
}

void SimSnapshots::end(SimMember& member,
                       const SnapshotSend& wanted,
                       std::optional<LogIndex> index) {
  swarm_.at_member(swarm_.now(), member, [this, wanted, index](SimMember& who) {
    const auto peer = who.core->progress().find(wanted.to);
    const bool is_current = peer != who.core->progress().end() && who.core->term() == wanted.term &&
                            peer->second.session == wanted.session;
    swarm_.marks().hit(Mark::snapshot_overtaken,
                       is_current && peer->second.state != ProgressState::snapshot);
    swarm_.give(who, [&](RaftCore& core, Effects& effects) {
      core.snapshot_sent(swarm_.clock(who), wanted, index, effects);
    });
  });
}

}  // namespace starling::tests
