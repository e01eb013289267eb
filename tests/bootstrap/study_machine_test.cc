// What a node has to look at again after entries were applied.
#include "bootstrap/study_machine.h"

#include "ml/study/answer_table.h"
#include "ml/study/registers.h"
#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "node/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace starling::bootstrap {
namespace {

class Node {
 public:
  void apply(ml::CommandBody body, std::string key = "") {
    ml::Command command;
    command.key = std::move(key);
    command.body = std::move(body);
    const auto outcome = machine.apply(view, {++index}, ml::encode(command));
    view.commit(outcome.changes);
  }

  StudyMachine machine;
  MapView view;
  std::uint64_t index = 0;
};

TEST(StudyMachine, RegistersAndTheirKeysAreNoNews) {
  Node node;
  node.apply(ml::SetRegister{"k", "a", {}});
  node.apply(ml::SetRegister{"k", "b", {}}, ml::internal_key({1}, "x"));
  node.apply(ml::SetRegister{"k", "c", {}}, "client");
  node.apply(ml::RemoveRegister{"k", {}});
  EXPECT_FALSE(node.machine.take_news());
}

TEST(StudyMachine, OneCommandAmongRegistersIsNewsAndIsTakenOnce) {
  Node node;
  node.apply(ml::SetRegister{"k", "a", {}});
  node.apply(ml::AddToken{hash_of(to_bytes("token"))});
  node.apply(ml::SetRegister{"k", "b", {}});
  EXPECT_TRUE(node.machine.take_news());
  node.apply(ml::SetRegister{"k", "c", {}});
  EXPECT_FALSE(node.machine.take_news());
}

TEST(StudyMachine, AStateThatChangedWithoutCommandsIsNews) {
  Node node;
  EXPECT_TRUE(node.machine.take_news()) << "a snapshot was installed";
  node.apply(ml::SetRegister{"k", "a", {}});
  EXPECT_FALSE(node.machine.take_news());
  EXPECT_TRUE(node.machine.take_news());
}

TEST(StudyMachine, ASnapshotIsBelievedMoreThanWhatIsRemembered) {
  Node node;
  node.apply(ml::SetRegister{"k", "old", {}});
  Node other;
  other.index = 7;
  other.apply(ml::SetRegister{"k", "new", {}});
  node.view = other.view;
  node.index = other.index;
  node.machine.state_replaced();
  node.apply(ml::SetRegister{"k", "mine", 8});
  EXPECT_EQ(ml::find_register(node.view, "k").value().value, "mine") << "version 8 was seen";
}

TEST(StudyMachine, AKeyOfASnapshotIsNotTakenForANewOne) {
  Node leader;
  leader.index = 5;
  const auto key = ml::internal_key({5}, "x");
  leader.apply(ml::SetRegister{"k", "a", 0}, key);
  Node node;
  node.apply(ml::SetRegister{"other", "a", {}});
  node.view = leader.view;
  node.index = leader.index;
  node.machine.state_replaced();
  node.apply(ml::SetRegister{"k", "b", {}});
  node.apply(ml::SetRegister{"k", "a", 0}, key);
  EXPECT_EQ(ml::find_register(node.view, "k").value().value, "b") << "it counts once";
}

/// With and without memory, commands that are sent several times, late and out of order.
TEST(StudyMachine, DecidesAsIfItRememberedNothing) {
  Node remembers;
  MapView view;
  Random random{11};
  std::vector<ml::Command> sent;
  for (std::uint64_t index = 1; index <= 60'000; ++index) {
    ml::Command command;
    if (sent.empty() || random.below(4) > 0) {
      command.key = ml::internal_key({index - 1 - random.below(std::min<std::uint64_t>(index, 40))},
                                     std::to_string(index));
      command.body =
          ml::SetRegister{"k" + std::to_string(random.below(9)), std::to_string(index), {}};
      sent.push_back(command);
    } else {
      command = sent[sent.size() - 1 - random.below(std::min<std::uint64_t>(sent.size(), 40'000))];
    }
    const auto outcome = remembers.machine.apply(remembers.view, {index}, ml::encode(command));
    remembers.view.commit(outcome.changes);
    const auto applied = ml::apply(view, {index}, command);
    view.commit(applied.changes);
    ASSERT_EQ(outcome.result, ml::encode(applied.outcome)) << "entry " << index;
    ASSERT_EQ(outcome.changes, applied.changes) << "entry " << index;
  }
}

TEST(RecentValues, KnowNothingThatIsNotSoAndForgetWhatIsNotAskedFor) {
  constexpr std::size_t kKeys = 50;
  RecentValues recent{2'000};
  std::map<std::string, RecentValues::Value> truth;
  Random random{7};
  std::size_t known = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = std::to_string(random.below(kKeys));
    if (random.below(3) == 0) {
      RecentValues::Value value;
      if (random.below(4) > 0) value = std::string(random.below(200), 'v');
      truth[key] = value;
      recent.put(key, value);
    } else if (const auto* value = recent.find(key)) {
      ++known;
      ASSERT_EQ(*value, truth[key]) << "step " << i;
    }
  }
  EXPECT_GT(known, 1'000U);
  EXPECT_LT(known, 13'000U) << "it must not hold all";
}

}  // namespace
}  // namespace starling::bootstrap
