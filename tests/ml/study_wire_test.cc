// Everything that is stored or proposed survives its own bytes; foreign bytes are refused.
#include "node/base/random.h"
#include "tests/ml/study_fixture.h"
#include "tests/support/test_trust.h"

namespace starling::ml {
namespace {

std::vector<std::string> encoded_commands() {
  StudySpec spec;
  spec.name = "n";
  spec.initial = {{{"a", 1.5}, {"b", std::int64_t{2}}, {"c", std::string{"x"}}}};
  spec.tags = {"t"};
  FinalResult result;
  result.test = {{"rmse", 1}};
  result.classes = {"no", "yes"};
  spec.priority = -3;
  spec.required_labels = {{"gpu", "true"}};
  FinishTrial finish{"s", 1, 2, TrialState::failed, true, 3, {{"m", 4}}, 5, 6, 7, 8, "e", {}};
  finish.end = AttemptEnd::killed;
  finish.rungs = {1.5, 2.5};
  finish.artifact = hash_of(to_bytes("a"));
  spec.pruner = Pruner::asha;
  spec.final_model = FinalModel::refit_all;
  spec.constraints = {.predict_ms = 2.5, .model_mb = 8, .is_interpretable = true};
  spec.decisions = {{"split", "kfold, 5 folds", "of 344 rows"}, {"final", "refit", ""}};
  const std::vector<CommandBody> bodies{
      AddToken{hash_of(to_bytes("t"))},
      AddDataset{{"d", "n", hash_of(to_bytes("b")), 1, 2, "{}", 3}},
      RemoveDataset{"d"},
      CreateStudy{"s", spec},
      StopStudy{"s", "r", true},
      QueueTrials{"s", {{0, {{"a", 1.0}}, 2, 3}}},
      StartTrial{"s", 1, node_of(3)},
      ReportProgress{{{"s", 1, 2, {3, 4}}}},
      finish,
      RefuseTrial{"s", 1, "too large"},
      StartFinal{"s", node_of(4)},
      FinishFinal{"s", 1, result, false, "e"},
      ExpireAttempts{{{"s", 0, 1}, {"s", std::nullopt, 2}}, "r"},
      SetRegister{"k", std::string("\0\xff", 2), 0},
      RemoveRegister{"k", 7},
      RaiseFeatureLevel{2},
      AddMember{tests::keyed_secret(4).key(), "node-4", node::KeyId{1, 2}},
      RemoveMember{node_of(5)},
      MarkMember{node_of(6), true, {}},
      AddInvite{tests::ring_of(5)[0].key, 1000, 2},
      AddSwarmKey{tests::ring_of(6)[0].key},
      UseSwarmKey{2},
      NoteDecision{"voters", "node-2 is dead"},
      Adopt{SwarmId{{1, 2}}, std::string("\0\xff", 2), 3},
      MoveTrials{{{"s", 1, {}, node_of(2)}, {"s", 2, node_of(1), {}}}, "stolen"},
      PauseStudy{"s", true},
      ExtendStudy{"s", 5},
      YieldTrial{"s", 4, 17, node_of(3), "drained"},
      AskTrial{"s", 60'000}};
  std::vector<std::string> all;
  for (const auto& body : bodies)
    all.push_back(encode(Command{"key", "hash", 9, 10, body}));
  return all;
}

TEST(CommandWire, EveryKindSurvivesItsBytes) {
  const auto all = encoded_commands();
  ASSERT_EQ(all.size(), std::variant_size_v<CommandBody>);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto decoded = decode_command(all[i]);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->body.index(), i);
    EXPECT_EQ(encode(*decoded), all[i]);
  }
}

TEST(CommandWire, ANewTimeChangesNothingElse) {
  for (const auto& bytes : encoded_commands()) {
    auto stamped = decode_command(with_time(with_time(bytes, 77, 5), 78, 6));
    ASSERT_TRUE(stamped);
    EXPECT_EQ(stamped->time_ms, 78U);
    stamped->time_ms = 9;
    stamped->wall_ms = 10;
    EXPECT_EQ(encode(*stamped), bytes);
  }
}

TEST(CommandWire, ForeignBytesNeverCrashAndWhatParsesMayBeApplied) {
  Random random{7};
  const auto all = encoded_commands();
  Swarm swarm;
  swarm.add_dataset();
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes = all[random.below(all.size())];
    for (std::uint64_t flips = random.below(4); flips > 0; --flips)
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    if (random.chance(0.2)) bytes.resize(random.below(bytes.size()));
    const auto decoded = decode_command(bytes);
    if (!decoded) continue;
    const auto applied = apply(swarm.view, {static_cast<std::uint64_t>(i) + 10}, *decoded);
    if (random.chance(0.1)) swarm.view.commit(applied.changes);
  }
  SUCCEED() << "no input stopped the process";
}

TEST(EntityWire, AStudyAndATrialSurviveTheirBytes) {
  Swarm swarm;
  swarm.add_dataset();
  swarm.create_study(2);
  swarm.queue(0);
  swarm.finish(0, swarm.start(0), 1.25);
  auto study = swarm.study();
  study.all_final_below = 1;
  study.result.emplace();
  study.result->cost = {.bytes = 4711, .predict_ms = 0.5};
  study.result->candidate_costs = {{.number = 3, .cost = {.bytes = 9, .predict_ms = 1e-3}}};
  study.paused_ms = 5;
  EXPECT_EQ(decode_study(encode(study)).value(), study);
  auto trial = swarm.trial(0);
  EXPECT_EQ(decode_trial(encode(trial)).value(), trial);
  trial.queued_at = node_of(3);
  trial.estimate_mb = 7;
  trial.rungs = {0.5};
  trial.cost = {.bytes = 4711, .predict_ms = 0.5};
  trial.ends = {1, 2, 3, 4, 5};
  trial.past = {{{9, node_of(1)}, AttemptEnd::made_way, 11, "short"}};
  EXPECT_EQ(decode_trial(encode(trial)).value(), trial);
  EXPECT_EQ(decode_study("\xff\xff").error().code, Errc::corrupt);
}

TEST(OutcomeWire, KeepsTheError) {
  const Outcome outcome{.id = "i", .number = 3, .error = Error{Errc::conflict, "why"}};
  const auto decoded = decode_outcome(encode(outcome)).value();
  EXPECT_EQ(decoded.error, outcome.error);
  EXPECT_EQ(decoded.number, 3U);
}

}  // namespace
}  // namespace starling::ml
