/// Nodes that run trials from one log, each with its own view of it, some behind; they die, come
/// back, run out of memory and bring results late. All by one seed.
#pragma once

#include "ml/schedule/own_queue.h"
#include "ml/schedule/scheduler.h"
#include "node/base/random.h"
#include "tests/ml/study_fixture.h"

#include <map>
#include <string>
#include <vector>

namespace starling::ml {

struct WorldOptions {
  std::vector<NodeRoom> rooms;
  std::uint32_t trials = 20;
  std::uint32_t parallelism = 12;
  bool has_faults = true;
  Pruner pruner = Pruner::none;
  FinalModel final_model = FinalModel::refit;
};

/// What a whole run came to.
struct WorldEnd {
  std::vector<Trial> trials;
  Study study;
  std::map<std::uint32_t, int> accepted;  ///< results that made a trial, or a fit, final
  int stolen = 0;
  int moved = 0;  ///< while they ran
  int lost_nodes = 0;
  int memory_kills = 0;
  int late_results = 0;             ///< of attempts that had been taken back
  int late_commands = 0;            ///< of deposed leaders
  std::vector<std::string> broken;  ///< invariants, with the step
};

std::vector<NodeRoom> five_nodes();  ///< of little memory; the last has three slots

/// 40 trials that are pruned at one rung.
WorldOptions with_pruner(std::vector<NodeRoom> rooms, bool has_faults);

/// How `end` differs from what it should be: exactly N trials with one accepted result each, and
/// the search of `calm`, where nothing went wrong.
std::vector<std::string> faults_of(const WorldEnd& end, const WorldEnd& calm);

class TrialWorld {
 public:
  TrialWorld(std::uint64_t seed, WorldOptions options);

  /// Until the study has ended, or for `steps`.
  WorldEnd run(int steps);

 private:
  struct Node {
    NodeRoom room;
    MapView view;
    std::size_t applied = 0;  ///< entries of the log
    std::size_t said = 0;     ///< its own last entry
    bool is_up = true;
    bool is_gone = false;                                                      ///< for good
    std::map<std::uint64_t, std::pair<std::string, std::uint32_t>> processes;  ///< by token
    std::vector<FinishTrial> outbox;  ///< survives its death
  };

  Outcome say(CommandBody body);
  void say_late();
  void step();
  void lead();
  void act(Node& node);
  void catch_up(Node& node);
  void reconcile(Node& node);
  void end_a_process(Node& node);
  void give_up_a_process(Node& node);
  void tell(Node& node);
  void kill(Node& node);
  void check();
  FinishTrial result_of(const Node& node, std::uint64_t token, const Trial& trial);
  std::vector<NodeRoom> rooms(bool up) const;

  Random random_;
  WorldOptions options_;
  Swarm swarm_;  ///< where all is applied
  std::vector<Command> log_;
  std::vector<Trial> trials_;      ///< as they are there
  std::vector<Trial> fits_;        ///< of the bag's folds, likewise
  std::vector<CommandBody> late_;  ///< of a leader who was deposed meanwhile
  std::vector<Node> nodes_;
  WorldEnd end_;
  int step_ = 0;
};

}  // namespace starling::ml
