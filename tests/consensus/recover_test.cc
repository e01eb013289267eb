// Going on with one voter when most are lost: who may, and what the log is then.
#include "consensus/group/recovery.h"
#include "consensus/group/state_chain.h"
#include "consensus/storage/memory_log_store.h"
#include "tests/support/test_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::consensus {
namespace {

using testing::HasSubstr;
using tests::node_number;

class MayRecover : public testing::Test {
 protected:
  static LogPosition at(std::uint64_t node, std::uint64_t term, std::uint64_t last) {
    return {.node = node_number(node),
            .term = {term},
            .last_term = {term},
            .last = {last},
            .commit = {last}};
  }

  std::string why_not(const std::vector<LogPosition>& others) const {
    const auto may = may_recover(at(1, 3, 100), config_, others);
    return may ? std::string{} : may.error().detail;
  }

  Config config_{
      {node_number(1), node_number(2), node_number(3), node_number(4), node_number(5)}, {}, {}};
};

TEST_F(MayRecover, WithTheVotersLostAndNobodyAhead) {
  EXPECT_EQ(why_not({}), "");
  EXPECT_EQ(why_not({at(2, 3, 100), at(9, 3, 90)}), "") << "two of five, and a leaf";
}

TEST_F(MayRecover, NotWithAMajority) {
  EXPECT_THAT(why_not({at(2, 3, 90), at(3, 3, 90)}), HasSubstr("3 of 5 voters are there"));
}

TEST_F(MayRecover, NotBesideALeader) {
  auto other = at(9, 3, 90);
  other.hears_leader = true;
  EXPECT_THAT(why_not({other}), HasSubstr("hears a leader"));
}

TEST_F(MayRecover, NotIfAnotherHoldsMore) {
  EXPECT_THAT(why_not({at(2, 3, 101)}), HasSubstr("recover there"));
  EXPECT_THAT(why_not({at(2, 4, 50)}), HasSubstr("recover there")) << "a later term counts more";
  EXPECT_EQ(why_not({at(2, 2, 500)}), "");
}

TEST_F(MayRecover, NotWithNothing) {
  EXPECT_FALSE(may_recover(at(1, 0, 0), Config{}, {}));
  EXPECT_FALSE(may_recover(at(1, 0, 0), config_, {}));
}

TEST_F(MayRecover, NotTwice) {
  auto other = at(2, 3, 90);
  other.recovery_epoch = 1;
  EXPECT_THAT(why_not({other}), HasSubstr("recovered already"));
}

TEST_F(MayRecover, InTheMiddleOfAChangeOneHalfDoesNotSuffice) {
  config_.voters = {node_number(1)};
  config_.voters_outgoing = {node_number(1), node_number(2), node_number(3)};
  EXPECT_EQ(why_not({}), "") << "the outgoing half is lost";
  EXPECT_THAT(why_not({at(2, 3, 90)}), HasSubstr("majority")) << "both halves are there";
}

TEST(LogPosition, GoesThereAndBack) {
  const LogPosition position{node_number(7), 2, {30}, {29}, {1000}, {990}, true};
  EXPECT_EQ(decode_log_position(encode_log_position(position)).value(), position);
  EXPECT_FALSE(decode_log_position(to_bytes("short")));
  Bytes wrong = encode_log_position(position);
  wrong.back() = std::byte{2};
  EXPECT_FALSE(decode_log_position(wrong));
}

/// Cannot take what is staged: its disk is full.
class FullStore : public MemoryLogStore {
 public:
  Result<> stage(std::string_view) override { return Error{Errc::io, "the disk is full"}; }
};

/// Keeps each command under its index.
class Keeping : public StateMachine {
 public:
  ApplyOutcome apply(const StateView&, LogIndex index, std::string_view command) override {
    ApplyOutcome outcome;
    outcome.changes.put(std::to_string(index.value), std::string{command});
    return outcome;
  }
};

/// Entries 1 to 9, of which six are known to be committed.
PersistBatch log_of_nine() {
  PersistBatch batch = founding_batch(node_number(1));
  Entry three{{1}, {2}, EntryKind::config, {}, {}};
  three.config.voters = {node_number(1), node_number(2), node_number(3)};
  batch.append.push_back(std::make_shared<const Entry>(three));
  for (std::uint64_t i = 3; i <= 9; ++i)
    batch.append.push_back(
        std::make_shared<const Entry>(Entry{{4}, {i}, EntryKind::command, "c", {}}));
  batch.hard = {{5}, node_number(2), {6}, 0};
  return batch;
}

TEST(RecoverAlone, ThatFailsLeavesEverythingAsItWas) {
  FullStore store;
  ASSERT_TRUE(store.persist(log_of_nine()));
  Keeping machine;
  EXPECT_FALSE(recover_alone(store, node_number(1), machine, 1, "note"));
  const auto now = store.load().value();
  EXPECT_EQ(now.applied, LogIndex{}) << "what is not known to be committed is not applied";
  EXPECT_EQ(now.hard.recovery_epoch, 0U);
  EXPECT_FALSE(store.view()->get("9"));
}

TEST(RecoverAlone, AppliesAllThereIsAndLeavesNothingThatCouldBeMistaken) {
  MemoryLogStore store;
  ASSERT_TRUE(store.persist(log_of_nine()));
  Keeping machine;
  const auto done = recover_alone(store, node_number(1), machine, 17, "note");
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->last, LogIndex{9});
  EXPECT_EQ(done->committed, LogIndex{6});

  const auto now = store.load().value();
  EXPECT_EQ(store.view()->get("9"), "c") << "the end of the log counts, committed or not";
  EXPECT_EQ(now.hard.term, Term{1005});
  EXPECT_EQ(now.hard.recovery_epoch, 17U);
  EXPECT_TRUE(now.hard.vote.is_none());
  EXPECT_EQ(now.log.base_index(), LogIndex{9 + (1 << 20)});
  EXPECT_EQ(now.log.last_index(), now.log.base_index().next()) << "the note";
  EXPECT_EQ(now.log.configs().active().voters, std::set{node_number(1)});

  // The core that starts with it leads alone.
  RaftCore core{{SwarmId{}, node_number(1)}, now, {}, 1, MonoTime{0}};
  Effects effects;
  core.tick(std::chrono::seconds{2}, effects);
  EXPECT_EQ(core.role(), Role::candidate);
}

}  // namespace
}  // namespace starling::consensus
