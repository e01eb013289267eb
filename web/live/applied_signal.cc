#include "web/live/applied_signal.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <set>

namespace starling::web {

struct AppliedSignal::State {
  explicit State(asio::any_io_executor on) : executor(std::move(on)) {}

  asio::any_io_executor executor;
  std::atomic<std::uint64_t> applied{0};
  std::atomic<bool> is_wake_posted{false};
  std::set<asio::steady_timer*> waiting;

  void wake_all() {
    is_wake_posted = false;
    for (asio::steady_timer* timer : waiting)
      timer->cancel();
  }
};

class AppliedSignal::Waiter {
 public:
  Waiter(std::shared_ptr<State> state, std::chrono::milliseconds patience)
      : state_(std::move(state)), timer(state_->executor, patience) {
    state_->waiting.insert(&timer);
  }

  ~Waiter() { state_->waiting.erase(&timer); }

  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

 private:
  std::shared_ptr<State> state_;

 public:
  asio::steady_timer timer;
};

AppliedSignal::AppliedSignal(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

void AppliedSignal::notify(LogIndex applied) {
  std::uint64_t before = state_->applied;
  while (before < applied.value && !state_->applied.compare_exchange_weak(before, applied.value)) {
  }
  // One wake-up on its way serves every index until it runs.
  if (state_->is_wake_posted.exchange(true)) return;
  const auto state = state_;
  asio::post(state->executor, [state] { state->wake_all(); });
}

asio::awaitable<void> AppliedSignal::wait_beyond(LogIndex seen,
                                                 std::chrono::milliseconds patience) {
  if (state_->applied > seen.value) co_return;
  Waiter waiter{state_, patience};
  co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace starling::web
