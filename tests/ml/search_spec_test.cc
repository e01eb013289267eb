// What a trial's parameters say is read whole, or refused by name.
#include "ml/search/encoding_spec.h"
#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "ml/search/sampler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace starling::ml {
namespace {

using testing::HasSubstr;

TEST(MlpSpecParams, AreReadAndAbsentOnesKeepTheirDefaults) {
  const auto spec = mlp_spec_from({{"family", std::string{"mlp"}},
                                   {"mlp.activation", std::string{"mish"}},
                                   {"mlp.schedule", std::string{"coslog4"}},
                                   {"mlp.optimizer", std::string{"sgd"}},
                                   {"mlp.loss", std::string{"huber"}},
                                   {"mlp.label_smoothing", 0.1},
                                   {"mlp.width", std::int64_t{77}},
                                   {"encode.numbers", std::string{"anything"}}});
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(spec->activation, Activation::mish);
  EXPECT_EQ(spec->schedule, RateSchedule::coslog4);
  EXPECT_EQ(spec->optimizer, OptimizerKind::sgd);
  EXPECT_EQ(spec->loss, NumberLoss::huber);
  EXPECT_EQ(spec->label_smoothing, 0.1);
  EXPECT_EQ(spec->width, 77U);
  EXPECT_EQ(spec->n_layers, MlpSpec{}.n_layers);
}

TEST(MlpSpecParams, WrongOnesAreRefusedWithWhatTheyMayBe) {
  const auto refusal = [](const std::string& name, ParamValue value) {
    const auto spec = mlp_spec_from({{name, std::move(value)}});
    EXPECT_FALSE(spec) << name;
    return spec ? "" : spec.error().detail;
  };
  EXPECT_THAT(
      refusal("mlp.activation", std::string{"relux"}),
      HasSubstr(
          "one of relu, gelu, selu, mish, silu, tanh, sigmoid, identity, softmax, not \"relux\""));
  EXPECT_THAT(refusal("mlp.schedule", 3.0), HasSubstr("constant, cosine, coslog4, not a number"));
  EXPECT_THAT(refusal("mlp.label_smoothing", 0.9), HasSubstr("from 0 to 0.5, not 0.9"));
  EXPECT_THAT(refusal("mlp.magic", 1.0), HasSubstr("no parameter \"mlp.magic\""));
}

TEST(MlpSpecParams, EachLayerMayDiffer) {
  const auto spec = mlp_spec_from({{"mlp.n_layers", std::int64_t{3}},
                                   {"mlp.width", std::int64_t{40}},
                                   {"mlp.dropout", 0.1},
                                   {"mlp.width_2", std::int64_t{20}},
                                   {"mlp.activation_2", "softmax"},
                                   {"mlp.norm_3", "batch"},
                                   {"mlp.dropout_3", 0.5},
                                   {"mlp.width_4", std::int64_t{5}}});
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(
      layers_of(*spec),
      (std::vector<HiddenLayer>{{.width = 40, .dropout = 0.1},
                                {.width = 20, .activation = Activation::softmax, .dropout = 0.1},
                                {.width = 40, .norm = Norm::batch, .dropout = 0.5}}));
  const auto refusal = [](const std::string& name, ParamValue value) {
    return mlp_spec_from({{name, std::move(value)}}).error().detail;
  };
  EXPECT_THAT(refusal("mlp.width_16", std::int64_t{0}), HasSubstr("mlp.width_16 must be a whole"));
  EXPECT_THAT(refusal("mlp.width_17", std::int64_t{1}), HasSubstr("no parameter"));
  EXPECT_THAT(
      mlp_spec_from({{"mlp.norm_1", "batch"}, {"mlp.batch_size", std::int64_t{1}}}).error().detail,
      HasSubstr("mlp.batch_size to be 2 or more"));
}

TEST(NamedSpaces, NexusopsDrawsWhatTrialsCanTake) {
  for (const std::size_t rows : {std::size_t{999}, std::size_t{1000}}) {
    const SearchSpace space = space_named("nexusops", rows, 1).value();
    ASSERT_TRUE(check_values(space)) << check_values(space).error().detail;
    EXPECT_EQ(parse_search_space(to_json(space)).value(), space);
    Random random{1};
    std::size_t deepest = 0;
    for (int draw = 0; draw < 300; ++draw) {
      const Params params = sample_random(space, random);
      const auto spec = mlp_spec_from(params);
      ASSERT_TRUE(spec) << spec.error().detail;
      const auto layers = layers_of(*spec);
      deepest = std::max(deepest, layers.size());
      for (std::size_t i = 0; i < layers.size(); ++i) {
        EXPECT_EQ(spec->layers[i].width, layers[i].width) << "each layer was drawn";
        EXPECT_LE(layers[i].width, rows < 1000 ? 64U : 256U);
      }
      const std::size_t count = layers.size();
      EXPECT_EQ(params.contains(fmt::format("mlp.width_{}", count + 1)), false);
    }
    EXPECT_EQ(deepest, rows < 1000 ? 2U : 6U);
  }
  const auto range = [](std::size_t rows, std::string_view name) {
    const Distribution found = *nexusops_space(rows).find(name);
    std::string text = fmt::format("{} {}{}", found.low, found.high, found.log ? " log" : "");
    for (const ParamValue& choice : found.choices)
      text += " " + to_text(choice);
    return text;
  };
  EXPECT_EQ(range(999, "mlp.n_layers"), "1 2");
  EXPECT_EQ(range(999, "mlp.width_2"), "16 64 log");
  EXPECT_EQ(range(999, "mlp.dropout_1"), "0.2 0.4");
  EXPECT_EQ(range(999, "mlp.batch_size"), "0 0 8 16 32");
  EXPECT_EQ(range(1000, "mlp.n_layers"), "2 6");
  EXPECT_EQ(range(1000, "mlp.width_6"), "32 256 log");
  EXPECT_EQ(range(1000, "mlp.dropout_3"), "0.2 0.5");
  EXPECT_EQ(range(1000, "mlp.batch_size"), "0 0 16 32 64");
  EXPECT_EQ(range(1000, "mlp.activation_1"),
            "0 0 'relu' 'gelu' 'tanh' 'sigmoid' 'softmax' 'identity'");
  EXPECT_EQ(range(1000, "mlp.norm_1"), "0 0 'none' 'batch'");
  EXPECT_EQ(range(1000, "mlp.weight_decay"), "1e-06 0.01 log");
  EXPECT_EQ(range(1000, "mlp.optimizer"), "0 0 'adam' 'adamw' 'sgd'");
  EXPECT_EQ(range(1000, "mlp.beta1"), "0.85 0.99");
  EXPECT_EQ(range(1000, "mlp.learning_rate"), "1e-05 0.01 log");
  EXPECT_EQ(range(1000, "mlp.epochs"), "30 80");
  EXPECT_EQ(range(1000, "mlp.patience"), "5 12");
  EXPECT_EQ(range(1000, "mlp.grad_clip"), "0.5 3");
  EXPECT_EQ(range(1000, "mlp.schedule"), "0 0 'constant' 'cosine'");
  EXPECT_EQ(range(1000, "mlp.init"), "0 0 'xavier' 'kaiming'");
  EXPECT_EQ(nexusops_space(1000).parameters.size(), 1U + 6 * 4 + 12);
  EXPECT_THAT(space_named("optuna", 1, 1).error().detail, HasSubstr("none of default, nexusops"));
}

TEST(MlpSpecParams, OfLayersAreRead) {
  const auto spec = mlp_spec_from({{"mlp.norm", std::string{"batch"}},
                                   {"mlp.residual", std::string{"yes"}},
                                   {"mlp.embedding", std::string{"periodic"}},
                                   {"mlp.embedding_width", std::int64_t{48}},
                                   {"mlp.embedding_bins", std::int64_t{5}},
                                   {"mlp.embedding_scale", 0.7},
                                   {"mlp.level_width", std::int64_t{32}},
                                   {"mlp.members", std::int64_t{7}}});
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(spec->norm, Norm::batch);
  EXPECT_TRUE(spec->is_residual);
  EXPECT_EQ(spec->embedding, NumberEmbedding::periodic);
  EXPECT_EQ(spec->embedding_width, 48U);
  EXPECT_EQ(spec->embedding_bins, 5U);
  EXPECT_EQ(spec->embedding_scale, 0.7);
  EXPECT_EQ(spec->level_width, 32U);
  EXPECT_EQ(spec->members, 7U);
  EXPECT_THAT(
      mlp_spec_from({{"mlp.norm", "batch"}, {"mlp.batch_size", std::int64_t{1}}}).error().detail,
      HasSubstr("mlp.batch_size to be 2 or more"));
  EXPECT_THAT(mlp_spec_from({{"mlp.embedding_width", std::int64_t{20}}}).error().detail,
              HasSubstr("mlp.embedding_width must be a multiple of 16 from 16 to 128, not 20"));
}

TEST(FamilySpecParams, ChooseTheModel) {
  EXPECT_TRUE(std::holds_alternative<MlpSpec>(family_spec_from({}).value()));
  const auto trees = family_spec_from({{"family", std::string{"xgboost"}},
                                       {"encode.numbers", std::string{"quantile"}},
                                       {"xgb.learning_rate", 0.1},
                                       {"xgb.max_depth", std::int64_t{9}},
                                       {"xgb.subsample", 0.5}})
                         .value();
  const auto& spec = std::get<XgboostSpec>(trees);
  EXPECT_EQ(spec.learning_rate, 0.1);
  EXPECT_EQ(spec.max_depth, 9U);
  EXPECT_EQ(spec.subsample, 0.5);
  EXPECT_EQ(spec.reg_alpha, XgboostSpec{}.reg_alpha);
  EXPECT_THAT(family_spec_from({{"family", std::string{"ridge"}}}).error().detail,
              HasSubstr("family must be one of baseline, linear, xgboost, mlp, realmlp, resnet, "
                        "tabm, not"));
  EXPECT_THAT(family_spec_from({{"xgb.max_depth", std::int64_t{3}}}).error().detail,
              HasSubstr("no parameter \"xgb.max_depth\""));
}

TEST(FamilySpecParams, KnownNetworksAreFieldsUnderOtherNamesWithOtherDefaults) {
  const auto spec = std::get<MlpSpec>(
      family_spec_from({{"family", "realmlp"}, {"realmlp.width", std::int64_t{64}}}).value());
  EXPECT_EQ(spec.width, 64U);
  EXPECT_EQ(spec.n_layers, 3U);
  EXPECT_EQ(spec.init, WeightInit::tangent);
  EXPECT_EQ(spec.schedule, RateSchedule::coslog4);
  EXPECT_FALSE(spec.is_averaged);
  const auto tabm = std::get<MlpSpec>(family_spec_from({{"family", "tabm"}}).value());
  EXPECT_EQ(tabm.members, 16U);
  EXPECT_TRUE(std::get<MlpSpec>(family_spec_from({{"family", "resnet"}}).value()).is_residual);
  const auto recipe = [](const Params& more) {
    Params params{{"family", "realmlp"}};
    params.insert(more.begin(), more.end());
    return spec_for_classes(std::get<MlpSpec>(family_spec_from(params).value()));
  };
  EXPECT_EQ(recipe({}).learning_rate, 0.04);
  EXPECT_EQ(recipe({}).activation, Activation::selu);
  EXPECT_EQ(recipe({{"realmlp.learning_rate", 0.1}}).learning_rate, 0.1) << "as it says";
  EXPECT_EQ(recipe({{"realmlp.activation", "relu"}}).activation, Activation::relu);
  EXPECT_THAT(family_spec_from({{"family", "realmlp"}, {"realmlp.width", 0.5}}).error().detail,
              HasSubstr("realmlp.width must be a whole number"));
  EXPECT_THAT(family_spec_from({{"family", "resnet"}, {"mlp.width", 0.5}}).error().detail,
              HasSubstr("no parameter \"mlp.width\""));
  EXPECT_THAT(family_spec_from({{"family", "realmlp"}, {"realmlp.engine", "torch"}}).error().detail,
              HasSubstr("realmlp.engine torch has no realmlp.init tangent"));
}

/// What a trial would stumble over is found before the study begins.
TEST(CheckValues, FindsWhatATrialCouldNotTake) {
  const auto complaint = [](const char* json) {
    const auto fits = check_values(parse_search_space(json).value());
    return fits ? std::string{"none"} : fits.error().detail;
  };
  EXPECT_TRUE(check_values(default_space()));
  EXPECT_TRUE(check_values(default_space(kEmbeddedNumbersMax + 1)));
  EXPECT_TRUE(check_values(default_space(0)));
  EXPECT_FALSE(default_space(0).find("mlp.embedding"));
  EXPECT_EQ(complaint(R"({"family":{"type":"categorical","choices":["mlp","xgboost"]},
      "xgb.max_depth":{"type":"int","low":3,"high":9,"when":{"family":["xgboost"]}},
      "encode.numbers":{"type":"fixed","value":"robust"}})"),
            "none");
  EXPECT_THAT(complaint(R"({"family":{"type":"categorical","choices":["mlp","ridge"]}})"),
              HasSubstr("family must be one of baseline, linear, xgboost, mlp"));
  EXPECT_THAT(complaint(R"({"mlp.widht":{"type":"int","low":3,"high":9}})"),
              HasSubstr("no parameter \"mlp.widht\""));
  EXPECT_THAT(complaint(R"({"mlp.width":{"type":"int","low":3,"high":9000}})"),
              HasSubstr("from 1 to 8192, not 9000"));
  EXPECT_THAT(complaint(R"({"mlp.embedding_width":{"type":"int","low":16,"high":64}})"),
              HasSubstr("multiple of 16"));
  EXPECT_THAT(complaint(R"({"mlp.norm":{"type":"fixed","value":"batch"},
      "mlp.batch_size":{"type":"fixed","value":1}})"),
              HasSubstr("mlp.batch_size to be 2 or more"));
  EXPECT_THAT(complaint(R"({"mlp.width":{"type":"float","low":32,"high":256}})"),
              HasSubstr("mlp.width must be a whole number"));
  EXPECT_THAT(complaint(R"({"xgb.max_depth":{"type":"int","low":3,"high":9}})"),
              HasSubstr("xgb.max_depth is no parameter of family 'mlp': add \"family\": "
                        "{\"type\": \"fixed\", \"value\": \"xgboost\"}"));
  EXPECT_THAT(complaint(R"({"family":{"type":"categorical","choices":["mlp","xgboost"]},
      "mlp.width":{"type":"int","low":3,"high":9}})"),
              HasSubstr("mlp.width is no parameter of family 'xgboost': give it \"when\": "
                        "{\"family\": [\"mlp\"]}"));
  EXPECT_EQ(complaint(R"({"family":{"type":"categorical","choices":["mlp","xgboost"]},
      "mlp.embedding":{"type":"categorical","choices":["none","periodic"],
                       "when":{"family":["mlp"]}},
      "mlp.embedding_scale":{"type":"float","low":0.1,"high":1,
                             "when":{"mlp.embedding":["periodic"]}}})"),
            "none");
  EXPECT_THAT(complaint(R"({"encode.numbers":{"type":"categorical","choices":["robust","x"]}})"),
              HasSubstr("encode.numbers"));
}

TEST(EncodingSpecParams, AreReadOrRefused) {
  const auto spec = encoding_spec_from({{"encode.numbers", std::string{"quantile"}},
                                        {"encode.target", std::string{"log1p"}},
                                        {"mlp.width", std::int64_t{1}}});
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(spec->numbers, NumberScaling::quantile);
  EXPECT_TRUE(spec->has_log_target);
  EXPECT_FALSE(spec->has_balanced_classes);
  EXPECT_TRUE(encoding_spec_from({{"encode.class_weights", "balanced"}})->has_balanced_classes);
  EXPECT_EQ(encoding_spec_from({}).value(), EncodingSpec{});
  EXPECT_THAT(encoding_spec_from({{"encode.numbers", std::string{"max"}}}).error().detail,
              HasSubstr("one of robust, standard, quantile, not \"max\""));
  EXPECT_THAT(encoding_spec_from({{"encode.words", 1.0}}).error().detail,
              HasSubstr("no parameter \"encode.words\""));
}

/// Four waves: up and down again at log2(1 + 15 t) = 1, 2, 3, 4.
TEST(RateSchedules, GoWhereTheirPapersSay) {
  EXPECT_EQ(rate_at(RateSchedule::constant, 0.3), 1);
  EXPECT_DOUBLE_EQ(rate_at(RateSchedule::cosine, 0), 1);
  EXPECT_NEAR(rate_at(RateSchedule::cosine, 0.5), 0.5, 1e-12);
  EXPECT_NEAR(rate_at(RateSchedule::cosine, 1), 0, 1e-12);
  for (const double wave : {0.0, 1.0, 2.0, 3.0, 4.0})
    EXPECT_NEAR(rate_at(RateSchedule::coslog4, (std::exp2(wave) - 1) / 15), 0, 1e-9) << wave;
  for (const double wave : {0.5, 1.5, 2.5, 3.5})
    EXPECT_NEAR(rate_at(RateSchedule::coslog4, (std::exp2(wave) - 1) / 15), 1, 1e-9) << wave;
}

}  // namespace
}  // namespace starling::ml
