// Where 60 learning curves are stopped by seven pruners, next to Optuna's decisions.
#include "ml/search/pruner.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;
using Values = std::vector<double>;

class PrunerGolden : public testing::Test {
 protected:
  PrunerGolden() {
    std::ifstream file(std::string(STARLING_SHARED_DIR) + "/golden/pruner_golden.json");
    golden_ = Json::parse(file);
    curves_ = golden_["curves"].get<std::vector<Values>>();
  }

  std::vector<int> expected(const char* pruner) const {
    return golden_["decisions"][pruner].get<std::vector<int>>();
  }

  /// One trial after the other; `prunes` sees the reports so far and the completed trials.
  using Prunes =
      std::function<bool(const ReportedCurve& trial, const std::vector<ReportedCurve>& completed)>;

  std::vector<int> stops(const Prunes& prunes) const {
    std::vector<int> result;
    std::vector<ReportedCurve> completed;
    for (const Values& curve : curves_) {
      ReportedCurve trial;
      bool is_pruned = false;
      for (std::size_t i = 0; i < curve.size() && !is_pruned; ++i) {
        trial[static_cast<std::int64_t>(i + 1)] = curve[i];
        is_pruned = prunes(trial, completed);
      }
      result.push_back(static_cast<int>(trial.size()));
      if (!is_pruned) completed.push_back(trial);
    }
    return result;
  }

  /// `options_of` gives, for a trial, its table and the options at this moment.
  struct Bracket {
    RungTable* table;
    AshaOptions options;
    bool is_ready;
  };

  std::vector<int> asha_stops(
      const std::function<Bracket(std::size_t trial, bool any_completed)>& bracket_of) const {
    std::size_t trial_number = 0;
    std::size_t reached = 0;
    return stops([&](const ReportedCurve& trial, const std::vector<ReportedCurve>& completed) {
      if (trial.size() == 1) reached = 0;
      const auto [step, value] = *trial.rbegin();
      const Bracket bracket = bracket_of(trial_number, !completed.empty());
      AshaDecision decision;
      if (bracket.is_ready) decision = asha(*bracket.table, reached, step, value, bracket.options);
      for (; reached < decision.rungs_reached; ++reached) {
        if (bracket.table->size() <= reached) bracket.table->resize(reached + 1);
        (*bracket.table)[reached].push_back(value);
      }
      if (decision.prunes || trial.size() == 27) ++trial_number;
      return decision.prunes;
    });
  }

  Json golden_;
  std::vector<Values> curves_;
};

TEST_F(PrunerGolden, MedianAndPercentileEqualOptuna) {
  const auto with = [&](const PercentileOptions& options) {
    return stops([&](const ReportedCurve& trial, const std::vector<ReportedCurve>& completed) {
      return percentile_prunes(trial, completed, options);
    });
  };
  EXPECT_EQ(with({}), expected("median_default"));
  EXPECT_EQ(with({.n_warmup_steps = 3}), expected("median_5_3"));
  EXPECT_EQ(with({.percentile = 25}), expected("percentile25"));
}

TEST_F(PrunerGolden, PatientMedianEqualsOptuna) {
  const auto ours = stops([](const ReportedCurve& trial, const auto& completed) {
    return is_out_of_patience(trial, 2) && percentile_prunes(trial, completed);
  });
  EXPECT_EQ(ours, expected("patient_median"));
}

TEST_F(PrunerGolden, AshaEqualsOptuna) {
  RungTable table;
  const auto fixed = asha_stops([&](std::size_t, bool) { return Bracket{&table, {}, true}; });
  EXPECT_EQ(fixed, expected("asha_min1_eta3"));

  RungTable other;
  AshaOptions options;
  options.reduction_factor = 4;
  options.min_resource = asha_min_resource(27);
  const auto automatic = asha_stops([&](std::size_t, bool any) {
    return Bracket{&other, options, any};
  });
  EXPECT_EQ(automatic, expected("asha_auto_eta4"));
}

TEST_F(PrunerGolden, HyperbandEqualsOptuna) {
  std::map<std::size_t, RungTable> tables;
  const auto ours = asha_stops([&](std::size_t trial, bool) {
    const std::size_t bracket = hyperband_bracket("golden", trial);
    AshaOptions options;
    options.min_early_stopping_rate = static_cast<std::int64_t>(bracket);
    return Bracket{&tables[bracket], options, true};
  });
  EXPECT_EQ(ours, expected("hyperband_1_27_3"));
  EXPECT_EQ(tables.size(), 4U);
}

TEST(Pruner, NotANumberIsPruned) {
  const double nan = std::nan("");
  EXPECT_TRUE(asha({}, 0, 1, nan).prunes);
  EXPECT_TRUE(percentile_prunes({{1, nan}}, std::vector<ReportedCurve>(5, {{1, 0.5}})));
  EXPECT_FALSE(percentile_prunes({{1, 0.7}}, std::vector<ReportedCurve>(5, {{1, nan}})));
}

TEST(Pruner, DecidesOncePerInterval) {
  const std::vector<ReportedCurve> completed(5, {{2, 0.1}, {3, 0.1}, {4, 0.1}, {6, 0.1}});
  const PercentileOptions options{.n_warmup_steps = 2, .interval_steps = 2};
  ReportedCurve bad;
  std::vector<bool> decisions;
  for (const std::int64_t step : {1, 2, 3, 4, 6}) {
    bad[step] = 9;
    decisions.push_back(percentile_prunes(bad, completed, options));
  }
  EXPECT_EQ(decisions, (std::vector<bool>{false, true, false, true, true}));
}

TEST(Pruner, AshaLeapsOverRungsAndNeverOverflows) {
  EXPECT_EQ(asha({{5, 6}, {5, 6}}, 0, 4, 1.0).rungs_reached, 2U);
  const auto leap = asha({}, 0, std::numeric_limits<std::int64_t>::max() - 1, 1.0);
  EXPECT_FALSE(leap.prunes);
  EXPECT_EQ(leap.rungs_reached, 40U);  // 3^39 is the last power of 3 below 2^63.
}

TEST(Rungs, BeginAfterATwentiethButFiveEpochsAndNeverAtTheLast) {
  using testing::ElementsAre;
  EXPECT_THAT(rung_epochs(100), ElementsAre(5U, 20U, 80U));
  EXPECT_THAT(rung_epochs(200), ElementsAre(10U, 40U, 160U));
  EXPECT_THAT(rung_epochs(20), ElementsAre(5U));
  EXPECT_THAT(rung_epochs(5), ElementsAre());
  EXPECT_THAT(rung_epochs(1), ElementsAre());
  EXPECT_EQ(rung_epochs(0xffffffffU).back() % 4, 0U) << "no overflow";
}

TEST(Rungs, OfAFewTheBestGoesOnThenAQuarter) {
  const AshaOptions options{.reduction_factor = kRungFactor};
  EXPECT_EQ(rung_cutoff({}, options), std::numeric_limits<double>::infinity());
  EXPECT_EQ(rung_cutoff({3}, options), 3);
  EXPECT_EQ(rung_cutoff({3, 2, 1}, options), 1);
  EXPECT_EQ(rung_cutoff({7, 6, 5, 4, 3, 2, 1}, options), 2);
}

}  // namespace
}  // namespace starling::ml
