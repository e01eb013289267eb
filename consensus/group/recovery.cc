#include "consensus/group/recovery.h"

#include "consensus/group/apply_entries.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace starling::consensus {
namespace {

constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kPositionBytes = kIdBytes + 6 * kNumberBytes;
constexpr std::size_t kBytesAtOnce = 1 << 20;

/// A view and changes over it that it owns.
class StateAfter : public StateView {
 public:
  explicit StateAfter(std::shared_ptr<const StateView> base) : base_(std::move(base)) {}

  Changes changes;

  std::optional<std::string> get(std::string_view key) const override {
    return OverlayView{*base_, changes}.get(key);
  }

  void scan(std::string_view from, std::string_view until, const Visit& visit) const override {
    OverlayView{*base_, changes}.scan(from, until, visit);
  }

 private:
  std::shared_ptr<const StateView> base_;
};

auto length_of(const LogPosition& position) {
  return std::tuple{position.last_term, position.last};
}

std::size_t answering(const std::set<NodeId>& voters,
                      const LogPosition& own,
                      const std::vector<LogPosition>& others) {
  return static_cast<std::size_t>(std::ranges::count_if(voters, [&](NodeId voter) {
    return voter == own.node ||
           std::ranges::find(others, voter, &LogPosition::node) != others.end();
  }));
}

/// The state after all of the log. The store is left as it is: until the recovery counts, nothing
/// may look as if the end of the log were committed.
Result<std::shared_ptr<const StateView>> state_after_all(const LogStore& store,
                                                         const RestoredState& restored,
                                                         StateMachine& machine) {
  const auto base = store.view();
  StateChain chain{*base};
  auto after = std::make_shared<StateAfter>(base);
  for (LogIndex applied = restored.applied; applied < restored.log.last_index();) {
    const auto entries = restored.log.slice(applied, restored.log.last_index(), kBytesAtOnce);
    auto done = apply_entries(machine, chain, OverlayView{*base, after->changes}, entries);
    if (!done) return done.error();
    after->changes.add(std::move(done->changes));
    applied = entries.back()->index;
  }
  return std::shared_ptr<const StateView>{std::move(after)};
}

Result<> stage_state(LogStore& store, std::shared_ptr<const StateView> state) {
  if (auto emptied = store.begin_staging(); !emptied) return emptied;
  const auto reader = reader_of(std::move(state));
  for (;;) {
    const auto pairs = reader->next(kBytesAtOnce);
    if (!pairs) return pairs.error();
    if (pairs->empty()) return {};
    if (auto staged = store.stage(*pairs); !staged) return staged;
  }
}

}  // namespace

LogPosition position_of(const RaftCore& core) {
  return {.node = core.self(),
          .recovery_epoch = core.recovery_epoch(),
          .term = core.term(),
          .last_term = core.log().last_term(),
          .last = core.log().last_index(),
          .commit = core.commit(),
          .hears_leader = core.leader().has_value()};
}

LogPosition position_of(NodeId node, const RestoredState& restored) {
  return {.node = node,
          .recovery_epoch = restored.hard.recovery_epoch,
          .term = restored.hard.term,
          .last_term = restored.log.last_term(),
          .last = restored.log.last_index(),
          .commit = std::max(restored.hard.commit, restored.applied),
          .hears_leader = false};
}

Bytes encode_log_position(const LogPosition& position) {
  std::string text{position.node.bytes.begin(), position.node.bytes.end()};
  text += big_endian_key(position.recovery_epoch);
  text += big_endian_key(position.term.value);
  text += big_endian_key(position.last_term.value);
  text += big_endian_key(position.last.value);
  text += big_endian_key(position.commit.value);
  text += big_endian_key(position.hears_leader ? 1 : 0);
  return to_bytes(text);
}

Result<LogPosition> decode_log_position(BytesView bytes) {
  const auto text = as_text(bytes);
  if (text.size() != kPositionBytes) {
    return Error{Errc::corrupt,
                 fmt::format("a log position has {} bytes, not {}", text.size(), kPositionBytes)};
  }
  LogPosition position;
  std::ranges::copy(text.substr(0, kIdBytes), position.node.bytes.begin());
  std::uint64_t numbers[6];
  for (std::size_t i = 0; i < 6; ++i)
    numbers[i] = from_big_endian_key(text.substr(kIdBytes + i * kNumberBytes, kNumberBytes));
  const bool fits = numbers[0] <= UINT32_MAX && numbers[5] <= 1 &&
                    std::all_of(numbers + 1, numbers + 5, [](auto n) { return n <= kNumberMax; });
  if (!fits) return Error{Errc::corrupt, "a number of a log position is out of range"};
  position.recovery_epoch = static_cast<std::uint32_t>(numbers[0]);
  position.term = {numbers[1]};
  position.last_term = {numbers[2]};
  position.last = {numbers[3]};
  position.commit = {numbers[4]};
  position.hears_leader = numbers[5] == 1;
  return position;
}

Result<> may_recover(const LogPosition& own,
                     const Config& config,
                     const std::vector<LogPosition>& others) {
  const auto refuse = [](std::string why) { return Error{Errc::conflict, std::move(why)}; };
  if (config.voters.empty() || own.last == LogIndex{})
    return refuse("this node holds nothing of the swarm's log yet: recover another one");
  for (const LogPosition& other : others) {
    if (other.recovery_epoch > own.recovery_epoch) {
      return refuse(
          fmt::format("the swarm is recovered already, by {} or a node that it knows: "
                      "start this node, it comes back as a new member",
                      other.node.hex()));
    }
    if (other.hears_leader) {
      return refuse(
          fmt::format("node {} hears a leader: the swarm decides without this node; "
                      "start it and see what keeps it from the others",
                      other.node.hex()));
    }
  }
  const std::size_t there = answering(config.voters, own, others);
  const bool has_incoming = there > config.voters.size() / 2;
  const bool has_outgoing = !config.is_joint() || answering(config.voters_outgoing, own, others) >
                                                      config.voters_outgoing.size() / 2;
  if (has_incoming && has_outgoing) {
    return refuse(
        fmt::format("{} of {} voters are there, as far as this node knows: that is a majority. "
                    "Start this node, and they elect a leader",
                    there,
                    config.voters.size()));
  }
  const auto best = std::ranges::max_element(others, {}, length_of);
  if (best != others.end() && length_of(*best) > length_of(own)) {
    return refuse(
        fmt::format("node {} holds more of the log (entry {} of term {}) than this one "
                    "(entry {} of term {}): recover there",
                    best->node.hex(),
                    best->last.value,
                    best->last_term.value,
                    own.last.value,
                    own.last_term.value));
  }
  return {};
}

Result<> install_staged(
    LogStore& store, NodeId self, const HardState& hard, LogIndex base, std::string note) {
  PersistBatch batch;
  batch.id = 1;
  batch.hard = hard;
  batch.install = SnapshotMeta{base, hard.term, Config{{self}, {}, {}}, base};
  if (!note.empty()) {
    batch.append.push_back(std::make_shared<const Entry>(
        Entry{hard.term, base.next(), EntryKind::command, std::move(note), {}}));
  }
  return store.persist(batch);
}

Result<Recovered> recover_alone(
    LogStore& store, NodeId self, StateMachine& machine, std::uint32_t epochs, std::string note) {
  auto restored = store.load();
  if (!restored) return restored.error();
  auto state = state_after_all(store, *restored, machine);
  if (!state) return state.error();
  if (auto staged = stage_state(store, std::move(*state)); !staged) return staged.error();
  const LogPosition before = position_of(self, *restored);
  Recovered done{.last = before.last,
                 .committed = before.commit,
                 .base = {before.last.value + kRecoveryIndexes},
                 .term = {before.term.value + kRecoveryTerms},
                 .recovery_epoch = before.recovery_epoch + epochs};
  const HardState hard{done.term, {}, done.base, done.recovery_epoch};
  if (auto put = install_staged(store, self, hard, done.base, std::move(note)); !put)
    return put.error();
  const auto now = store.load();  // as the node will
  if (!now) return now.error();
  return done;
}

}  // namespace starling::consensus
