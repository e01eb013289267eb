#include "tests/ml/trial_world.h"

#include "ml/schedule/pruning.h"
#include "ml/study/fold_fits.h"
#include "ml/study/trial_rules.h"
#include "tests/ml/trial_laws.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace starling::ml {
namespace {

// A node that lives may be taken for dead, too.
constexpr double kFaultChance = 0.01;
constexpr double kRecoverChance = 0.1;
constexpr int kGoneForGood = 2;  // of five

/// What a trial will really use: some less than predicted, some up to three times as much.
std::uint64_t true_need_mb(const Trial& trial) {
  constexpr std::uint64_t kPercent[] = {60, 90, 100, 140, 300};
  return trial.estimate_mb * kPercent[trial.number % 5] / 100;
}

/// A function of the parameters alone, as training is.
double value_of(const Trial& trial) {
  double value = 1;
  for (const auto& [name, param] : trial.params) {
    if (const auto* real = std::get_if<double>(&param)) value += *real;
    if (const auto* whole = std::get_if<std::int64_t>(&param))
      value += static_cast<double>(*whole % 7);
  }
  return value;
}

std::vector<Trial> all_in(const StateView& view) {
  auto all = list_trials(view, "s-1");
  const auto fits = list_fits(view, "s-1");
  all.insert(all.end(), fits.begin(), fits.end());
  return all;
}

/// The best of the completed ones, or the first of equals.
bool has_true_best(const WorldEnd& end) {
  const auto& best = end.study.best_number;
  return std::ranges::all_of(end.trials, [&](const Trial& trial) {
    return trial.state != TrialState::completed || (best && *trial.value >= end.study.best_value);
  });
}

}  // namespace

std::vector<NodeRoom> five_nodes() {
  std::vector<NodeRoom> rooms;
  for (std::uint8_t digit = 1; digit <= 5; ++digit)
    rooms.push_back({.id = node_of(digit), .slots = digit == 5 ? 3U : 1U, .memory_budget_mb = 30});
  return rooms;
}

WorldOptions with_pruner(std::vector<NodeRoom> rooms, bool has_faults) {
  return {.rooms = std::move(rooms),
          .trials = 40,
          .parallelism = 5,
          .has_faults = has_faults,
          .pruner = Pruner::asha};
}

std::vector<std::string> faults_of(const WorldEnd& end, const WorldEnd& calm) {
  std::vector<std::string> faults = end.broken;
  const auto expect = [&faults](bool holds, std::string sentence) {
    if (!holds) faults.push_back(std::move(sentence));
  };
  expect(end.study.status == StudyStatus::completed, "the study did not complete");
  expect(end.trials.size() == calm.trials.size(),
         fmt::format("{} trials, not {}", end.trials.size(), calm.trials.size()));
  expect(has_true_best(end), "the best trial is another one");
  for (std::size_t i = 0; i < std::min(end.trials.size(), calm.trials.size()); ++i) {
    const Trial& trial = end.trials[i];
    const auto accepted = end.accepted.find(trial.number);
    expect(trial.state == calm.trials[i].state,
           fmt::format("trial {} is {}: {}", i, to_string(trial.state), trial.error));
    expect(accepted != end.accepted.end() && accepted->second == 1,
           fmt::format("trial {} has not one accepted result", i));
    expect(trial.params == calm.trials[i].params, fmt::format("trial {} was drawn otherwise", i));
  }
  expect(end.accepted == calm.accepted, "other fits, or not one result of each");
  return faults;
}

TrialWorld::TrialWorld(std::uint64_t seed, WorldOptions options)
    : random_(seed), options_(std::move(options)) {
  for (const NodeRoom& room : options_.rooms)
    nodes_.push_back({.room = room, .view = {}, .processes = {}, .outbox = {}});
  say(RaiseFeatureLevel{kFeatureLevel});
  Dataset dataset{.id = "d-1",
                  .name = "table",
                  .blob = hash_of(to_bytes("x")),
                  .bytes = 1,
                  .rows = 100,
                  .profile = to_json(small_profile()),
                  .created_ms = 0};
  say(AddDataset{dataset});
  StudySpec spec;
  spec.name = "table";
  spec.dataset = "d-1";
  spec.target = "y";
  spec.task = "regression";
  spec.metric = "rmse";
  spec.trials = options_.trials;
  spec.parallelism = options_.parallelism;
  spec.search_space_json = to_json(default_space());
  spec.pruner = options_.pruner;
  spec.final_model = options_.final_model;
  say(CreateStudy{"s-1", spec});
}

Outcome TrialWorld::say(CommandBody body) {
  Command command{.key = {},
                  .request_hash = {},
                  .time_ms = swarm_.now_ms,
                  .wall_ms = swarm_.now_ms,
                  .body = body};
  log_.push_back(command);
  const auto outcome = swarm_.run(body);
  auto now = list_trials(swarm_.view, "s-1");
  for (const std::string& broken : broken_laws(trials_, body, outcome, now))
    end_.broken.push_back(fmt::format("step {}: {}", step_, broken));
  trials_ = std::move(now);
  now = list_fits(swarm_.view, "s-1");
  for (const std::string& broken : broken_laws_of_fits(fits_, body, outcome, now))
    end_.broken.push_back(fmt::format("step {}: {}", step_, broken));
  fits_ = std::move(now);
  return outcome;
}

/// What a deposed leader had planned is committed all the same.
void TrialWorld::say_late() {
  for (auto& body : std::exchange(late_, {})) {
    say(std::move(body));
    ++end_.late_commands;
  }
}

std::vector<NodeRoom> TrialWorld::rooms(bool up) const {
  std::vector<NodeRoom> found;
  for (const Node& node : nodes_)
    if (node.is_up == up) found.push_back(node.room);
  return found;
}

WorldEnd TrialWorld::run(int steps) {
  for (step_ = 0; step_ < steps && !has_ended(swarm_.study().status); ++step_)
    step();
  end_.study = swarm_.study();
  end_.trials = list_trials(swarm_.view, "s-1");
  return std::move(end_);
}

void TrialWorld::step() {
  swarm_.now_ms += 10;
  if (random_.chance(0.3)) lead();
  Node& node = nodes_[random_.below(nodes_.size())];
  if (!node.is_up) {
    if (!node.is_gone && random_.chance(kRecoverChance)) node.is_up = true;
    return;
  }
  if (options_.has_faults && random_.chance(kFaultChance)) return kill(node);
  act(node);
  check();
}

/// The leader's view is never behind what it has committed.
void TrialWorld::lead() {
  std::vector<NodeId> gone;
  for (const Node& node : nodes_) {
    const double suspected = node.is_up ? (options_.has_faults ? 0.02 : 0) : 0.3;
    if (random_.chance(suspected)) gone.push_back(node.room.id);
  }
  const auto commands = plan({.view = swarm_.view,
                              .alive = rooms(true),
                              .away = rooms(false),
                              .knows_all = true,
                              .gone = gone,
                              .now_ms = swarm_.now_ms});
  if (!late_.empty() && random_.chance(0.3)) say_late();
  if (options_.has_faults && random_.chance(0.1)) {
    late_.insert(late_.end(), commands.begin(), commands.end());
    return;
  }
  for (const auto& body : commands)
    say(body);
  const FinalJob job = swarm_.study().final_job;
  if (job.state == FinalState::running)
    say(FinishFinal{"s-1", job.current.token, FinalResult{}, false, ""});
}

void TrialWorld::act(Node& node) {
  if (random_.chance(0.7)) catch_up(node);
  reconcile(node);
  if (random_.chance(0.5)) end_a_process(node);
  if (options_.has_faults && random_.chance(0.05)) give_up_a_process(node);
  if (random_.chance(0.7)) tell(node);
  if (node.applied < node.said) return;  // it has not seen yet what it said last
  const auto starts = own_starts(node.view, node.room);
  if (!starts.empty()) {
    say(starts.front());
    node.said = log_.size();
    return;
  }
  auto others = rooms(true);
  std::erase_if(others, [&node](const NodeRoom& room) { return room.id == node.room.id; });
  const auto move = steal(node.view, node.room, others, random_);
  if (!move) return;
  if (!say(*move).error) ++end_.stolen;
  node.said = log_.size();
}

void TrialWorld::catch_up(Node& node) {
  const std::size_t until = random_.chance(0.5)
                                ? log_.size()
                                : node.applied + random_.below(log_.size() - node.applied + 1);
  for (; node.applied < until; ++node.applied)
    node.view.commit(apply(node.view, {node.applied + 1}, log_[node.applied]).changes);
}

/// As a node's work host: what its view gives it runs, what it does not give any more ends.
void TrialWorld::reconcile(Node& node) {
  std::map<std::uint64_t, std::pair<std::string, std::uint32_t>> wanted;
  for (const Trial& trial : all_in(node.view))
    if (trial.state == TrialState::running && trial.current.node == node.room.id)
      wanted[trial.current.token] = {trial.study, trial.number};
  for (const FinishTrial& told : node.outbox)
    wanted.erase(told.token);
  node.processes = std::move(wanted);
}

FinishTrial TrialWorld::result_of(const Node& node, std::uint64_t token, const Trial& trial) {
  FinishTrial finish;
  finish.study = "s-1";
  finish.number = trial.number;
  finish.token = token;
  const std::uint64_t need = true_need_mb(trial);
  if (need > trial.predicted_peak_mb + trial.predicted_peak_mb / 4 ||
      need > node.room.memory_budget_mb) {
    finish.state = TrialState::failed;
    finish.may_retry = true;
    finish.end = AttemptEnd::out_of_memory;
    ++end_.memory_kills;
    return finish;
  }
  finish.value = value_of(trial);
  finish.peak_mb = need;
  if (trial.fit) {
    finish.artifact = hash_of(to_bytes(std::to_string(trial.number)));
    return finish;
  }
  if (options_.pruner == Pruner::none) return finish;
  // As its worker: the table comes from the view of the node that runs it.
  finish.rungs = {finish.value};
  const auto cutoffs = rung_cutoffs(node.view, swarm_.study(), trial.number);
  if (!cutoffs.empty() && cutoffs[0] && finish.value > *cutoffs[0])
    finish.state = TrialState::pruned;
  return finish;
}

void TrialWorld::end_a_process(Node& node) {
  if (node.processes.empty()) return;
  auto at = node.processes.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random_.below(node.processes.size())));
  const auto trial = find_trial(node.view, at->second.first, at->second.second);
  if (trial) node.outbox.push_back(result_of(node, at->first, *trial));
  node.processes.erase(at);
}

/// At a checkpoint, for another node or for whoever has room. Sometimes its word is lost, or comes
/// once more when the trial may run elsewhere.
void TrialWorld::give_up_a_process(Node& node) {
  if (node.processes.empty()) return;
  const auto [token, name] = *node.processes.begin();
  node.processes.erase(node.processes.begin());
  NodeId to;
  if (random_.chance(0.7)) to = nodes_[random_.below(nodes_.size())].room.id;
  if (random_.chance(0.1)) return;
  const YieldTrial yield{name.first, name.second, token, to, "moves"};
  if (!say(yield).error) ++end_.moved;
  if (random_.chance(0.3)) late_.emplace_back(yield);
}

/// Sometimes twice: the first answer was lost.
void TrialWorld::tell(Node& node) {
  if (node.outbox.empty()) return;
  const FinishTrial word = node.outbox.front();
  const auto before_it = find_trial(swarm_.view, "s-1", word.number);
  const Trial before = before_it ? *before_it : Trial{};  // a fit whose model is made is forgotten
  const bool was_taken_back = before.state == TrialState::queued;
  const auto outcome = say(word);
  const auto after_it = find_trial(swarm_.view, "s-1", word.number);
  const Trial after = after_it ? *after_it : Trial{};
  if (!outcome.error && !is_final(before.state) && is_final(after.state)) {
    ++end_.accepted[word.number];
    if (was_taken_back) ++end_.late_results;
  }
  if (random_.chance(0.9)) node.outbox.erase(node.outbox.begin());
}

void TrialWorld::kill(Node& node) {
  node.is_up = false;
  node.processes.clear();
  const auto gone = std::ranges::count(nodes_, true, &Node::is_gone);
  node.is_gone = gone < kGoneForGood && random_.chance(0.2);
  ++end_.lost_nodes;
}

void TrialWorld::check() {
  const Study study = swarm_.study();
  TrialCounts counts;
  for (const Trial& trial : trials_)
    ++count_of(counts, trial.state);
  if (counts != study.counts) end_.broken.push_back(fmt::format("step {}: counts", step_));
  if (trials_.size() > options_.trials)
    end_.broken.push_back(fmt::format("step {}: {} trials", step_, trials_.size()));
  for (const Trial& trial : trials_)
    if (trial.number < study.all_final_below && !is_final(trial.state))
      end_.broken.push_back(fmt::format("step {}: trial {} is open", step_, trial.number));
  for (const Node& node : nodes_) {
    std::uint64_t taken = 0;
    std::uint32_t running = 0;
    for (const Trial& trial : all_in(swarm_.view)) {
      if (trial.state != TrialState::running || trial.current.node != node.room.id) continue;
      taken += trial.predicted_peak_mb;
      ++running;
    }
    if (running > node.room.slots || taken * 10 > node.room.memory_budget_mb * 9)
      end_.broken.push_back(
          fmt::format("step {}: a node runs {} trials of {} MB", step_, running, taken));
  }
}

}  // namespace starling::ml
