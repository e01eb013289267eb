// What a node has to look at again after entries were applied.
#include "bootstrap/study_machine.h"

#include "ml/study/answer_table.h"
#include "ml/study/study_wire.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace starling::bootstrap
