// What a node has to look at again after entries were applied.
#include "bootstrap/study_machine.h"

#include "ml/study/answer_table.h"
#include "ml/study/registers.h"
#include "ml/study/study_wire.h"
#include "node/base/random.h"

#include <gtest/gtest.h>

#include <map>

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
  node.apply(ml::SetRegister{"k", "mine", 8});
  EXPECT_EQ(ml::find_register(node.view, "k").value().value, "mine") << "version 8 was seen";
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
