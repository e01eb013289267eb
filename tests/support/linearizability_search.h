/// The search of linearizability.h, for any model.
///
/// A model has `Step` (one operation and its answer) and `State` (with `==`, and `text()`, which
/// differs for different states), and says what a step makes of a state:
///
///     static std::optional<State> take(const State& state, const Step& step);  // none: impossible
///
/// Pure.
#pragma once

#include "tests/support/linearizability.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace starling::tests {

template <class Step>
struct Timed {
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t id = 0;
  std::uint64_t call_ns = 0;
  std::uint64_t return_ns = kNever;  ///< `kNever`: unknown, may take effect or not
  Step step;
};

struct Found {
  Verdict verdict = Verdict::inconclusive;
  std::uint64_t steps = 0;
  std::uint64_t stuck_at = 0;  ///< id of the operation that fits nowhere
};

template <class Model>
class Search {
 public:
  using Operations = std::vector<Timed<typename Model::Step>>;

  /// `operations` in order of their calls.
  Search(const Operations& operations, std::uint64_t steps_max)
      : operations_(operations), done_(operations.size(), '0'), steps_max_(steps_max) {
    for (const auto& operation : operations)
      to_do_ += is_known(operation) ? 1 : 0;
  }

  Found run() {
    std::vector<Frame> stack;
    stack.push_back(frame(typename Model::State{}));
    while (to_do_ > 0) {
      if (stack.empty()) return {Verdict::illegal, steps_, stuck_at_};
      if (steps_ >= steps_max_) return {Verdict::inconclusive, steps_, stuck_at_};
      Frame& top = stack.back();
      if (top.next == top.candidates.size()) {
        stack.pop_back();
        if (!order_.empty()) undo();
        continue;
      }
      const std::size_t chosen = top.candidates[top.next++];
      ++steps_;
      auto state = Model::take(top.state, operations_[chosen].step);
      if (!state) continue;
      apply(chosen);
      if (!seen_.insert(done_ + state->text()).second) {
        undo();
        continue;
      }
      stack.push_back(frame(std::move(*state)));
    }
    return {Verdict::linearizable, steps_, 0};
  }

 private:
  struct Frame {
    typename Model::State state;
    std::vector<std::size_t> candidates;
    std::size_t next = 0;
  };

  static bool is_known(const Timed<typename Model::Step>& operation) {
    return operation.return_ns != operation.kNever;
  }

  /// What may come next: called before the first of the others returned. Known ones first.
  Frame frame(typename Model::State state) {
    std::size_t first = operations_.size();
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (done_[i] != '0') continue;
      if (first == operations_.size() || operations_[i].return_ns < operations_[first].return_ns)
        first = i;
    }
    Frame made{std::move(state), {}, 0};
    if (first == operations_.size()) return made;
    note_depth(operations_[first].id);
    for (const bool wants_known : {true, false}) {
      for (std::size_t i = 0; i < operations_.size(); ++i) {
        if (operations_[i].call_ns > operations_[first].return_ns) break;
        if (done_[i] == '0' && is_known(operations_[i]) == wants_known)
          made.candidates.push_back(i);
      }
    }
    return made;
  }

  void note_depth(std::uint64_t first_to_return) {
    if (stuck_at_ != 0 && order_.size() <= deepest_) return;
    deepest_ = order_.size();
    stuck_at_ = first_to_return;
  }

  void apply(std::size_t chosen) {
    done_[chosen] = '1';
    order_.push_back(chosen);
    to_do_ -= is_known(operations_[chosen]) ? 1 : 0;
  }

  void undo() {
    const std::size_t last = order_.back();
    order_.pop_back();
    done_[last] = '0';
    to_do_ += is_known(operations_[last]) ? 1 : 0;
  }

  const Operations& operations_;
  std::string done_;
  std::vector<std::size_t> order_;
  std::unordered_set<std::string> seen_;
  std::size_t to_do_ = 0;
  std::size_t deepest_ = 0;
  std::uint64_t stuck_at_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t steps_max_;
};

}  // namespace starling::tests
