#include "ml/schedule/own_queue.h"

#include <algorithm>

namespace starling::ml {
namespace {

std::function<bool(const Trial&)> waits_at(NodeId node) {
  return [node](const Trial& trial) { return trial.queued_at == node; };
}

/// The trials that could start at once, each reserved in `load`.
std::vector<TurnOf> starts_in(const std::vector<ActiveStudy>& studies, NodeLoad load) {
  std::vector<TurnOf> starts;
  for (const TurnOf& turn : in_turn(studies, waits_at(load.room().id))) {
    if (load.free_slots() == 0) break;
    const std::uint64_t peak_mb = turn.trial->predicted_peak_mb;
    if (!load.has_room_for(peak_mb) || !may_run(turn.active->study.spec, load.room())) continue;
    load.add_running(peak_mb);
    starts.push_back(turn);
  }
  return starts;
}

/// More than it can start itself.
std::uint32_t surplus(const NodeLoad& load) {
  const std::uint32_t starts_soon = load.room().is_short ? 0 : load.free_slots();
  return load.queued() - std::min(load.queued(), starts_soon);
}

/// The fuller of two by chance; nothing if nobody has more than it can start.
const NodeLoad* choose_victim(const NodeLoads& loads, NodeId self, Random& random) {
  std::vector<const NodeLoad*> loaded;
  for (const auto& [id, load] : loads)
    if (id != self && surplus(load) > 0) loaded.push_back(&load);
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
  const NodeLoad* victim = choose_victim(loads, self.id, random);
  if (victim == nullptr) return std::nullopt;
  const std::size_t most = std::min<std::size_t>((surplus(*victim) + 1) / 2, kStolenAtOnceMax);
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
