// What node and worker say comes back as it was said, and nothing else is believed.
#include "ml/work/work_protocol.h"

#include "node/base/random.h"

#include <gtest/gtest.h>

namespace starling::ml {
namespace {

std::vector<WorkMessage> one_of_each() {
  WorkTask task;
  task.kind = WorkKind::final;
  task.study = "s-1";
  task.number = 7;
  task.token = 1ULL << 60;
  task.dataset_path = "/data/ünïcode \"x\".csv";
  task.columns_path = "/data/work/columns/d-1";
  task.profile_json = "{\"rows\":1}";
  task.target = "charges";
  task.task = "regression";
  task.metric = "rmse";
  task.seed = UINT64_MAX;
  task.params = {{"mlp.learning_rate", 1e-3}, {"mlp.width", std::int64_t{64}}, {"family", "mlp"}};
  task.epochs_max = 200;
  task.fixed_epochs = 12;
  task.limits.predict_ms = 0.25;
  task.limits.model_mb = 3;
  task.memory_cap_mb = 512;
  task.work_dir = "w";
  task.artifact_path = "a.zip";
  task.model_path = "m.pt";
  WorkDone done;
  done.value = 4500.25;
  done.metrics = {{"rmse", 4500.25}, {"r2", -0.5}};
  done.test = {{"mae", 1e-9}};
  done.best_epoch = 3;
  done.epochs = 19;
  done.seconds = 0.125;
  done.peak_mb = 180;
  done.split = {910, 227, 201, 2, std::string(64, 'a')};
  done.cost = ModelCost{.bytes = 4711, .predict_ms = 0.125};
  done.candidate_costs = {{.number = 3, .cost = {.bytes = 9, .predict_ms = 1e-3}}};
  done.artifact_bytes = 12345;
  done.features_json = "[]";
  done.classes = {"no", "yes"};
  return {task,
          WorkProgress{3, 0.1, 1e300},
          done,
          WorkFailed{"diverged", "line\nbreak"},
          ServeReady{42},
          PredictRequest{9, 2, 3, {1, 2.5F, -3e-38F, 4, 5, 6}},
          PredictRequest{10, 0, 3, {}},
          PredictAnswer{9, 2, {0.25F, 0.75F}, ""},
          PredictAnswer{9, 1, {1, 2, 3, 4, 5}, "it failed"},
          SpawnChild{1},
          KillChild{2},
          ChildSpawned{1, 4711},
          ChildExited{1, 4711, 2, 9, 155},
          WorkCheckpoint{7},
          WorkYield{},
          WorkYielded{8}};
}

TEST(WorkProtocol, EveryMessageComesBack) {
  for (const WorkMessage& message : one_of_each()) {
    const Bytes bytes = encode_work_message(message);
    const auto back = decode_work_message(bytes);
    ASSERT_TRUE(back) << back.error().detail << as_text(bytes);
    EXPECT_EQ(*back, message) << as_text(bytes);
  }
}

TEST(WorkProtocol, CutMessagesAreRefused) {
  for (const WorkMessage& message : one_of_each()) {
    const Bytes bytes = encode_work_message(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto back = decode_work_message(BytesView{bytes}.first(size));
      ASSERT_FALSE(back);
      EXPECT_EQ(back.error().code, Errc::corrupt);
    }
  }
}

TEST(WorkProtocol, DamagedMessagesNeverCrash) {
  Random random{3};
  const auto messages = one_of_each();
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = encode_work_message(messages[random.below(messages.size())]);
    for (std::uint64_t i = 0; i <= random.below(4); ++i) {
      bytes[random.below(bytes.size())] = static_cast<std::byte>(random.below(256));
    }
    const auto back = decode_work_message(bytes);
    if (!back) {
      EXPECT_EQ(back.error().code, Errc::corrupt);
    }
  }
}

TEST(WorkProtocol, FieldsOutsideTheirRangeAreRefused) {
  for (const char* text : {
           R"({"type":"progress","epoch":-1,"value":1,"train_loss":1})",
           R"({"type":"progress","epoch":1,"value":null,"train_loss":1})",
           R"({"type":"progress","epoch":4294967296,"value":1,"train_loss":1})",
           R"({"type":"failed","kind":"tired","message":""})",
           R"({"type":"predict","id":1,"rows":2,"columns":2,"values":"AACAPw=="})",
           R"({"type":"answer","id":1,"columns":0,"values":"","error":""})",
           R"({"type":"answer","id":1,"columns":1,"values":"A$==","error":""})",
           R"({"type":"spawn"})",
           R"({"type":"dance"})",
           R"(7)",
       }) {
    EXPECT_FALSE(decode_work_message(to_bytes(text))) << text;
  }
}

TEST(WorkProtocol, FailuresBecomeErrorsWithTheirCode) {
  EXPECT_EQ(to_error({"invalid", "m"}), (Error{Errc::invalid_argument, "m"}));
  EXPECT_EQ(to_error({"out_of_memory", "m"}).code, Errc::too_large);
  EXPECT_EQ(to_error({"diverged", "m"}).code, Errc::conflict);
  EXPECT_EQ(to_error({"internal", "m"}).code, Errc::io);
}

}  // namespace
}  // namespace starling::ml
