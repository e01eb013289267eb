// A state as a file: whole or refused, whatever happened to it on the way.
#include "ml/study/state_backup.h"

#include "ml/study/state_keys.h"
#include "node/base/state_pairs.h"

#include <gtest/gtest.h>

#include <sstream>

namespace starling::ml {
namespace {

std::shared_ptr<const MapView> state_of(
    std::initializer_list<std::pair<std::string, std::string>> pairs) {
  auto state = std::make_shared<MapView>();
  Changes changes;
  for (const auto& [key, value] : pairs)
    changes.put(key, value);
  state->commit(changes);
  return state;
}

BackupHead head() {
  BackupHead made{.swarm = {}, .index = {77}, .time_ms = 1234};
  made.swarm.bytes[0] = 9;
  return made;
}

std::string written(std::shared_ptr<const StateView> state) {
  BackupWriter writer{std::move(state), head()};
  std::string all;
  for (std::string piece = writer.next(); !piece.empty(); piece = writer.next())
    all += piece;
  return all;
}

/// Everything that is read, or why not.
Result<std::string> read(const std::string& bytes) {
  std::istringstream file{bytes};
  std::string pairs;
  const auto head_read = read_backup(source_of(file), [&pairs](const std::string& more) {
    pairs += more;
    return Result<>{};
  });
  if (!head_read) return head_read.error();
  EXPECT_EQ(*head_read, head());
  return pairs;
}

TEST(StateBackup, ComesBackAsItWas) {
  const std::string large(400'000, 'x');
  const auto pairs = read(written(state_of({{"a", "1"}, {"b", large}, {"c", large}, {"d", ""}})));
  ASSERT_TRUE(pairs) << pairs.error().detail;
  std::string wanted;
  append_pair(wanted, "a", "1");
  append_pair(wanted, "b", large);
  append_pair(wanted, "c", large);
  append_pair(wanted, "d", "");
  EXPECT_EQ(*pairs, wanted);
  EXPECT_EQ(read(written(state_of({}))).value(), "");
}

TEST(StateBackup, EveryChangedByteAndEveryEndThatComesTooEarlyIsNoticed) {
  const std::string whole = written(state_of({{"key", "value"}, {"other", "more"}}));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(read(whole.substr(0, i))) << i;
    std::string wrong = whole;
    wrong[i] = static_cast<char>(wrong[i] ^ 1);
    EXPECT_FALSE(read(wrong)) << i;
  }
}

TEST(StateBackup, MembersAndKeysStayBehind) {
  const auto state = state_of({{std::string{keys::kMembers} + "x", "1"},
                               {std::string{keys::kMemberKeys} + "x", "1"},
                               {std::string{keys::kRemoved} + "x", "1"},
                               {std::string{keys::kInvites} + "x", "1"},
                               {std::string{keys::kRing}, "secret"},
                               {keys::study("s-1"), "kept"},
                               {std::string{keys::kTime}, "kept"}});
  std::string wanted;
  append_pair(wanted, keys::kTime, "kept");
  append_pair(wanted, keys::study("s-1"), "kept");
  EXPECT_EQ(read(written(state)).value(), wanted);
}

}  // namespace
}  // namespace starling::ml
