#include "ml/schedule/moving.h"

#include "ml/search/family_spec.h"

#include <algorithm>
#include <set>

namespace starling::ml {
namespace {

constexpr double kWaySeconds = 2;          // to stop, to come over and to start
constexpr double kWorthwhileSeconds = 10;  // less is not worth the way
constexpr double kClearlySooner = 0.6;     // of what it would take where it is

double seconds_between(MonoTime from, MonoTime to) {
  return std::chrono::duration<double>(to - from).count();
}

std::uint32_t epochs_of(const Study& study, const Trial& trial) {
  const auto spec = family_spec_from(trial.params);
  const auto* network = spec ? std::get_if<MlpSpec>(&*spec) : nullptr;
  return network == nullptr ? study.spec.epochs : std::min(study.spec.epochs, network->epochs_max);
}

double speed_of(const std::vector<NodeRoom>& rooms, NodeId node) {
  const auto room = std::ranges::find(rooms, node, &NodeRoom::id);
  return room == rooms.end() ? 0 : room->speed;
}

}  // namespace

void PaceWatch::look(const StateView& view, const std::vector<ActiveStudy>& studies, MonoTime now) {
  std::set<std::uint64_t> running;
  for (const ActiveStudy& active : studies) {
    for (const Trial& trial : active.open) {
      if (trial.state != TrialState::running) continue;
      running.insert(trial.current.token);
      const auto curve = find_curve(view, trial.study, trial.number);
      if (curve.empty()) continue;
      const std::uint32_t epoch = curve.back().epoch;
      auto [at, is_new] = seen_.try_emplace(trial.current.token, Seen{epoch, now, epoch, now});
      if (!is_new && epoch > at->second.epoch) {
        at->second.epoch = epoch;
        at->second.at = now;
      }
    }
  }
  std::erase_if(seen_, [&running](const auto& entry) { return !running.contains(entry.first); });
}

std::optional<double> PaceWatch::seconds_left(std::uint64_t token, std::uint32_t epochs_max) const {
  const auto known = seen_.find(token);
  if (known == seen_.end() || known->second.epoch == known->second.first_epoch) return std::nullopt;
  const Seen& seen = known->second;
  const double per_epoch =
      seconds_between(seen.first_at, seen.at) / (seen.epoch - seen.first_epoch);
  return per_epoch * (epochs_max - std::min(epochs_max, seen.epoch));
}

std::optional<MoveHere> faster_here(const std::vector<ActiveStudy>& studies,
                                    const NodeRoom& self,
                                    const std::vector<NodeRoom>& others,
                                    const PaceWatch& paces) {
  const NodeLoad own = loads_of({self}, studies).at(self.id);
  std::optional<MoveHere> best;
  double best_gain = kWorthwhileSeconds;
  if (self.is_short || self.speed == 0) return best;
  for (const ActiveStudy& active : studies) {
    if (!gives_out(active.study) || !may_run(active.study.spec, self)) continue;
    for (const Trial& trial : active.open) {
      const double speed_there = speed_of(others, trial.current.node);
      const bool can_move = trial.state == TrialState::running;
      if (!can_move || speed_there == 0 || !own.has_room_for(trial.predicted_peak_mb)) continue;
      const auto there = paces.seconds_left(trial.current.token, epochs_of(active.study, trial));
      if (!there) continue;
      const double here = *there * speed_there / self.speed + kWaySeconds;
      if (here > *there * kClearlySooner || *there - here < best_gain) continue;
      best_gain = *there - here;
      best = {trial.study, trial.number, trial.current.token, trial.current.node};
    }
  }
  return best;
}

}  // namespace starling::ml
