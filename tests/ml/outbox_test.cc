// Results that wait: on the disk until somebody has heard them.
#include "ml/work/outbox.h"

#include "ml/study/study_wire.h"
#include "tests/support/scratch_folder.h"

#include <gtest/gtest.h>

#include <fstream>

namespace starling::ml {
namespace {

Command result_of(std::uint64_t token) {
  FinishTrial finish;
  finish.study = "s-1";
  finish.token = token;
  finish.value = 0.5;
  Command command;
  command.body = finish;
  return command;
}

TEST(Outbox, KeepsUntilForgottenAndOverAStart) {
  const tests::ScratchFolder scratch;
  const auto folder = scratch.path() / "outbox";
  EXPECT_TRUE(Outbox{folder}.kept().empty());
  ASSERT_TRUE(Outbox{folder}.keep(7, result_of(7)));
  ASSERT_TRUE(Outbox{folder}.keep(8, result_of(8)));
  const auto kept = Outbox{folder}.kept();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(encode(kept.at(7)), encode(result_of(7)));
  Outbox{folder}.forget(7);
  Outbox{folder}.forget(99);
  EXPECT_EQ(Outbox{folder}.kept().size(), 1U);
}

TEST(Outbox, WhatCannotBeReadIsNotSaid) {
  const tests::ScratchFolder scratch;
  const auto folder = scratch.path() / "outbox";
  ASSERT_TRUE(Outbox{folder}.keep(7, result_of(7)));
  std::ofstream{folder / "7"} << "rot";
  std::ofstream{folder / "7.new"} << "half a file";
  EXPECT_TRUE(Outbox{folder}.kept().empty());
  EXPECT_FALSE(std::filesystem::exists(folder / "7"));
}

TEST(Outbox, RemembersWhatWasAcknowledgedBeforeARecovery) {
  const tests::ScratchFolder scratch;
  const auto folder = scratch.path() / "outbox";
  const Outbox outbox{folder};
  for (const std::uint64_t token : {7U, 8U}) {
    ASSERT_TRUE(outbox.keep(token, result_of(token)));
    outbox.note_said(token, 0);
  }
  EXPECT_TRUE(outbox.kept().empty()) << "they wait for nobody";
  EXPECT_TRUE(outbox.said_before(0).empty()) << "and no recovery came since";
  ASSERT_EQ(outbox.said_before(3).size(), 2U);
  EXPECT_EQ(encode(outbox.said_before(3).at(7)), encode(result_of(7)));
  outbox.note_said(7, 3);
  outbox.forget_said(8);
  EXPECT_TRUE(outbox.said_before(3).empty());
  EXPECT_EQ(outbox.said_before(4).size(), 1U);
}

TEST(Outbox, RemembersSoManyOnly) {
  const tests::ScratchFolder scratch;
  const Outbox outbox{scratch.path() / "outbox"};
  for (std::uint64_t token = 1; token <= Outbox::kSaidMax + 5; ++token) {
    ASSERT_TRUE(outbox.keep(token, result_of(token)));
    outbox.note_said(token, 0);
  }
  const auto remembered = outbox.said_before(1);
  EXPECT_EQ(remembered.size(), Outbox::kSaidMax);
  EXPECT_FALSE(remembered.contains(5));
  EXPECT_TRUE(remembered.contains(6));
}

TEST(Outbox, SaysWhenItCannotKeep) {
  const tests::ScratchFolder scratch;
  std::ofstream{scratch.path() / "outbox"} << "a file is in the way";
  EXPECT_FALSE((Outbox{scratch.path() / "outbox"}.keep(7, result_of(7))));
}

}  // namespace
}  // namespace starling::ml
