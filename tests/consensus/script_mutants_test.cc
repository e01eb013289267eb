// A script that cannot fail proves nothing: with a bug planted in the core
// (node/base/mutant.h), the script that is about it must fail. 14, 18 and 22 are bugs of the
// store, which scripts do not have.
#include "tests/support/planted_bug.h"
#include "tests/support/raft_script.h"
#include "tests/support/script.h"

#include <fmt/format.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

namespace starling::tests {
namespace {

struct Planted {
  int mutant;  ///< as in simulate_mutants.cc
  const char* script;
};

bool fails(const std::string& script) {
  testing::TestPartResultArray failures;
  {
    const testing::ScopedFakeTestPartResultReporter reporter{
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures};
    RaftScript stage;
    run_script(fmt::format("{}/consensus/scripts/{}.txt", STARLING_TESTS_DIR, script),
               [&](const Step& step) { return stage.run(step); });
  }
  return failures.size() > 0;
}

class ScriptMutants : public testing::TestWithParam<Planted> {};

TEST_P(ScriptMutants, MakeTheScriptFail) {
  const Planted planted = GetParam();
  const auto notices = [&planted] { return fails(planted.script); };
  EXPECT_FALSE(falls(0, notices)) << planted.script << " fails without any bug";
  EXPECT_TRUE(falls(planted.mutant, notices))
      << "bug " << planted.mutant << " is not noticed by " << planted.script;
}

INSTANTIATE_TEST_SUITE_P(Planted,
                         ScriptMutants,
                         testing::Values(Planted{1, "T03_vote_waits_for_disk"},
                                         Planted{2, "T04_append_is_said_when_durable"},
                                         Planted{3, "T01_old_term_is_not_counted"},
                                         Planted{4, "T02_vote_outlives_candidacy"},
                                         Planted{5, "T31_read_waits_for_own_term"},
                                         Planted{6, "T06_rewritten_tail_is_not_acknowledged"},
                                         Planted{7, "entry_before_must_match"},
                                         Planted{8, "T11_prevote_needs_a_log"},
                                         Planted{9, "check_quorum"},
                                         Planted{10, "leader_removes_itself"},
                                         Planted{11, "T22_campaign_counts_by_the_newest_config"},
                                         Planted{12, "T23_config_goes_with_its_entry"},
                                         Planted{13, "T23_config_goes_with_its_entry"},
                                         Planted{15, "T31_read_waits_for_own_term"},
                                         Planted{16, "T32_read_rounds_are_not_reused"},
                                         Planted{17, "T27_answers_to_a_former_record"},
                                         Planted{101, "T06_rewritten_tail_is_not_acknowledged"},
                                         Planted{102, "check_quorum"},
                                         Planted{103, "T16_transfer_with_writes_in_flight"},
                                         Planted{104, "T20_learner_never_leads"},
                                         Planted{105, "T04_append_is_said_when_durable"},
                                         Planted{106, "T29_commit_stays_within_what_is_held"},
                                         Planted{107, "T29_commit_stays_within_what_is_held"},
                                         Planted{108, "T39_snapshot_counts_when_installed"},
                                         Planted{109, "T06_rewritten_tail_is_not_acknowledged"}),
                         [](const auto& each) { return fmt::format("M{}", each.param.mutant); });

}  // namespace
}  // namespace starling::tests
