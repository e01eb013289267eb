/// How much of a node is taken, and which queued trial is served next.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/study_state.h"
#include "node/base/ids.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace starling::ml {

/// A node as it is known now, to itself or by gossip.
struct NodeRoom {
  NodeId id;
  std::uint32_t slots = 0;
  std::uint64_t memory_budget_mb = 0;  ///< for trials: budget of the node less its own use
  std::map<std::string, std::string> labels = {};
  bool is_short = false;  ///< of memory or disk: it begins nothing new
  double speed = 0;       ///< of training, in whatever unit; 0: not known
};

/// A study that has not ended, and its trials that are not final.
struct ActiveStudy {
  Study study;
  std::vector<Trial> open;                ///< by number
  std::uint64_t trial_of_final_peak = 0;  ///< MB predicted of the trial that its final refits
};

std::vector<ActiveStudy> active_studies(const StateView& view);  ///< oldest first

/// MB that its final fit is predicted to need.
std::uint64_t final_need(const ActiveStudy& active);

/// What a node has, runs and keeps queued. Memory: a trial is admitted below three quarters of the
/// budget in all, and up to nine tenths of it alone; a greater one is never given to the node.
class NodeLoad {
 public:
  NodeLoad() = default;

  explicit NodeLoad(NodeRoom room) : room_(std::move(room)) {}

  const NodeRoom& room() const { return room_; }

  std::uint32_t running() const { return running_; }

  std::uint32_t queued() const { return queued_; }

  std::uint32_t in_hand() const { return running_ + queued_; }

  void add_running(std::uint64_t peak_mb);
  void add_queued(std::uint64_t peak_mb);

  std::uint32_t free_slots() const;

  /// It could start here at once: a slot and the memory are free, what is queued left aside.
  bool has_room_for(std::uint64_t peak_mb) const;

  /// The same if all that is queued here starts before.
  bool has_room_behind_queue(std::uint64_t peak_mb) const;

  std::uint64_t most_mb() const;  ///< that one trial may be predicted to need

  bool could_hold(std::uint64_t peak_mb) const { return peak_mb <= most_mb(); }

  /// Running and queued, in slots of this node.
  double share() const;
  std::uint64_t free_mb() const;  ///< of the budget, with all that is queued running

 private:
  bool admits(std::uint64_t taken_mb, std::uint64_t peak_mb) const;

  NodeRoom room_;
  std::uint32_t running_ = 0;
  std::uint32_t queued_ = 0;
  std::uint64_t running_mb_ = 0;
  std::uint64_t queued_mb_ = 0;
};

using NodeLoads = std::map<NodeId, NodeLoad>;

/// Of `rooms`; what runs or waits elsewhere is left out, and what waits of a paused study.
NodeLoads loads_of(const std::vector<NodeRoom>& rooms, const std::vector<ActiveStudy>& studies);

/// Whether the node has all labels that the study requires.
bool may_run(const StudySpec& spec, const NodeRoom& room);

/// Whether its trials or fits may start: it runs, or makes its final model.
bool gives_out(const Study& study);

using WantedTrials = std::function<bool(const ActiveStudy& active, const Trial& trial)>;

struct TurnOf {
  const ActiveStudy* active = nullptr;
  const Trial* trial = nullptr;
};

/// The queued trials that are `wanted`, in the order to serve them: of the study with the greatest
/// priority; of equal ones of that which has the fewest trials in hand, those served before
/// included; then of the oldest. Studies that give nothing out, as paused ones, are left
/// out.
std::vector<TurnOf> in_turn(const std::vector<ActiveStudy>& studies, const WantedTrials& wanted);

}  // namespace starling::ml
