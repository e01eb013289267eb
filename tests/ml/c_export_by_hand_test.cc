// Models as C99 that no training makes: every kind of network, and what is refused.
#include "ml/engine/mlp.h"
#include "ml/ensemble/calibration.h"
#include "ml/export/c_text.h"
#include "ml/train/native_model.h"
#include "node/base/random.h"
#include "tests/ml/c_export_support.h"
#include "tests/support/scratch_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using testing::HasSubstr;
using testing::Not;
using tests::ScratchFolder;

FeatureCoding number_feature(std::string name) {
  NumberCoding coding;
  coding.centre = 0.25;
  coding.factor = 1.5;
  return {std::move(name), coding};
}

FeatureCoding category_feature(std::string name, std::vector<std::string> levels) {
  CategoryCoding coding;
  coding.levels = std::move(levels);
  return {std::move(name), coding};
}

TargetCoding target_of(std::size_t classes) {
  TargetCoding target;
  target.name = "y";
  target.task = classes == 0   ? TaskKind::regression
                : classes == 2 ? TaskKind::binary
                               : TaskKind::multiclass;
  for (std::size_t k = 0; k < classes; ++k)
    target.classes.push_back(fmt::format("class {}", k));
  return target;
}

/// Six numbers and four levels.
Encoder plain_encoder(std::size_t classes) {
  std::vector<FeatureCoding> features;
  features.reserve(7);
  for (int i = 0; i < 6; ++i)
    features.push_back(number_feature(fmt::format("n{}", i)));
  features.push_back(category_feature("level", {"a", "b", "c", "d"}));
  return Encoder{std::move(features), target_of(classes)};
}

/// Weights of all kinds within 1/2; what must be positive is.
std::vector<float> some_weights(const NetworkShape& net, std::uint64_t seed) {
  Random random{seed};
  std::vector<float> weights;
  const TensorPlan plan = tensors_of(net);
  for (const Tensor& tensor : plan.tensors) {
    const bool is_positive =
        tensor.name.starts_with("variance") || tensor.name.starts_with("bin_inverse");
    for (std::size_t i = 0; i < tensor.values(); ++i)
      weights.push_back(static_cast<float>(random.unit() - (is_positive ? -0.5 : 0.5)));
  }
  return weights;
}

NativeModel model_of(NetworkShape net, std::uint64_t seed) {
  NativeModel model;
  model.is_regression = net.outputs == 1;
  model.scale = model.is_regression ? 12.5 : 1;
  model.shift = model.is_regression ? 100 : 0;
  model.weights = some_weights(net, seed);
  model.net = std::move(net);
  return model;
}

class CExportByHand : public testing::Test {
 protected:
  Artifact artifact_of(const NativeModel& model, Encoder encoder) {
    const fs::path path = folder_.path() / fmt::format("{}.model", ++made_);
    write(path, to_torchscript(model).value());
    Artifact artifact;
    artifact.encoders.push_back(std::move(encoder));
    artifact.members.push_back({path});
    return artifact;
  }

  std::vector<RawRow> some_rows() const {
    Random random{7};
    std::vector<RawRow> rows(200);
    for (RawRow& row : rows) {
      for (int i = 0; i < 6; ++i)
        row[fmt::format("n{}", i)] = 6 * random.unit() - 3;
      row["level"] = std::string(1, static_cast<char>('a' + random.below(6)));
    }
    return rows;
  }

  /// By the engine.
  static Predictions predicted(const NativeModel& model,
                               const Artifact& artifact,
                               const std::vector<RawRow>& rows) {
    std::vector<PredictWarning> warnings;
    const auto encoded =
        artifact.encoders.front().encode(rows, MissingColumns::refuse, warnings).value();
    MlpShape shape;
    shape.net = model.net;
    shape.batch = 32;
    shape.loss = model.is_regression ? MlpLoss::squared : MlpLoss::cross_entropy;
    Mlp mlp{shape, best_kernels(), 1, MlpUse::predict};
    mlp.set_weights(model.weights);
    auto said = mlp.predict(encoded.values, encoded.rows);
    if (model.is_regression) scale_outputs(said, model.scale, model.shift, model.is_log);
    Predictions out;
    const TargetCoding& target = artifact.encoders.front().target();
    out.task = target.task;
    out.classes = target.classes;
    if (model.is_regression) out.values.assign(said.begin(), said.end());
    for (std::size_t i = 0; i < said.size() && !model.is_regression; i += target.classes.size()) {
      const auto from = said.begin() + static_cast<std::ptrdiff_t>(i);
      const auto end = from + static_cast<std::ptrdiff_t>(target.classes.size());
      out.probabilities.emplace_back(from, end);
      out.labels.push_back(
          target.classes[static_cast<std::size_t>(std::max_element(from, end) - from)]);
    }
    return out;
  }

  void expect_same(const NativeModel& model) {
    const Artifact artifact =
        artifact_of(model, plain_encoder(model.is_regression ? 0 : model.net.outputs));
    const Compiled compiled{artifact, folder_.path(), fmt::format("c{}", made_)};
    ASSERT_TRUE(compiled.compile("gcc-12"));
    const auto rows = some_rows();
    worst_ = std::max(
        worst_, compare(compiled.say(rows), predicted(model, artifact, rows), kNetworksDiffer));
    RecordProperty("worst", fmt::format("{:.3g}", worst_));
  }

  ScratchFolder folder_;
  int made_ = 0;
  double worst_ = 0;
};

TEST_F(CExportByHand, EveryActivationAndNorm) {
  for (std::size_t k = 0; k < kActivationNames.size(); ++k) {
    SCOPED_TRACE(kActivationNames[k]);
    HiddenLayer like;
    like.activation = static_cast<Activation>(k);
    like.norm = static_cast<Norm>(k % kNormNames.size());
    NetworkShape net{.inputs = 10, .outputs = k % 2 == 0 ? 1U : 3U};
    net.hidden = hidden_layers({24, 24, 7}, like);
    net.hidden[2].norm = static_cast<Norm>((k + 1) % kNormNames.size());
    net.is_residual = k % 3 != 0;
    expect_same(model_of(net, k));
  }
}

TEST_F(CExportByHand, EveryEmbeddingWithMembersAndWithout) {
  for (const NumberEmbedding kind :
       {NumberEmbedding::none, NumberEmbedding::periodic, NumberEmbedding::piecewise}) {
    for (const std::size_t members : {1U, 4U}) {
      for (const bool has_levels : {false, true}) {
        SCOPED_TRACE(fmt::format("{} {} {}", static_cast<int>(kind), members, has_levels));
        NetworkShape net{.inputs = 10, .outputs = has_levels ? 2U : 1U};
        net.hidden = hidden_layers({16, 9});
        net.members = members;
        net.embedding.kind = kind;
        if (kind != NumberEmbedding::none) net.embedding.numbers = {0, 2, 5};
        if (has_levels) net.embedding.levels = {{6, 4}};
        net.embedding.bins = 8;
        expect_same(model_of(net, 10 * members));
      }
    }
  }
}

/// Two models of different columns' encodings, one of them in the other's order.
TEST_F(CExportByHand, ABagIsTheMeanThenTemperedThenJudgedByTheThreshold) {
  const NativeModel first = model_of({.inputs = 10, .outputs = 2}, 1);
  const NativeModel second = model_of({.inputs = 2, .outputs = 2}, 2);
  Artifact artifact = artifact_of(first, plain_encoder(2));
  artifact.encoders.push_back(Encoder{{number_feature("n5"), number_feature("n0")}, target_of(2)});
  const Artifact other = artifact_of(second, artifact.encoders[1]);
  artifact.members[0].weight = 0.75;
  artifact.members.push_back({other.members[0].model, 1, 0.25});
  artifact.finish.temperature = 2.5;
  artifact.finish.rule.threshold = 0.4;
  const auto rows = some_rows();
  const Predictions ones = predicted(first, artifact, rows);
  const Predictions others = predicted(second, other, rows);
  Predictions mean = ones;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& chances = mean.probabilities[i];
    for (std::size_t k = 0; k < 2; ++k)
      chances[k] = 0.75 * chances[k] + 0.25 * others.probabilities[i][k];
    apply_temperature(artifact.finish.temperature, 2, chances);
    mean.labels[i] = mean.classes[said_class(chances, artifact.finish.rule)];
  }
  const Compiled compiled{artifact, folder_.path(), "c"};
  ASSERT_TRUE(compiled.compile("gcc-12"));
  compare(compiled.say(rows), mean, kNetworksDiffer);
  EXPECT_NE(mean.labels, ones.labels);
}

TEST_F(CExportByHand, WhatIsRareIsSaidAsTheFactorsSay) {
  const NativeModel model = model_of({.inputs = 10, .outputs = 3}, 1);
  Artifact artifact = artifact_of(model, plain_encoder(3));
  const auto rows = some_rows();
  Predictions here = predicted(model, artifact, rows);
  const auto likeliest = here.labels;
  artifact.finish.rule.factors = {1, 1.5, 4};
  for (std::size_t i = 0; i < rows.size(); ++i)
    here.labels[i] = here.classes[said_class(here.probabilities[i], artifact.finish.rule)];
  EXPECT_NE(here.labels, likeliest);
  const Compiled compiled{artifact, folder_.path(), "c"};
  ASSERT_TRUE(compiled.compile("gcc-12"));
  compare(compiled.say(rows), here, kNetworksDiffer);
  EXPECT_THAT(compiled.text(), testing::Not(HasSubstr("to say: the likeliest")));
}

TEST_F(CExportByHand, IntervalsAreThoseOfTheFinish) {
  const NativeModel model = model_of({.inputs = 10, .outputs = 1}, 1);
  Artifact artifact = artifact_of(model, plain_encoder(0));
  artifact.finish.conformal = Conformal{0.9, 1.5, {95, 100, 103}, {2, 8, 1}};
  const auto rows = some_rows();
  Predictions here = predicted(model, artifact, rows);
  for (const double value : here.values)
    here.intervals.push_back(interval_of(*artifact.finish.conformal, value));
  const Compiled compiled{artifact, folder_.path(), "c"};
  ASSERT_TRUE(compiled.compile("gcc-12"));
  compare(compiled.say(rows), here, kNetworksDiffer);
  EXPECT_THAT(compiled.text(), HasSubstr("with a chance of 0.9"));
}

TEST_F(CExportByHand, ColumnsThatMembersReadDifferentlyAreRefused) {
  Artifact artifact = artifact_of(model_of({.inputs = 10, .outputs = 1}, 1), plain_encoder(0));
  artifact.encoders.push_back(Encoder{{category_feature("n0", {"a"})}, target_of(0)});
  const auto text = c_source(artifact);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Errc::unsupported);
  EXPECT_THAT(text.error().detail, HasSubstr("column \"n0\" is of another type"));
}

TEST_F(CExportByHand, NumbersBeyondAFloatAreTheGreatestOne) {
  NativeModel model = model_of({.inputs = 10, .outputs = 1}, 3);
  model.is_log = true;
  model.scale = 1000;
  const Artifact artifact = artifact_of(model, plain_encoder(0));
  const Compiled compiled{artifact, folder_.path(), "c"};
  ASSERT_TRUE(compiled.compile("gcc-12"));
  const auto rows = some_rows();
  const auto here = predicted(model, artifact, rows);
  compare(compiled.say(rows), here, 1e-2);
  EXPECT_NE(std::ranges::find(here.values, std::numeric_limits<float>::max()), here.values.end());
}

/// Month, day and weekday of days of all years, as digits of one number.
TEST_F(CExportByHand, DatesOfAllYearsHaveTheSameParts) {
  DateCoding date;
  for (const std::size_t part : {1U, 2U, 3U}) {
    date.parts[part].scaling = NumberScaling::standard;
    date.parts[part].factor = 1;
  }
  NativeModel model = model_of({.inputs = 3, .outputs = 1}, 1);
  model.weights = {1, 100, 10000, 0};
  model.scale = 1;
  model.shift = 0;
  const Artifact artifact = artifact_of(model, Encoder{{{"day", date}}, target_of(0)});
  std::vector<RawRow> rows;
  for (double day = -719162; day < 2932896; day += 251.37)
    rows.push_back({{"day", date_text(std::floor(day * 86400))}});
  const Compiled compiled{artifact, folder_.path(), "c"};
  ASSERT_TRUE(compiled.compile("gcc-12"));
  compare(compiled.say(rows), predicted(model, artifact, rows), 1e-9);
}

TEST_F(CExportByHand, ACallWithoutARowOrWithADateThatIsNoneSaysSo) {
  DateCoding date;
  date.parts[0].factor = 1e-9;
  date.parts[3].factor = 0.5;
  Encoder encoder{{{"day", date}}, target_of(0)};
  const Artifact artifact = artifact_of(model_of({.inputs = 2, .outputs = 1}, 1), encoder);
  const Compiled compiled{artifact, folder_.path(), "c"};
  write(compiled.folder() / "main.c", R"(#include "model.c"
int main(void)
{
  struct starling_row row = {0};
  double out[STARLING_OUTPUTS] = {7}, same[STARLING_OUTPUTS];
  if (starling_predict(NULL, out) != 1 || starling_predict(&row, NULL) != 1) return 1;
  row.day = 253402300800.0;
  if (starling_predict(&row, out) != 2) return 2;
  row.day = -HUGE_VAL;
  if (starling_predict(&row, out) != 2 || out[0] != 7) return 3;
  row.day = 253402300799.0;
  if (starling_predict(&row, out) != 0 || out[0] == 7) return 4;
  row.day = NAN;
  if (starling_predict(&row, out) != 0 || starling_predict(&row, same) != 0) return 5;
  return out[0] == same[0] ? 0 : 6;
}
)");
  const std::string folder = compiled.folder().string();
  ASSERT_EQ(shell(fmt::format("cd {} && gcc-12 {} main.c -lm -o program", folder, kStrict)), 0);
  EXPECT_EQ(shell(folder + "/program"), 0) << "and the file may be included whole";
}

TEST_F(CExportByHand, TheInterfaceIsThatOfCPlusPlusToo) {
  const Artifact artifact =
      artifact_of(model_of({.inputs = 10, .outputs = 3}, 1), plain_encoder(3));
  const Compiled compiled{artifact, folder_.path(), "c"};
  write(compiled.folder() / "use.cc", R"(#define STARLING_INTERFACE_ONLY
#include "model.c"
int main() {
  double out[STARLING_OUTPUTS];
  const starling_row row = {NAN, NAN, NAN, NAN, NAN, NAN, nullptr};
  return starling_predict(&row, out) == 0 && starling_class(out) >= 0 &&
                 starling_class_names[2][6] == '2' ? 0 : 1;
}
)");
  const std::string folder = compiled.folder().string();
  ASSERT_EQ(shell(fmt::format("cd {} && gcc-12 {} -c model.c && "
                              "g++-12 -Wall -Wextra -Werror -pedantic "
                              "use.cc model.o -o program && ./program",
                              folder,
                              kStrict)),
            0);
}

TEST_F(CExportByHand, OnlyThreeHeadersOfTheStandardLibraryAreIncluded) {
  const Artifact artifact =
      artifact_of(model_of({.inputs = 10, .outputs = 3}, 1), plain_encoder(3));
  const std::string text = c_source(artifact).value();
  std::vector<std::string> included;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100U) << line;
    if (line.starts_with("#include")) included.push_back(line);
  }
  EXPECT_THAT(included,
              testing::UnorderedElementsAre(
                  "#include <math.h>", "#include <stddef.h>", "#include <string.h>"));
}

TEST_F(CExportByHand, ColumnsOfTextAreRefusedWithWhatToDo) {
  Encoder encoder{{number_feature("n"), {"note", TextCoding{}}}, target_of(0)};
  const std::size_t width = encoder.width();
  const auto text =
      c_source(artifact_of(model_of({.inputs = width, .outputs = 1}, 1), std::move(encoder)));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Errc::unsupported);
  EXPECT_THAT(text.error().detail, HasSubstr("column \"note\" holds text"));
  EXPECT_THAT(text.error().detail, HasSubstr("role \"ignore\""));
}

TEST_F(CExportByHand, WhatIsTooLargeNamesSizeAndLimit) {
  NetworkShape net{.inputs = 10, .outputs = 1};
  net.hidden = hidden_layers({700, 700});
  const auto text = c_source(artifact_of(model_of(net, 1), plain_encoder(0)));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Errc::too_large);
  EXPECT_THAT(text.error().detail, testing::ContainsRegex("takes [0-9]+ bytes"));
  EXPECT_THAT(text.error().detail, HasSubstr(fmt::format("{}", kCSourceBytesMax)));
  EXPECT_THAT(text.error().detail, HasSubstr("a refit of one trial, or the smallest candidate"));
}

TEST_F(CExportByHand, AHugeFileIsNotRead) {
  Artifact artifact = artifact_of(model_of({.inputs = 10, .outputs = 1}, 1), plain_encoder(0));
  fs::resize_file(artifact.members[0].model, 65 << 20);
  const auto text = c_source(artifact);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Errc::too_large);
}

TEST_F(CExportByHand, LevelsThatNoCStringHoldsAreRefused) {
  for (const std::string& level : {std::string("a\0b", 3), std::string(5000, 'x')}) {
    Encoder encoder{{category_feature("word", {level})}, target_of(0)};
    const auto text =
        c_source(artifact_of(model_of({.inputs = 1, .outputs = 1}, 1), std::move(encoder)));
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Errc::unsupported);
    EXPECT_THAT(text.error().detail, HasSubstr("column \"word\" has a level"));
  }
}

TEST_F(CExportByHand, ModelsThatDoNotFitAreCorrupt) {
  const auto refused = [](const Artifact& artifact) {
    const auto text = c_source(artifact);
    return text ? "" : text.error().code == Errc::corrupt ? text.error().detail : "another error";
  };
  const Artifact wide = artifact_of(model_of({.inputs = 11, .outputs = 1}, 1), plain_encoder(0));
  EXPECT_THAT(refused(wide), HasSubstr("other columns"));
  NativeModel odd = model_of({.inputs = 10, .outputs = 1}, 1);
  odd.weights[3] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refused(artifact_of(odd, plain_encoder(0))), HasSubstr("not finite"));
  Artifact none = artifact_of(model_of({.inputs = 10, .outputs = 1}, 1), plain_encoder(0));
  write(none.members[0].model, R"({"learner": 1})");
  EXPECT_THAT(refused(none), Not(HasSubstr("another")));
}

constexpr int kNodes = 60;

/// Whoever followed both of each node's ways would never end.
TEST_F(CExportByHand, TreesWhoseNodesHaveTwoParentsAreCorrupt) {
  nlohmann::json tree{{"id", 0}};
  for (int i = 0; i < kNodes; ++i) {
    const int child = i + 1 < kNodes ? i + 1 : -1;
    tree["left_children"].push_back(child);
    tree["right_children"].push_back(child);
    tree["parents"].push_back(i == 0 ? 2147483647 : i - 1);
    tree["split_indices"].push_back(0);
    tree["split_type"].push_back(0);
    tree["split_conditions"].push_back(0.5);
  }
  nlohmann::json model{{"learner",
                        {{"learner_model_param", {{"base_score", "0"}}},
                         {"objective", {{"name", "reg:squarederror"}}}}}};
  model["learner"]["attributes"]["starling"] =
      R"({"format":1,"task":"regression","outputs":1,"scale":1,"shift":0,"log1p":false})";
  model["learner"]["gradient_booster"] = {{"name", "gbtree"},
                                          {"model",
                                           {{"gbtree_model_param", {{"num_trees", "1"}}},
                                            {"tree_info", {0}},
                                            {"trees", nlohmann::json::array({tree})}}}};
  Artifact artifact = artifact_of(model_of({.inputs = 10, .outputs = 1}, 1), plain_encoder(0));
  write(artifact.members[0].model, model.dump());
  const auto text = c_source(artifact);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Errc::corrupt);
  EXPECT_THAT(text.error().detail, HasSubstr("two nodes lead to the same"));
}

TEST(CText, StringsAreWhatTheyWereInAnyCompiler) {
  EXPECT_EQ(c_string("plain 1?"), R"("plain 1?")");
  EXPECT_EQ(c_string("a\"b\\c\n"), R"("a\"b\\c\012")");
  EXPECT_EQ(c_string("?\?/ \xC3\xB6"), R"("?\077/ \303\266")");
  EXPECT_EQ(c_string("*/ /* /*/"), R"("*\057 /\052 /\052\057")");
  EXPECT_EQ(c_string(std::string_view("\00012", 3)), R"("\00012")");
}

TEST(CText, NumbersAreReadBackAsTheSameBits) {
  EXPECT_EQ(c_float(1), "1.0f");
  EXPECT_EQ(c_float(0.1F), "0.1f");
  EXPECT_EQ(c_float(-0.0F), "-0.0f");
  EXPECT_EQ(c_float(1e20F), "1e+20f");
  EXPECT_EQ(c_double(1e-5), "1e-05");
  for (const float number :
       {std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max(), 0.3333333F})
    EXPECT_EQ(std::strtof(c_float(number).c_str(), nullptr), number);
}

TEST(CText, FieldsAreIdentifiersOfTheirOwn) {
  const auto joined = [](const std::vector<std::string>& columns) {
    return fmt::format("{}", fmt::join(c_fields(columns), " "));
  };
  EXPECT_EQ(joined({"age", "Age", "charges_2"}), "age Age charges_2");
  EXPECT_EQ(joined({"int", "class", "NAN", "M_PI", "STARLING_OUTPUTS", "linux"}),
            "int_ class_ NAN_ M_PI_ STARLING_OUTPUTS_ linux_");
  EXPECT_EQ(joined({"1st", "", "\xC3\xB6", "_x_", "gr\xC3\xB6\xC3\x9F (m)"}),
            "c_1st column column_2 x gr_m");
  EXPECT_EQ(joined({"a b", "a-b", "a_b", "a_b_2", "a.b"}), "a_b_3 a_b_4 a_b a_b_2 a_b_5");
  EXPECT_EQ(joined({"int", "int_"}), "int__2 int_");
  EXPECT_EQ(joined({std::string(300, 'x')}), std::string(50, 'x'));
}

}  // namespace
}  // namespace starling::ml
