// The Parzen estimator against golden vectors computed by Optuna itself.
#include "ml/search/normal_distribution.h"
#include "ml/search/parzen_estimator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kTolerance = 1e-9;

Json golden(const std::string& name) {
  std::ifstream file(std::string(STARLING_SHARED_DIR) + "/golden/" + name);
  return Json::parse(file);
}

Distribution distribution_of(const Json& optuna) {
  const Json& attributes = optuna["attributes"];
  Distribution parameter;
  if (optuna["name"] == "CategoricalDistribution") {
    parameter.kind = Distribution::Kind::categorical;
    for (const Json& choice : attributes["choices"])
      parameter.choices.emplace_back(choice.get<std::string>());
    return parameter;
  }
  if (optuna["name"] == "IntDistribution") parameter.kind = Distribution::Kind::integer;
  parameter.low = attributes["low"];
  parameter.high = attributes["high"];
  parameter.log = attributes["log"];
  if (!attributes["step"].is_null()) parameter.step = attributes["step"];
  return parameter;
}

void expect_near(const std::vector<double>& ours, const Json& theirs, const std::string& what) {
  ASSERT_EQ(ours.size(), theirs.size()) << what;
  for (std::size_t i = 0; i < ours.size(); ++i)
    EXPECT_NEAR(ours[i], theirs[i].get<double>(), kTolerance) << what << " of kernel " << i;
}

void expect_kernels(const Kernels& kernels, const Json& theirs, const std::string& name) {
  if (const auto* numeric = std::get_if<NumericKernels>(&kernels)) {
    expect_near(numeric->means, theirs["mu"], name + " mean");
    expect_near(numeric->widths, theirs["sigma"], name + " width");
    EXPECT_NEAR(numeric->low, theirs["adapted_low"].get<double>(), kTolerance) << name;
    EXPECT_NEAR(numeric->high, theirs["adapted_high"].get<double>(), kTolerance) << name;
    return;
  }
  const auto& rows = std::get<CategoricalKernels>(kernels).probabilities;
  ASSERT_EQ(rows.size(), theirs["weights"].size());
  for (std::size_t k = 0; k < rows.size(); ++k)
    expect_near(rows[k], theirs["weights"][k], name + " probabilities");
}

TEST(ParzenEstimator, EqualsOptunaOnTenHistories) {
  const Json file = golden("tpe_parzen_golden.json");
  std::vector<std::string> names;
  std::vector<Distribution> parameters;
  for (const auto& [name, text] : file["space"].items()) {
    names.push_back(name);
    parameters.push_back(distribution_of(Json::parse(text.get<std::string>())));
  }
  ASSERT_EQ(file["cases"].size(), 10U);
  for (const Json& one : file["cases"]) {
    SCOPED_TRACE("n = " + one["n"].dump());
    std::vector<std::vector<double>> history;
    std::vector<Point> points(one["log_pdf"].size());
    for (const std::string& name : names) {
      history.push_back(one["observations"][name].get<std::vector<double>>());
      for (std::size_t i = 0; i < points.size(); ++i)
        points[i].push_back(one["points"][name][i].get<double>());
    }
    const ParzenEstimator estimator(parameters, history);
    expect_near(estimator.weights(), one["kernel_weights"], "weight");
    for (std::size_t p = 0; p < names.size(); ++p)
      expect_kernels(estimator.kernels(p), one["distributions"][names[p]], names[p]);
    expect_near(estimator.log_density(points), one["log_pdf"], "log density");
  }
}

TEST(ParzenEstimator, SamplesStayInRangeAndFollowTheDensity) {
  Distribution depth;
  depth.kind = Distribution::Kind::integer;
  depth.low = 1;
  depth.high = 6;
  depth.step = 1;
  const ParzenEstimator estimator({depth}, {{2, 2, 3, 5, 2, 6}});
  Random random(7);
  const std::size_t count = 200'000;
  std::vector<double> seen(7, 0);
  for (const Point& point : estimator.sample(random, count)) {
    ASSERT_TRUE(point[0] >= 1 && point[0] <= 6 && point[0] == std::floor(point[0]));
    seen[static_cast<std::size_t>(point[0])] += 1.0 / static_cast<double>(count);
  }
  double total = 0;
  for (int value = 1; value <= 6; ++value) {
    const Point point{static_cast<double>(value)};
    const double probability = std::exp(estimator.log_density({&point, 1})[0]);
    EXPECT_NEAR(seen[static_cast<std::size_t>(value)], probability, 0.005) << value;
    total += probability;
  }
  EXPECT_NEAR(total, 1, 1e-12);
}

TEST(NormalDistribution, KnowsItsTails) {
  // From tables of the normal distribution in 30-digit arithmetic.
  EXPECT_NEAR(log_normal_below(0), std::log(0.5), 1e-15);
  EXPECT_NEAR(log_normal_below(-10), -53.23128515051247, 1e-11);
  EXPECT_NEAR(log_normal_below(-40), -804.6084420137538, 1e-9);
  EXPECT_NEAR(log_normal_mass(-41, -40), -804.6084420137538, 1e-9);
  EXPECT_NEAR(log_normal_mass(40, 41), -804.6084420137538, 1e-9);
  EXPECT_NEAR(log_normal_mass(-1, 1), std::log(0.6826894921370859), 1e-14);
  EXPECT_EQ(log_normal_mass(2, 2), -std::numeric_limits<double>::infinity());
}

TEST(NormalDistribution, InversionReturnsWhereItCameFrom) {
  for (double x = -6; x <= 6; x += 0.01) {
    const double mass = 0.5 * std::erf(x / std::sqrt(2.0));
    EXPECT_NEAR(normal_from_centre(mass), x, std::abs(x) < 3 ? 1e-12 : 1e-7) << x;
  }
  EXPECT_EQ(truncated_normal(-1, 2, 0), -1);
  EXPECT_NEAR(truncated_normal(-1, 2, 1 - 1e-16), 2, 1e-12);
}

}  // namespace
}  // namespace starling::ml
