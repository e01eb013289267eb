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
  const SnapshotTurn turn = snapshot_turn(wanted, member.sending, *member.core, swarm_.now());
  if (turn == SnapshotTurn::waits) {
    end(member, wanted, std::nullopt);
    return;
  }
  swarm_.marks().hit(Mark::snapshot_gone_on_with, turn == SnapshotTurn::goes_on);
  if (turn == SnapshotTurn::begins) begin(member, wanted);
  member.sending->is_moving = true;
  member.sending->last_used = swarm_.now();
  swarm_.trace().note(swarm_.now(),
                      "{} sends snapshot {} to {}",
                      name_of(member.id),
                      member.sending->sender.meta().index.value,
                      name_of(wanted.to));
  send_chunk(member);
}

void SimSnapshots::begin(SimMember& member, const SnapshotSend& wanted) {
  const RaftCore& core = *member.core;
  const SnapshotChunk head = snapshot_head(sim_swarm_id(), core, wanted);
  swarm_.marks().hit(Mark::snapshot_begun);
  swarm_.marks().hit(Mark::snapshot_while_joint,
                     head.meta.config.is_joint() || core.config().is_joint());
  auto reader =
      std::make_unique<SmallPieces>(member.disk.store().read_snapshot(), piece_bytes_max_);
  member.sending.emplace(wanted, SnapshotSender{head, std::move(reader)});
}

void SimSnapshots::send_chunk(SimMember& member) {
  OutgoingSnapshot& sending = *member.sending;
  const auto chunk = sending.sender.current();
  require(chunk.has_value(), "a state cannot be read");
  member.sending_call = ++calls_;
  const Call call{member.machine, member.boot, member.sending_call};
  const auto bytes = std::make_shared<const Bytes>(encode_snapshot_chunk(**chunk));
  const NodeId to = sending.wanted.to;
  const SimMember* target = swarm_.find(to);
  const auto arrivals = target != nullptr
                            ? swarm_.network().send(member.machine, target->machine, swarm_.now())
                            : std::vector<MonoTime>{};
  for (const MonoTime when : arrivals) {
    swarm_.at(when, [this, from = member.id, to, call, bytes] {
      SimMember* there = swarm_.find(to);
      const bool arrives = there != nullptr && there->core &&
                           !swarm_.network().is_cut(call.from, there->machine, swarm_.now());
      if (!arrives) return;
      swarm_.at_member(swarm_.now(), *there, [this, from, call, bytes](SimMember& who) {
        take_chunk(who, from, call, *bytes);
      });
    });
  }
  swarm_.at(swarm_.now() + patience_, [this, call] {
    answer(call, Error{Errc::timed_out, "no answer came"});
  });
}

void SimSnapshots::take_chunk(SimMember& target,
                              NodeId from,
                              const Call& call,
                              const Bytes& bytes) {
  const Result<> taken = keep_chunk(target, from, bytes);
  if (!target.core) return;
  for (const MonoTime when : swarm_.network().send(target.machine, call.from, swarm_.now()))
    swarm_.at(when, [this, call, taken] { answer(call, taken); });
}

/// As RaftEngine::take_chunk does it.
Result<> SimSnapshots::keep_chunk(SimMember& target, NodeId from, const Bytes& bytes) {
  const auto chunk = decode_snapshot_chunk(bytes);
  require(chunk.has_value(), "a snapshot chunk cannot be decoded");
  const auto allowed = may_take(*chunk, sim_swarm_id(), *target.core);
  if (!allowed) return allowed;
  const auto meta = target.receiver->take(from, *chunk);
  if (!meta) return meta.error();
  if (!*meta) return {};
  swarm_.trace().note(swarm_.now(), "{} has snapshot {}", name_of(target.id), (*meta)->index.value);
  swarm_.marks().hit(Mark::snapshot_told_of_term, (*meta)->term > target.core->term());
  swarm_.give(target, [&](RaftCore& core, Effects& effects) {
    core.snapshot_received(swarm_.clock(target), **meta, effects);
  });
  return {};
}

void SimSnapshots::answer(const Call& call, const Result<>& taken) {
  SimMember& sender = swarm_.member(call.from);
  if (sender.boot != call.boot || !sender.core) return;
  swarm_.at_member(swarm_.now(), sender, [this, call, taken](SimMember& who) {
    const bool is_awaited =
        who.sending && who.sending->is_moving && who.sending_call == call.number;
    if (is_awaited) take_answer(who, taken);
  });
}

/// As RaftEngine::send_pieces does it.
void SimSnapshots::take_answer(SimMember& member, const Result<>& taken) {
  OutgoingSnapshot& sending = *member.sending;
  sending.last_used = swarm_.now();
  const SnapshotSend wanted = sending.wanted;
  const bool was_last = (*sending.sender.current())->done;
  swarm_.marks().hit(Mark::snapshot_broken, !taken);
  if (taken) {
    sending.sender.arrived();
    if (!was_last) {
      send_chunk(member);
      return;
    }
    const LogIndex index = sending.sender.meta().index;
    member.sending.reset();
    end(member, wanted, index);
    return;
  }
  sending.is_moving = false;
  const Errc code = taken.error().code;
  if (code == Errc::conflict || code == Errc::corrupt) sending.wanted.to = {};
  end(member, wanted, std::nullopt);
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
