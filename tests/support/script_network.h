/// Messages between scripted members: all under way until a step moves them, in the order sent.
///
/// A step can deliver, lose or double some, and hold some back until it releases them.
#pragma once

#include "consensus/raft/messages.h"
#include "tests/support/raft_words.h"

#include <deque>
#include <functional>
#include <optional>
#include <vector>

namespace starling::tests {

class ScriptNetwork {
 public:
  using Test = std::function<bool(const consensus::Message&)>;

  /// Under way from now on, or held.
  void send(consensus::Message message);

  /// The oldest one under way that passes, taken out.
  std::optional<consensus::Message> take(const Test& passes);

  /// Those under way that pass now, taken out, oldest first.
  std::vector<consensus::Message> take_all(const Test& passes);

  /// Those under way now and those to come wait aside.
  void hold(const MessageFilter& filter);

  /// What was held by exactly this rule, or by any if it is open, goes on after all others.
  void release(const MessageFilter& filter);

  /// A second one of each wait aside until they are released, whatever happens to the first.
  void copy(const MessageFilter& filter);

  bool is_held(NodeId from, NodeId to, const std::string& kind) const;

  const std::deque<consensus::Message>& under_way() const { return under_way_; }

  void clear();

 private:
  struct Held {
    MessageFilter rule;
    consensus::Message message;
  };

  std::deque<consensus::Message> under_way_;
  std::vector<MessageFilter> rules_;
  std::vector<Held> held_;
};

}  // namespace starling::tests
