/// What happens next in a virtual world: actions by time, and by order of planning at one time.
#pragma once

#include "node/base/ids.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace starling::tests {

class SimAgenda {
 public:
  using Action = std::function<void()>;

  MonoTime now() const { return now_; }

  /// `when` may have passed: then it happens next.
  void at(MonoTime when, Action action) {
    heap_.push_back({std::max(when, now_), ++sequence_, std::move(action)});
    std::push_heap(heap_.begin(), heap_.end(), is_later);
  }

  /// Does the next thing. Returns: false if there is none up to `end`; then it is `end` now.
  bool step(MonoTime end) {
    if (heap_.empty() || heap_.front().when > end) {
      now_ = std::max(now_, end);
      return false;
    }
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    const Event event = std::move(heap_.back());
    heap_.pop_back();
    now_ = event.when;
    event.action();
    return true;
  }

 private:
  struct Event {
    MonoTime when;
    std::uint64_t order;
    Action action;
  };

  static bool is_later(const Event& a, const Event& b) {
    return std::pair{a.when, a.order} > std::pair{b.when, b.order};
  }

  std::vector<Event> heap_;
  MonoTime now_{0};
  std::uint64_t sequence_ = 0;
};

}  // namespace starling::tests
