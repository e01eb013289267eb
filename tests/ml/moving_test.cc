// When a running trial is better off on another node.
#include "ml/schedule/moving.h"

#include "tests/ml/study_fixture.h"

namespace starling::ml {
namespace {

using namespace std::chrono_literals;

NodeRoom room(std::uint8_t digit, double speed) {
  return {.id = node_of(digit),
          .slots = 1,
          .memory_budget_mb = 1000,
          .labels = {},
          .is_short = false,
          .speed = speed};
}

/// One trial that runs at node 1, 100 epochs, one a second from the 10th on.
class MovingTest : public testing::Test {
 protected:
  MovingTest() {
    swarm_.raise_level();
    swarm_.add_dataset();
    swarm_.create_study(1);
    swarm_.queue(0);
    token_ = swarm_.start(0);
    report(10);
    look(100s);
    report(20);
    look(110s);
  }

  void report(std::uint32_t epoch) {
    swarm_.run(ReportProgress{{{"s-1", 0, token_, {epoch, 1.0}}}});
  }

  void look(MonoTime now) { paces_.look(swarm_.view, active_studies(swarm_.view), now); }

  std::optional<MoveHere> move(const NodeRoom& self, const NodeRoom& owner) const {
    return faster_here(active_studies(swarm_.view), self, {owner}, paces_);
  }

  Swarm swarm_;
  std::uint64_t token_ = 0;
  PaceWatch paces_;
};

TEST_F(MovingTest, APaceIsKnownOnceTheCurveHasGrown) {
  EXPECT_NEAR(paces_.seconds_left(token_, 100).value(), 80, 1e-6);
  EXPECT_NEAR(paces_.seconds_left(token_, 15).value(), 0, 1e-6);
  EXPECT_FALSE(paces_.seconds_left(token_ + 1, 100));
  PaceWatch fresh;
  fresh.look(swarm_.view, active_studies(swarm_.view), 100s);
  EXPECT_FALSE(fresh.seconds_left(token_, 100)) << "one point is no pace";
}

TEST_F(MovingTest, ATrialGoesToANodeWhereItEndsClearlySooner) {
  const MoveHere expected{"s-1", 0, token_, node_of(1)};
  EXPECT_EQ(move(room(2, 200), room(1, 100)), expected) << "42 s for 80 s";
  EXPECT_FALSE(move(room(2, 150), room(1, 100))) << "55 s for 80 s is not clearly sooner";
  EXPECT_FALSE(move(room(2, 100), room(1, 100)));
  EXPECT_FALSE(move(room(2, 0), room(1, 100))) << "its speed is not known";
  EXPECT_FALSE(move(room(2, 200), room(1, 0)));
}

TEST_F(MovingTest, ATrialThatSoonEndsStays) {
  report(90);
  look(180s);
  EXPECT_FALSE(move(room(2, 1000), room(1, 100))) << "10 s are not worth the way";
}

TEST_F(MovingTest, ANodeThatMayNotOrCannotRunItLeavesItThere) {
  NodeRoom small = room(2, 200);
  small.memory_budget_mb = 50;
  EXPECT_FALSE(move(small, room(1, 100)));
  NodeRoom is_short = room(2, 200);
  is_short.is_short = true;
  EXPECT_FALSE(move(is_short, room(1, 100)));
  EXPECT_FALSE(swarm_.run(PauseStudy{"s-1", true}).error);
  EXPECT_FALSE(move(room(2, 200), room(1, 100))) << "what runs of a paused study ends where it is";
}

TEST_F(MovingTest, WhatHasEndedIsForgotten) {
  EXPECT_FALSE(swarm_.finish(0, token_, 1.0).error);
  look(200s);
  EXPECT_FALSE(paces_.seconds_left(token_, 100));
}

}  // namespace
}  // namespace starling::ml
