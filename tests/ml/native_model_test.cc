#include "ml/train/native_model.h"

#include "ml/train/native_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace starling::ml {
namespace {

using testing::HasSubstr;

NativeModel small_model() {
  NativeModel model;
  model.net.inputs = 2;
  model.net.outputs = 1;
  model.net.hidden = hidden_layers({3});
  model.scale = 2.5;
  model.shift = -0.1;
  for (int i = 0; i < (2 + 1) * 3 + (3 + 1) * 1; ++i)
    model.weights.push_back(0.5F * static_cast<float>(i));
  return model;
}

TEST(NativeModel, ComesBackTheSame) {
  const auto back = read_native_model(to_torchscript(small_model()).value());
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(*back, small_model());
}

TEST(NativeModel, LogarithmsComeBackAsNumbers) {
  NativeModel model = small_model();
  model.is_log = true;
  EXPECT_EQ(read_native_model(to_torchscript(model).value()).value(), model);
  std::vector<float> outputs{0, 1.5F};
  scale_outputs(outputs, 2, -1, true);
  EXPECT_FLOAT_EQ(outputs[0], std::exp(-1.0F) - 1);
  EXPECT_FLOAT_EQ(outputs[1], std::exp(2.0F) - 1);
}

NativeModel model_of_all_parts() {
  NativeModel model;
  model.net = {
      .inputs = 9,
      .outputs = 3,
      .hidden = hidden_layers({5, 5}, {.activation = Activation::silu, .norm = Norm::batch})};
  model.net.is_residual = true;
  model.net.members = 4;
  model.net.embedding.kind = NumberEmbedding::piecewise;
  model.net.embedding.numbers = {0, 2};
  model.net.embedding.bins = 3;
  model.net.embedding.levels = {{4, 2}, {7, 1}};
  model.is_regression = false;
  model.weights = first_values(model.net, 3);
  return model;
}

TEST(NativeModel, EveryPartComesBackTheSame) {
  NativeModel model = model_of_all_parts();
  model.net.embedding.frequency_scale = InputEmbedding{}.frequency_scale;
  const auto back = read_native_model(to_torchscript(model).value());
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(*back, model);
}

/// Layers of one kind are written as older programs read them.
TEST(NativeModel, LayersOfTheirOwnKindsComeBack) {
  NativeModel model = model_of_all_parts();
  EXPECT_THAT(to_torchscript(model).value(), HasSubstr(R"("activation":"silu")"));
  model.net.hidden[0].activation = Activation::softmax;
  model.net.hidden[1].norm = Norm::layer;
  model.weights = first_values(model.net, 3);
  const std::string file = to_torchscript(model).value();
  EXPECT_THAT(file, HasSubstr(R"("activation":["softmax","silu"])"));
  const auto back = read_native_model(file);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(*back, model);
}

TEST(NativeModel, EmbeddingsThatCannotBeAreRefused) {
  for (const auto change : {+[](InputEmbedding& e) {
                              e.numbers = {2, 0};
                            },
                            +[](InputEmbedding& e) {
                              e.numbers = {0, 4};
                            },
                            +[](InputEmbedding& e) {
                              e.levels = {{7, 1}, {4, 2}};
                            },
                            +[](InputEmbedding& e) {
                              e.levels = {{4, 2}, {5, 1}};
                            },
                            +[](InputEmbedding& e) { e.width = 2048; },
                            +[](InputEmbedding& e) { e.bins = 2000; },
                            +[](InputEmbedding& e) { e.kind = NumberEmbedding::none; }}) {
    NativeModel model = model_of_all_parts();
    change(model.net.embedding);
    model.weights = first_values(model.net, 3);
    EXPECT_FALSE(read_native_model(to_torchscript(model).value()));
  }
}

/// Epochs of rows in new orders, a schedule, dropout: none of it remembers what was before.
TEST(NativeLearner, GoesOnFromAStateAsIfThereHadBeenNoPause) {
  FitData data;
  Matrix features{100, 3, {}};
  for (int i = 0; i < 300; ++i)
    features.values.push_back(static_cast<float>(i * 37 % 101) / 50);
  for (int i = 0; i < 100; ++i)
    data.numbers.push_back(static_cast<float>(i * 37 % 13) / 6);
  data.features = EncodedRows{std::move(features)};
  MlpSpec spec;
  spec.epochs = 6;
  spec.schedule = RateSchedule::cosine;
  spec.norm = Norm::batch;
  spec.embedding = NumberEmbedding::piecewise;
  NativeEngine engine;
  const auto whole = engine.make_learner(spec, {}, data, 4);
  std::stringstream state;
  for (int epoch = 0; epoch < 6; ++epoch) {
    if (epoch == 2) whole->remember();
    if (epoch == 3) whole->save(state);
    whole->train_epoch();
  }
  EXPECT_EQ(state.str().size(), whole->state_bytes());
  const auto resumed = engine.make_learner(spec, {}, data, 4);
  resumed->restore(state);
  for (int epoch = 3; epoch < 6; ++epoch)
    resumed->train_epoch();
  EXPECT_EQ(resumed->script(), whole->script());
  resumed->recall();
  whole->recall();
  EXPECT_EQ(resumed->script(), whole->script());
  EXPECT_THROW(resumed->restore(state), std::runtime_error) << "nothing is left of it";
}

TEST(NativeModel, DamageIsNoticedOrDoesNotMatter) {
  const std::string bytes = to_torchscript(small_model()).value();
  std::size_t refused = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    const auto read = read_native_model(damaged);
    EXPECT_EQ(read ? *read : small_model(), small_model()) << "byte " << i;
    refused += read ? 0 : 1;
    EXPECT_FALSE(read_native_model(std::string_view{bytes}.substr(0, i))) << "cut at " << i;
  }
  EXPECT_GT(refused, 100U);
}

TEST(NativeModel, TheSameNetworkMakesTheSameBytes) {
  EXPECT_EQ(to_torchscript(small_model()).value(), to_torchscript(small_model()).value());
}

TEST(NativeModel, OtherFilesAreNone) {
  EXPECT_TRUE(is_native_model(to_torchscript(small_model()).value()));
  EXPECT_FALSE(is_native_model(""));
  EXPECT_FALSE(is_native_model("PK\x03\x04 and what not"));
}

TEST(NativeModel, AHeadThatDoesNotFitItsWeightsIsRefused) {
  for (const auto change :
       {+[](NativeModel& model) { model.net.outputs = 0; },
        +[](NativeModel& model) { model.scale = NAN; },
        +[](NativeModel& model) { model.net.hidden = hidden_layers({(1 << 16) + 1}); },
        +[](NativeModel& model) { model.net.hidden.assign(100, {.width = 1}); }}) {
    NativeModel model = small_model();
    change(model);
    model.weights.assign(tensors_of(model.net).values(), 1);
    EXPECT_FALSE(read_native_model(to_torchscript(model).value()));
  }
}

}  // namespace
}  // namespace starling::ml
