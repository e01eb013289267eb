#include "ml/schedule/own_queue.h"

#include <algorithm>

namespace starling::ml {
namespace {

WantedTrials waits_at(NodeId node) {
  return [node](const ActiveStudy&, const Trial& trial) { return trial.queued_at == node; };
}

/// A final that this node could hold gets the next room that there is.
bool makes_room_for_final(const std::vector<ActiveStudy>& studies, const NodeLoad& load) {
  return std::ranges::any_of(studies, [&load](const ActiveStudy& active) {
    return active.study.final_job.state == FinalState::queued &&
           may_run(active.study.spec, load.room()) && load.could_hold(final_need(active)) &&
           !load.has_room_for(final_need(active));
  });
}

/// The trials that could start at once. Where the first in turn has to wait for memory, a smaller
/// one of the same study may start meanwhile; another study's may not, or it could wait for ever.
std::vector<TurnOf> starts_in(const std::vector<ActiveStudy>& studies, NodeLoad load) {
  std::vector<TurnOf> starts;
  if (makes_room_for_final(studies, load)) return starts;
  const ActiveStudy* waits = nullptr;
  for (const TurnOf& turn : in_turn(studies, waits_at(load.room().id))) {
    if (load.free_slots() == 0) break;
    const std::uint64_t peak_mb = turn.trial->predicted_peak_mb;
    if (!may_run(turn.active->study.spec, load.room()) || !load.could_hold(peak_mb)) continue;
    if (waits != nullptr && waits != turn.active) continue;
    if (!load.has_room_for(peak_mb)) {
      waits = turn.active;
      continue;
    }
    load.add_running(peak_mb);
    starts.push_back(turn);
  }
  return starts;
}

/// More than it can start itself.
std::size_t surplus(const std::vector<ActiveStudy>& studies, const NodeLoad& load) {
  return load.queued() - std::min<std::size_t>(load.queued(), starts_in(studies, load).size());
}

/// The fuller of two by chance; nothing if nobody has more than it can start.
const NodeLoad* choose_victim(const std::vector<ActiveStudy>& studies,
                              const NodeLoads& loads,
                              NodeId self,
                              Random& random) {
  std::vector<const NodeLoad*> loaded;
  for (const auto& [id, load] : loads)
    if (id != self && surplus(studies, load) > 0) loaded.push_back(&load);
  if (loaded.empty()) return nullptr;
  std::swap(loaded[0], loaded[random.below(loaded.size())]);
  const NodeLoad* one = loaded[0];
  if (loaded.size() == 1) return one;
  const NodeLoad* other = loaded[1 + random.below(loaded.size() - 1)];
  return other->share() > one->share() ? other : one;
}

}  // namespace

std::vector<StartTrial> own_starts(const StateView& view, const NodeRoom& self) {
  const auto studies = active_studies(view);
  std::vector<StartTrial> starts;
  for (const TurnOf& turn : starts_in(studies, loads_of({self}, studies).at(self.id)))
    starts.push_back({turn.active->study.id, turn.trial->number, self.id});
  return starts;
}

std::optional<MoveTrials> steal(const StateView& view,
                                const NodeRoom& self,
                                const std::vector<NodeRoom>& others,
                                Random& random) {
  const auto studies = active_studies(view);
  NodeLoad own = loads_of({self}, studies).at(self.id);
  if (own.free_slots() == 0 || self.is_short || !starts_in(studies, own).empty())
    return std::nullopt;
  const auto loads = loads_of(others, studies);
  const NodeLoad* victim = choose_victim(studies, loads, self.id, random);
  if (victim == nullptr) return std::nullopt;
  const std::size_t most = std::min((surplus(studies, *victim) + 1) / 2, kStolenAtOnceMax);
  MoveTrials move{.items = {}, .why = "stolen by an idle node"};
  auto line = in_turn(studies, waits_at(victim->room().id));
  std::ranges::reverse(line);
  for (const TurnOf& turn : line) {
    const std::uint64_t peak_mb = turn.trial->predicted_peak_mb;
    if (move.items.size() == most) break;
    if (!own.has_room_for(peak_mb) || !may_run(turn.active->study.spec, self)) continue;
    own.add_running(peak_mb);
    move.items.push_back({turn.active->study.id, turn.trial->number, victim->room().id, self.id});
  }
  if (move.items.empty()) return std::nullopt;
  return move;
}

}  // namespace starling::ml
