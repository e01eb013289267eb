// A world of faults that lets a planted bug pass proves too little: with each bug of the rules and
// of the scheduler (node/base/mutant.h) some seed must show something wrong.
#include "tests/ml/trial_world.h"
#include "tests/support/planted_bug.h"

#include <gtest/gtest.h>

#include <string>

namespace starling::ml {
namespace {

constexpr int kSteps = 20'000;
constexpr std::uint64_t kSeeds = 60;
constexpr std::uint64_t kControlSeeds = 10;  // trial_world_test runs more

struct Planted {
  int mutant;
  const char* bug;
};

/// Compared with a run without the bug, in which nothing goes wrong either.
bool shows(const WorldOptions& options, const WorldEnd& calm) {
  const std::uint64_t seeds = active_mutant == 0 ? kControlSeeds : kSeeds;
  for (std::uint64_t seed = 0; seed < seeds; ++seed)
    if (!faults_of(TrialWorld{seed, options}.run(kSteps), calm).empty()) return true;
  return false;
}

bool is_noticed(const WorldEnd& calm, const WorldEnd& pruned) {
  return shows({.rooms = five_nodes()}, calm) || shows(with_pruner(five_nodes(), true), pruned);
}

class TrialMutants : public testing::TestWithParam<Planted> {};

TEST_P(TrialMutants, AreNoticed) {
  if (tests::kIsSanitized) GTEST_SKIP() << "with sanitizers it takes long, and finds no more";
  const auto calm = TrialWorld{1, {.rooms = five_nodes(), .has_faults = false}}.run(kSteps);
  const auto pruned = TrialWorld{1, with_pruner(five_nodes(), false)}.run(kSteps);
  const bool fell =
      tests::falls(GetParam().mutant, [&calm, &pruned] { return is_noticed(calm, pruned); });
  EXPECT_EQ(fell, GetParam().mutant != 0) << GetParam().bug;
}

INSTANTIATE_TEST_SUITE_P(
    Planted,
    TrialMutants,
    testing::Values(Planted{0, "none: nothing may be noticed"},
                    Planted{201, "the word of any attempt is accepted"},
                    Planted{202, "a result replaces one that was accepted"},
                    Planted{203, "a node starts what waits in another's queue"},
                    Planted{204, "what runs is started again"},
                    Planted{205, "a later attempt is taken back in place of the one that was lost"},
                    Planted{206, "a deposed leader's trials are drawn once more"},
                    Planted{207, "who comes too late steals all the same"},
                    Planted{208, "the last completed trial is the best"},
                    Planted{209, "trials are passed over that are not final"},
                    Planted{210, "whatever ends an attempt counts as a crash"},
                    Planted{211, "a moved trial is taken from the attempt that runs now"},
                    Planted{212, "memory is not looked at"},
                    Planted{213, "slots are not counted"},
                    Planted{214, "a trial is drawn from all that has ended by then"},
                    Planted{215, "a trial is pruned by what has ended by then"},
                    Planted{216, "trials of dead nodes are not taken back"},
                    Planted{217, "who lacked memory gets no more"}),
    [](const auto& each) { return "M" + std::to_string(each.param.mutant); });

}  // namespace
}  // namespace starling::ml
