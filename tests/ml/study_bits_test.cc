// Trials on real tables give the same model file, byte for byte, with each set of kernels.
#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "ml/search/sampler.h"
#include "ml/train/native_engine.h"
#include "ml/train/trial_data.h"
#include "node/base/random.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace starling::ml {
namespace {

struct RealTable {
  std::string file, target;
};

std::vector<RealTable> real_tables() {
  const std::string shared = std::string{STARLING_SHARED_DIR} + "/data/";
  return {{std::string{STARLING_SOURCE_DIR} + "/data/insurance.csv", "charges"},
          {shared + "titanic/titanic.csv", "Survived"}};
}

std::string model_of(const Kernels& kernels,
                     const FamilySpec& spec,
                     const TrialRound& round,
                     int epochs) {
  NativeEngine engine{kernels};
  const auto learner = engine.make_learner(spec, round.encoder.target(), round.fit, 7);
  for (int epoch = 0; epoch < epochs; ++epoch)
    learner->train_epoch();
  return learner->script();
}

class StudyBits : public testing::TestWithParam<SearchSpace (*)()> {
 protected:
  /// Draws as a study would, and trains each.
  void expect_same(const RealTable& table, int trials, const Kernels& a, const Kernels& b) {
    Random random{3};
    for (int trial = 0; trial < trials; ++trial) {
      WorkTask task;
      task.dataset_path = table.file;
      task.target = table.target;
      task.params = sample_random(GetParam()(), random);
      const auto data = load_trial_data(task);
      ASSERT_TRUE(data) << data.error().detail;
      const auto spec = family_spec_from(task.params);
      ASSERT_TRUE(spec) << spec.error().detail;
      const int epochs = &a == &portable_kernels() ? 1 : 4;
      EXPECT_EQ(model_of(a, *spec, data->rounds[0], epochs),
                model_of(b, *spec, data->rounds[0], epochs))
          << table.file << ", trial " << trial;
    }
  }
};

TEST_P(StudyBits, AreThoseOfEverySetOfKernels) {
  for (const RealTable& table : real_tables()) {
    if (avx2_kernels() == nullptr) GTEST_SKIP() << "this machine has no AVX2: nothing to compare";
    expect_same(table, 1, portable_kernels(), *avx2_kernels());
    if (avx512_kernels() == nullptr)
      GTEST_SKIP() << "this machine has no AVX-512: AVX2 was compared";
    expect_same(table, 6, *avx2_kernels(), *avx512_kernels());
  }
}

INSTANTIATE_TEST_SUITE_P(Spaces,
                         StudyBits,
                         testing::Values(
                             +[] { return default_space(); }, +[] { return nexusops_space(500); }),
                         [](const auto& param_info) {
                           return param_info.index == 0 ? "usual" : "nexusops";
                         });

}  // namespace
}  // namespace starling::ml
