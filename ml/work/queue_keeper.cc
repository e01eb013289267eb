#include "ml/work/queue_keeper.h"

#include "ml/schedule/own_queue.h"
#include "ml/study/study_state.h"
#include "node/base/clock.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace starling::ml {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 1s;  // without news
constexpr auto kLookAtPacesEvery = 2s;
constexpr auto kPatience = 5s;
constexpr auto kAfterRefusal = 200ms;  // nobody leads, or this node is behind
constexpr std::chrono::milliseconds kShortestPause = 50ms;
constexpr std::chrono::milliseconds kLongestPause = 5s;

}  // namespace

QueueKeeper::QueueKeeper(asio::any_io_executor core,
                         Ledger& ledger,
                         QueueSources sources,
                         std::uint64_t seed,
                         Logger log)
    : core_(core),
      ledger_(ledger),
      sources_(std::move(sources)),
      random_(seed),
      log_(std::move(log)),
      alarm_(core),
      steal_pause_(kShortestPause) {}

void QueueKeeper::start() {
  node::spawn(core_, run());
}

void QueueKeeper::stop() {
  is_stopped_ = true;
  alarm_.cancel();
}

void QueueKeeper::wake() {
  is_woken_ = true;
  alarm_.cancel();
}

asio::awaitable<void> QueueKeeper::run() {
  while (!is_stopped_) {
    if (!is_woken_) {
      const auto latest = std::chrono::steady_clock::now() + kLookEvery;
      const bool may_steal_soon = wants_to_steal_ && sources_.applied() >= said_;
      alarm_.expires_at(may_steal_soon ? std::min(next_steal_, latest) : latest);
      co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    is_woken_ = false;
    if (is_stopped_) co_return;
    const auto view = sources_.state();
    const auto self = sources_.self();
    const bool may_look = self && feature_level(*view) >= kQueuesLevel;
    if (!may_look || sources_.applied() < said_) continue;
    const bool has_started = co_await start_queued(*view, *self);
    if (!has_started && !is_stopped_) co_await steal_some(*view, *self);
    if (!has_started && !is_stopped_) co_await fetch_running(*view, *self);
  }
}

/// True if there was something to start.
asio::awaitable<bool> QueueKeeper::start_queued(const StateView& view, const NodeRoom& self) {
  const auto starts = own_starts(view, self);
  for (const StartTrial& start : starts) {
    if (is_stopped_) break;
    const bool is_recorded = co_await say(start);
    if (is_recorded) continue;
    alarm_.expires_after(kAfterRefusal);
    co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
    break;
  }
  co_return !starts.empty();
}

asio::awaitable<void> QueueKeeper::steal_some(const StateView& view, const NodeRoom& self) {
  wants_to_steal_ = std::chrono::steady_clock::now() < next_steal_;
  if (wants_to_steal_) co_return;
  auto move = steal(view, self, sources_.others(), random_);
  next_steal_ = std::chrono::steady_clock::now() + kShortestPause;
  if (!move) co_return;
  const auto count = move->items.size();
  const auto victim = move->items.front().from;
  const bool is_recorded = co_await say(std::move(*move));
  if (!is_recorded) co_return back_off();
  log_.info("stole trials={} from={}", count, victim.hex());
  steal_pause_ = kShortestPause;
}

/// An idle node may be the faster one for a trial that runs elsewhere.
asio::awaitable<void> QueueKeeper::fetch_running(const StateView& view, const NodeRoom& self) {
  if (std::chrono::steady_clock::now() < next_look_at_paces_) co_return;
  next_look_at_paces_ = std::chrono::steady_clock::now() + kLookAtPacesEvery;
  if (feature_level(view) < kMovesLevel) co_return;
  const auto studies = active_studies(view);
  paces_.look(view, studies, mono_now());
  const auto move = faster_here(studies, self, sources_.others(), paces_);
  if (!move) co_return;
  const bool comes = co_await sources_.ask_to_move(*move);
  if (comes) log_.info("asked for a running trial study={} trial={}", move->study, move->number);
}

/// Half of it by chance: nodes that fell idle together do not come back together.
void QueueKeeper::back_off() {
  const auto least = steal_pause_ / 2;
  const auto more =
      std::chrono::milliseconds{random_.below(static_cast<std::uint64_t>(least.count()) + 1)};
  next_steal_ = std::chrono::steady_clock::now() + least + more;
  steal_pause_ = std::min(steal_pause_ * 2, kLongestPause);
  wants_to_steal_ = true;
}

asio::awaitable<bool> QueueKeeper::say(CommandBody body) {
  Command command;
  command.body = std::move(body);
  const auto recorded = co_await ledger_.append(std::move(command), kPatience);
  const bool is_recorded = recorded && !recorded->outcome.error;
  if (recorded) said_ = std::max(said_, recorded->index);
  if (!is_recorded) {
    const Error why = recorded ? *recorded->outcome.error : recorded.error();
    log_.debug("what this node wants for itself was not recorded why={}", why.detail);
  }
  co_return is_recorded;
}

}  // namespace starling::ml
