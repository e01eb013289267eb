/// The study state machine as the replicated log drives it.
#pragma once

#include "bootstrap/recent_values.h"
#include "consensus/group/state_machine.h"

namespace starling::bootstrap {

/// It is the only one that changes the state, but for snapshots, so it may remember parts of it
/// until `state_replaced`.
///
/// Threads: the core thread.
class StudyMachine : public consensus::StateMachine {
 public:
  /// The result is an encoded ml::Outcome.
  consensus::ApplyOutcome apply(const StateView& view,
                                LogIndex index,
                                std::string_view command) override;

  void state_replaced() override;

  /// Whether the state may have changed, since the last call, in a way that gives this node work:
  /// anything but registers, idempotency keys and the clock. Also true if nothing was applied since
  /// then, because a snapshot changes the state without this machine.
  bool take_news();

 private:
  enum class Since { nothing_applied, quiet, news };

  static constexpr std::size_t kRecentBytesMax = 1 << 20;
  static constexpr std::uint64_t kRecentEntries = 16'384;

  void note(const Changes& changes);

  Since since_ = Since::nothing_applied;
  bool is_new_ = true;  ///< Nothing was applied since the start or the last snapshot.
  RecentValues recent_{kRecentBytesMax};
  RecentKeys used_{kRecentEntries};
};

}  // namespace starling::bootstrap
