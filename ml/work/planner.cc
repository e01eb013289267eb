#include "ml/work/planner.h"

#include "ml/schedule/scheduler.h"
#include "ml/study/swarm_members.h"
#include "ml/study/trial_rules.h"
#include "node/base/clock.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <set>

namespace starling::ml {
namespace {

using namespace std::chrono_literals;

constexpr auto kRoundEvery = 500ms;     // without news; time limits and deaths are seen by then
constexpr auto kProgressEvery = 200ms;  // log entries that carry progress
constexpr auto kPatience = 5s;
constexpr MonoTime kUnknownIsGone =
    15s;  // a node that gossip has never met since this leader began
constexpr std::size_t kPendingTrialsMax = 10'000;

}  // namespace

Planner::Planner(asio::any_io_executor core, Ledger& ledger, PlannerSources sources, Logger log)
    : core_(core),
      ledger_(ledger),
      sources_(std::move(sources)),
      log_(std::move(log)),
      alarm_(core) {}

void Planner::start() {
  node::spawn(core_, run());
}

void Planner::stop() {
  is_stopped_ = true;
  alarm_.cancel();
}

void Planner::wake() {
  is_woken_ = true;
  alarm_.cancel();
}

void Planner::report(const ProgressPoint& point) {
  if (pending_.size() >= kPendingTrialsMax) return;  // curves may have gaps; results never have
  pending_[{point.study, point.number}].push_back(point);
}

asio::awaitable<void> Planner::run() {
  while (!is_stopped_) {
    if (!is_woken_) {
      alarm_.expires_after(kRoundEvery);
      co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    is_woken_ = false;
    if (is_stopped_) co_return;
    if (!sources_.is_leader()) {
      leader_since_ = MonoTime{0};
      away_.forget();
      away_.note(sources_.members(), mono_now());
      pending_.clear();
      continue;
    }
    if (leader_since_ == MonoTime{0}) leader_since_ = mono_now();
    co_await flush_progress();
    co_await one_round();
  }
}

asio::awaitable<void> Planner::flush_progress() {
  if (pending_.empty() || mono_now() - progress_sent_ < kProgressEvery) co_return;
  progress_sent_ = mono_now();
  ReportProgress merged;
  for (auto& [trial, points] : pending_) {
    for (auto& point : points)
      merged.points.push_back(std::move(point));
  }
  pending_.clear();
  Command command;
  command.body = std::move(merged);
  const auto recorded = co_await ledger_.append(std::move(command), kPatience);
  if (!recorded) log_.debug("progress was not recorded why={}", recorded.error().detail);
}

std::vector<NodeId> Planner::gone_nodes(const StateView& view,
                                        const std::vector<node::Member>& members) {
  std::set<NodeId> gone;
  std::set<NodeId> known;
  for (const auto& member : members) {
    known.insert(member.id);
    const bool is_gone =
        member.state == node::MemberState::dead || member.state == node::MemberState::left;
    if (is_gone) gone.insert(member.id);
  }
  if (mono_now() - leader_since_ < kUnknownIsGone) return {gone.begin(), gone.end()};
  const auto add_unknown = [&](NodeId node) {
    if (!node.is_none() && !known.contains(node)) gone.insert(node);
  };
  for (const auto& study : list_studies(view)) {
    if (has_ended(study.status)) continue;
    add_unknown(study.final_job.current.node);
    for (const auto& trial : open_trials(view, study)) {
      if (trial.state == TrialState::running) add_unknown(trial.current.node);
    }
  }
  return {gone.begin(), gone.end()};
}

/// Members that gossip has not met yet may have room, as after a power cut of all.
bool Planner::knows_all(const StateView& view, const std::vector<node::Member>& members) const {
  if (mono_now() - leader_since_ >= AwayRooms::kMayComeBack) return true;
  std::set<NodeId> met;
  for (const auto& member : members)
    met.insert(member.id);
  return std::ranges::all_of(
      list_members(view), [&met](const SwarmMember& listed) { return met.contains(listed.node); });
}

asio::awaitable<void> Planner::one_round() {
  const auto view = sources_.state();
  const auto members = sources_.members();
  SchedulerInput input{.view = *view,
                       .alive = rooms_that_work(*view, members),
                       .away = away_.look(*view, members, mono_now()),
                       .knows_all = knows_all(*view, members),
                       .gone = {},
                       .now_ms = sources_.cluster_now_ms()};
  input.gone = gone_nodes(*view, members);
  for (auto& body : plan(input)) {
    if (is_stopped_ || !sources_.is_leader()) co_return;
    Command command;
    command.body = std::move(body);
    const auto recorded = co_await ledger_.append(std::move(command), kPatience);
    if (!recorded) {
      log_.debug("a planned command was not recorded why={}", recorded.error().detail);
      if (recorded.error().code == Errc::too_large) continue;  // nothing of others waits for it
      co_return;  // look again: the state may have moved on
    }
    if (recorded->outcome.error)
      log_.debug("a planned command came too late why={}", recorded->outcome.error->detail);
  }
}

}  // namespace starling::ml
