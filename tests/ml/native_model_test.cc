#include "ml/train/native_model.h"

#include <gtest/gtest.h>

#include <cmath>

namespace starling::ml {
namespace {

NativeModel small_model() {
  NativeModel model;
  model.inputs = 2;
  model.outputs = 1;
  model.hidden = {3};
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
  for (const auto change : {+[](NativeModel& model) { model.outputs = 0; },
                            +[](NativeModel& model) { model.scale = NAN; },
                            +[](NativeModel& model) { model.hidden = {(1 << 16) + 1}; },
                            +[](NativeModel& model) { model.hidden.assign(100, 1); }}) {
    NativeModel model = small_model();
    change(model);
    model.weights.assign(weight_count(model), 1);
    EXPECT_FALSE(read_native_model(to_torchscript(model).value()));
  }
}

}  // namespace
}  // namespace starling::ml
