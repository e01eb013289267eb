#include "ml/schedule/waiting_reason.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

namespace starling::ml {
namespace {

/// What waits for a node: a trial or the final model.
struct Need {
  std::string what;
  std::uint64_t peak_mb = 0;
};

std::optional<Need> need_of(const ActiveStudy& active) {
  const Study& study = active.study;
  if (study.final_job.state == FinalState::queued)
    return Need{.what = "the final model", .peak_mb = final_need(active)};
  const auto runs = [](const Trial& trial) { return trial.state == TrialState::running; };
  if (!gives_out(study) || std::ranges::any_of(active.open, runs)) return std::nullopt;
  const auto next = std::ranges::find_if(
      active.open, [](const Trial& trial) { return trial.state == TrialState::queued; });
  if (next == active.open.end()) return std::nullopt;
  return Need{
      .what = next->fit ? fmt::format("trial {} on fold {}", next->fit->candidate, next->fit->fold)
                        : fmt::format("trial {}", next->number),
      .peak_mb = next->predicted_peak_mb};
}

/// Nothing while as many as may be are being computed.
std::string reason_outside(const Study& study) {
  if (study.counts.queued == 0 || study.counts.running > 0) return "";
  return fmt::format(
      "it waits for an outside program to ask for a trial: POST "
      "/api/v1/studies/{}/ask",
      study.id);
}

std::string labels_text(const StudySpec& spec) {
  std::vector<std::string> all;
  for (const auto& [key, value] : spec.required_labels)
    all.push_back(key + "=" + value);
  return fmt::format("{}", fmt::join(all, ", "));
}

std::string reason_of(const Need& need, const StudySpec& spec, const NodeLoads& loads) {
  if (loads.empty()) return "no node works: all are draining, suspect or dead";
  std::vector<const NodeLoad*> able;
  for (const auto& [id, load] : loads)
    if (may_run(spec, load.room())) able.push_back(&load);
  if (able.empty()) {
    return fmt::format("no node that works has the labels {}: start one with --label",
                       labels_text(spec));
  }
  const auto holds = [&need](const NodeLoad* load) { return load->could_hold(need.peak_mb); };
  if (std::ranges::none_of(able, holds)) {
    return fmt::format("{} needs about {} MB; it waits for a node with that much to come back",
                       need.what,
                       need.peak_mb);
  }
  std::erase_if(able, [&holds](const NodeLoad* load) { return !holds(load); });
  if (std::ranges::all_of(able, [](const NodeLoad* load) { return load->room().is_short; }))
    return "every node that could run it is short of memory or disk";
  if (std::ranges::all_of(able, [](const NodeLoad* load) { return load->free_slots() == 0; }))
    return fmt::format("all slots are taken by other studies; {} is next in turn", need.what);
  const auto starts = [&need](const NodeLoad* load) { return load->has_room_for(need.peak_mb); };
  if (std::ranges::none_of(able, starts)) {
    return fmt::format(
        "{} needs about {} MB, and what runs leaves no node that much", need.what, need.peak_mb);
  }
  return fmt::format("{} is about to start", need.what);
}

}  // namespace

std::string waiting_reason(const ActiveStudy& active, const SwarmSeen& seen) {
  const Study& study = active.study;
  if (has_ended(study.status)) return "";
  if (!seen.has_leader) return "there is no leader: nothing is given out until one is elected";
  if (study.status == StudyStatus::paused) {
    return study.counts.running > 0
               ? fmt::format("it is paused; {} running go on to their end", study.counts.running)
               : fmt::format("it is paused; starling study resume {}", study.id);
  }
  if (study.status == StudyStatus::queued) return "its first trials are being drawn";
  if (is_outside(study.spec)) return reason_outside(study);
  const auto need = need_of(active);
  return need ? reason_of(*need, study.spec, seen.loads) : "";
}

}  // namespace starling::ml
