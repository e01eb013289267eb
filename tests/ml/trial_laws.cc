#include "tests/ml/trial_laws.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::ml {
namespace {

/// The attempt that a command speaks of; 0: none of this trial.
std::uint64_t token_in(const CommandBody& said, std::uint32_t number) {
  if (const auto* finish = std::get_if<FinishTrial>(&said))
    return finish->number == number ? finish->token : 0;
  if (const auto* yield = std::get_if<YieldTrial>(&said))
    return yield->number == number ? yield->token : 0;
  const auto* expire = std::get_if<ExpireAttempts>(&said);
  if (expire == nullptr) return 0;
  const auto item = std::ranges::find(expire->items, number, &ExpireAttempts::Item::number);
  return item == expire->items.end() ? 0 : item->token;
}

bool may_start(const Trial& before, const CommandBody& said, const Trial& after) {
  const auto* start = std::get_if<StartTrial>(&said);
  const bool waits_there =
      start != nullptr && (before.queued_at.is_none() || before.queued_at == start->node);
  return before.state == TrialState::queued && waits_there && start->number == before.number &&
         after.current.node == start->node && after.current.token > before.current.token;
}

bool may_be_moved(const Trial& before, const CommandBody& said, const Trial& after) {
  const auto* move = std::get_if<MoveTrials>(&said);
  return move != nullptr && std::ranges::any_of(move->items, [&](const MoveTrials::Item& item) {
           return item.number == before.number && item.from == before.queued_at &&
                  item.to == after.queued_at;
         });
}

/// An attempt that ended for a lack of memory is no crash, and the next one gets more.
bool was_counted_right(const Trial& before, const CommandBody& said, const Trial& after) {
  const auto* finish = std::get_if<FinishTrial>(&said);
  if (finish == nullptr || finish->end != AttemptEnd::out_of_memory) return true;
  return after.ends.crashed == before.ends.crashed &&
         after.predicted_peak_mb > before.predicted_peak_mb;
}

std::string wrong_in(const Trial& before, const CommandBody& said, const Trial& after) {
  if (before == after) return "";
  if (is_final(before.state)) return "changed after its end";
  const bool was_running = before.state == TrialState::running;
  const bool is_of_current = token_in(said, before.number) == before.current.token;
  if (after.state == TrialState::running && after.current != before.current)
    return may_start(before, said, after) ? "" : "started where or when it may not";
  if (after.state == TrialState::queued && was_running) {
    if (!is_of_current) return "was taken from the attempt that runs";
    return was_counted_right(before, said, after) ? "" : "lacked memory and was not given more";
  }
  if (is_final(after.state) && !std::holds_alternative<RefuseTrial>(said))
    return is_of_current ? "" : "ended by the word of another attempt";
  const bool has_moved = before.state == TrialState::queued && after.state == before.state &&
                         after.queued_at != before.queued_at;
  if (has_moved && !may_be_moved(before, said, after)) return "left a queue it was not taken from";
  return "";
}

void add_wrong(const std::vector<Trial>& before,
               const CommandBody& said,
               const std::vector<Trial>& after,
               std::vector<std::string>& broken) {
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    const std::string wrong = wrong_in(before[i], said, after[i]);
    if (!wrong.empty()) broken.push_back(fmt::format("trial {} {}", before[i].number, wrong));
  }
}

}  // namespace

std::vector<std::string> broken_laws(const std::vector<Trial>& before,
                                     const CommandBody& said,
                                     const Outcome& outcome,
                                     const std::vector<Trial>& after) {
  std::vector<std::string> broken;
  if (outcome.error && before != after) broken.push_back("what was refused changed something");
  const bool draws = std::holds_alternative<QueueTrials>(said);
  if (after.size() < before.size() || (after.size() > before.size() && !draws))
    broken.push_back(fmt::format("{} trials became {}", before.size(), after.size()));
  add_wrong(before, said, after, broken);
  return broken;
}

std::vector<std::string> broken_laws_of_fits(const std::vector<Trial>& before,
                                             const CommandBody& said,
                                             const Outcome& outcome,
                                             const std::vector<Trial>& after) {
  std::vector<std::string> broken;
  if (outcome.error && before != after) broken.push_back("what was refused changed a fit");
  const bool end_together = std::holds_alternative<FinishFinal>(said) && after.empty();
  const bool begin_together = std::holds_alternative<FinishTrial>(said) && before.empty();
  if (after.size() != before.size() && !end_together && !begin_together)
    broken.push_back(fmt::format("{} fits became {}", before.size(), after.size()));
  add_wrong(before, said, after, broken);
  return broken;
}

}  // namespace starling::ml
