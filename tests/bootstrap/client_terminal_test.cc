#include "bootstrap/client/report_text.h"
#include "bootstrap/client/terminal.h"

#include <gtest/gtest.h>

namespace starling::bootstrap {
namespace {

const TextStyle kPlain;
const TextStyle kUnicode{.unicode = true, .colour = false, .width = 100};

TEST(Terminal, numbers_are_short_and_readable) {
  EXPECT_EQ(number_text(4521.23456), "4,521.2");
  EXPECT_EQ(number_text(-1234567.5), "-1,234,567.5");
  EXPECT_EQ(number_text(0.861234), "0.8612");
  EXPECT_EQ(number_text(0.000032), "3.2e-05");
  EXPECT_EQ(number_text(1338), "1,338");
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000000), "1,000,000");
  EXPECT_EQ(bytes_text(54288), "54.3 kB");
  EXPECT_EQ(plural_text(1, "node") + " " + plural_text(3, "node"), "1 node 3 nodes");
}

TEST(Terminal, times_change_their_unit) {
  EXPECT_EQ(duration_text(0.84), "0.8 s");
  EXPECT_EQ(duration_text(185), "3 min 05 s");
  EXPECT_EQ(duration_text(7620), "2 h 07 min");
}

TEST(Terminal, tables_are_aligned_whatever_the_letters) {
  const TextTable table{{{"name", Align::left}, {"rows", Align::right}},
                        {{"häuser", "7"}, {"x", "1,338"}}};
  EXPECT_EQ(table_text(table, kPlain),
            "name     rows\n"
            "------  -----\n"
            "häuser      7\n"
            "x       1,338\n");
  EXPECT_EQ(table_text(table, kUnicode),
            "name     rows\n"
            "──────  ─────\n"
            "häuser      7\n"
            "x       1,338\n");
}

TEST(Terminal, a_narrow_terminal_gets_cut_lines_not_broken_ones) {
  const TextTable table{{{"name", Align::left}}, {{"a long name"}}};
  const TextStyle narrow{.unicode = false, .colour = false, .width = 6};
  EXPECT_EQ(table_text(table, narrow), "name\n-----~\na lon~\n");
}

TEST(Terminal, names_cannot_steer_the_terminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\nc"), "a?[2Jb?c");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "?31m");
  EXPECT_EQ(printable("é"), "é");
}

TEST(Terminal, the_bar_shows_counts_time_and_best) {
  const Progress progress{.done = 12,
                          .total = 20,
                          .unit = "trials",
                          .running = 3,
                          .seconds = 14.2,
                          .best = "rmse 4,521.2",
                          .note = ""};
  EXPECT_EQ(
      progress_text(progress, kPlain),
      "  [##################------------] 12/20 trials, 3 running, best rmse 4,521.2, 14.2 s");
  EXPECT_EQ(progress_sentence(progress), "12/20 trials, 3 running, best rmse 4,521.2");
}

TEST(Terminal, colours_only_when_asked_for) {
  EXPECT_EQ(toned("x", Tone::good, kPlain), "x");
  EXPECT_EQ(toned("x", Tone::good, {.unicode = false, .colour = true, .width = 80}),
            "\x1b[32mx\x1b[0m");
}

Json trial(int number, double value, int width) {
  return {{"number", number},
          {"state", "completed"},
          {"value", value},
          {"params", {{"mlp.width", width}, {"mlp.dropout", 0.1}}},
          {"epochs", 50},
          {"seconds", 0.8},
          {"node_name", "node-2"}};
}

TEST(Report, the_leaderboard_has_the_best_first_and_only_what_differs) {
  const Json study = {{"metric", "rmse"}, {"direction", "minimize"}};
  Json pruned = trial(4, 1.0, 8);
  pruned["state"] = "pruned";
  const Json trials = {{"trials", {trial(1, 5000.5, 64), trial(2, 4500.25, 128), pruned}}};
  EXPECT_EQ(leaderboard_text(study, trials, 10, kPlain),
            "#  trial     rmse  width  epochs   time  node\n"
            "-  -----  -------  -----  ------  -----  ------\n"
            "1      2  4,500.2    128      50  0.8 s  node-2\n"
            "2      1  5,000.5     64      50  0.8 s  node-2\n");
}

TEST(Report, many_parameters_are_told_of_the_best_trial_only) {
  const Json study = {{"metric", "rmse"}, {"direction", "minimize"}};
  Json first = trial(1, 5000.5, 64), second = trial(2, 4500.25, 128);
  for (int i = 0; i < 12; ++i) {
    first["params"]["mlp.width_" + std::to_string(i)] = i;
    second["params"]["mlp.width_" + std::to_string(i)] = i + 20;
  }
  const std::string text = leaderboard_text(study, {{"trials", {first, second}}}, 10, kPlain);
  EXPECT_EQ(text.find("width_3  "), std::string::npos) << "no column of it: " << text;
  EXPECT_NE(text.find("\n  trial 2: "), std::string::npos) << text;
  EXPECT_NE(text.find("width_3 23"), std::string::npos) << text;
}

TEST(Report, a_maximized_metric_ranks_the_other_way) {
  const Json study = {{"metric", "r2"}, {"direction", "maximize"}};
  const Json trials = {{"trials", {trial(1, 0.5, 64), trial(2, 0.9, 128)}}};
  const std::string text = leaderboard_text(study, trials, 1, kPlain);
  EXPECT_NE(text.find("1      2  0.9"), std::string::npos) << text;
  EXPECT_EQ(text.find("0.5"), std::string::npos) << text;
}

TEST(Report, what_breaks_a_limit_comes_last) {
  const Json study = {{"metric", "rmse"}, {"direction", "minimize"}};
  Json beyond = trial(1, 1.0, 64);
  beyond["violation"] = 0.5;
  const Json trials = {{"trials", {beyond, trial(2, 2.0, 128)}}};
  const std::string text = leaderboard_text(study, trials, 1, kPlain);
  EXPECT_NE(text.find("1      2 "), std::string::npos) << text;
}

TEST(Report, json_of_another_shape_is_shown_as_absent) {
  EXPECT_EQ(leaderboard_text(Json(), Json(), 10, kPlain), "  no trial has completed\n");
  EXPECT_EQ(result_text(Json(), kPlain), "");
  EXPECT_EQ(study_progress(Json({{"trials", 3}}), 0).total, 0u);
}

}  // namespace
}  // namespace starling::bootstrap
