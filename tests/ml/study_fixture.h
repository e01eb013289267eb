// A replicated state in a map, driven by commands, as a swarm of one would drive it.
#pragma once

#include "ml/search/named_spaces.h"
#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "ml/table/profile_json.h"
#include "node/base/state_view.h"

#include <gtest/gtest.h>

#include <string>

namespace starling::ml {

inline NodeId node_of(std::uint8_t digit) {
  NodeId id;
  id.bytes.fill(digit);
  return id;
}

inline TableProfile small_profile() {
  TableProfile profile;
  profile.rows = 100;
  ColumnProfile x;
  x.name = "x";
  x.type = ColumnType::number;
  x.distinct = 90;
  x.max = 1;
  ColumnProfile kind;
  kind.name = "kind";
  kind.type = ColumnType::category;
  kind.distinct = 2;
  kind.levels = {{"no", 60}, {"yes", 40}};
  ColumnProfile y = x;
  y.name = "y";
  profile.columns = {x, kind, y};
  return profile;
}

inline StudySpec spec_of(std::uint32_t trials, std::uint32_t parallelism) {
  StudySpec spec;
  spec.name = "table";
  spec.dataset = "d-1";
  spec.target = "y";
  spec.task = "regression";
  spec.metric = "rmse";
  spec.trials = trials;
  spec.parallelism = parallelism;
  spec.search_space_json = to_json(default_space());
  return spec;
}

class Swarm {
 public:
  /// Applies one command; what it decided.
  Outcome run(CommandBody body, std::string key = "", std::string request = "") {
    Command command{.key = std::move(key),
                    .request_hash = std::move(request),
                    .time_ms = now_ms,
                    .wall_ms = now_ms,
                    .body = std::move(body)};
    // Through the wire, as on a node.
    const auto decoded = decode_command(encode(command));
    EXPECT_TRUE(decoded);
    auto applied = apply(view, {++index}, *decoded);
    view.commit(applied.changes);
    return applied.outcome;
  }

  /// Nodes have queues of their own from here on.
  void raise_level() { EXPECT_FALSE(run(RaiseFeatureLevel{kFeatureLevel}).error); }

  void add_dataset() {
    Dataset dataset{.id = "d-1",
                    .name = "table",
                    .blob = hash_of(to_bytes("x")),
                    .bytes = 1,
                    .rows = 100,
                    .profile = to_json(small_profile()),
                    .created_ms = 0};
    EXPECT_FALSE(run(AddDataset{dataset}).error);
  }

  void create_study(std::uint32_t trials, std::uint32_t parallelism = 2, std::string id = "s-1") {
    EXPECT_FALSE(run(CreateStudy{std::move(id), spec_of(trials, parallelism)}).error);
  }

  void queue(std::uint32_t number) {
    QueueTrials command{.study = "s-1", .trials = {{number, default_params(), 100}}};
    EXPECT_FALSE(run(std::move(command)).error) << number;
  }

  /// Returns the token.
  std::uint64_t start(std::uint32_t number, std::uint8_t node = 1) {
    const auto outcome = run(StartTrial{"s-1", number, node_of(node)});
    EXPECT_FALSE(outcome.error) << number;
    return outcome.number;
  }

  Outcome finish(std::uint32_t number, std::uint64_t token, double value) {
    FinishTrial command;
    command.study = "s-1";
    command.number = number;
    command.token = token;
    command.value = value;
    command.metrics = {{"rmse", value}};
    return run(std::move(command));
  }

  Outcome crash(std::uint32_t number, std::uint64_t token) {
    FinishTrial command;
    command.study = "s-1";
    command.number = number;
    command.token = token;
    command.state = TrialState::failed;
    command.may_retry = true;
    command.error = "the worker was killed by signal 9";
    return run(std::move(command));
  }

  Outcome lack_memory(std::uint32_t number, std::uint64_t token) {
    FinishTrial command;
    command.study = "s-1";
    command.number = number;
    command.token = token;
    command.state = TrialState::failed;
    command.may_retry = true;
    command.end = AttemptEnd::out_of_memory;
    command.error = "out of memory at 150 MB";
    return run(std::move(command));
  }

  Outcome move(std::uint32_t number, NodeId from, NodeId to) {
    return run(MoveTrials{{{"s-1", number, from, to}}, "test"});
  }

  Study study() const { return find_study(view, "s-1").value(); }

  Trial trial(std::uint32_t number) const { return find_trial(view, "s-1", number).value(); }

  MapView view;
  std::uint64_t index = 0;
  std::uint64_t now_ms = 1000;
};

}  // namespace starling::ml
