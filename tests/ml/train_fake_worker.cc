// A worker program that learns nothing but means, and fails on request: mlp.width = 1 crashes,
// 2 throws, 3 runs out of memory, 4 diverges, 5 trains until it is killed.
#include "ml/train/child_work.h"
#include "ml/train/worker_parent.h"
#include "ml/work/packet_socket.h"

#include <cmath>
#include <csignal>
#include <fstream>
#include <new>
#include <stdexcept>
#include <unistd.h>

namespace starling::ml {
namespace {

/// Predicts the mean, or the shares of the classes.
class MeanLearner : public Learner {
 public:
  MeanLearner(const MlpSpec& spec, const TargetCoding& target, const FitData& data)
      : spec_(spec), target_(target) {
    shares_.assign(std::max<std::size_t>(1, target.classes.size()), 0.0F);
    for (const std::int64_t label : data.classes) {
      shares_[static_cast<std::size_t>(label)] += 1 / static_cast<float>(data.classes.size());
    }
    if (target.classes.empty()) shares_[0] = static_cast<float>(target.mean);
  }

  double train_epoch() override {
    if (spec_.width == 1) ::raise(SIGKILL);
    if (spec_.width == 2) throw std::runtime_error("the network broke\nat some line");
    if (spec_.width == 3) throw std::bad_alloc{};
    if (spec_.width == 4) return std::nan("");
    if (spec_.width == 5) ::pause();
    return 1;
  }

  std::vector<float> predict(const EncodedRows& features) override {
    std::vector<float> out;
    for (std::size_t i = 0; i < features.rows(); ++i) {
      out.insert(out.end(), shares_.begin(), shares_.end());
    }
    return out;
  }

  void remember() override {}

  void recall() override {}

  std::uint64_t state_bytes() const override { return 0; }

  void save(std::ostream&) override {}

  void restore(std::istream&) override {}

  std::string script() override { return std::to_string(shares_.size()); }

 private:
  MlpSpec spec_;
  TargetCoding target_;
  std::vector<float> shares_;
};

/// Answers with the sum of each row, and with the class that the sum picks.
class SumModel : public ServedModel {
 public:
  explicit SumModel(std::size_t outputs) : outputs_(outputs) {}

  std::vector<float> predict(const Matrix& features, std::size_t& columns) override {
    columns = outputs_;
    std::vector<float> out;
    for (std::size_t i = 0; i < features.rows; ++i) {
      float sum = 0;
      for (std::size_t k = 0; k < features.columns; ++k) {
        sum += features.values[i * features.columns + k];
      }
      if (sum > 1e6F) ::raise(SIGKILL);
      for (std::size_t k = 0; k < outputs_; ++k) {
        const bool is_picked = k == (sum > 0 ? 1U : 0U);
        out.push_back(outputs_ == 1 ? sum : is_picked ? 1.0F : 0.0F);
      }
    }
    return out;
  }

 private:
  std::size_t outputs_;
};

class FakeEngine : public Engine {
 public:
  void prepare(std::uint32_t) override {}

  std::unique_ptr<Learner> make_learner(const FamilySpec& spec,
                                        const TargetCoding& target,
                                        const FitData& data,
                                        std::uint64_t) override {
    return std::make_unique<MeanLearner>(std::get<MlpSpec>(spec), target, data);
  }

  std::unique_ptr<ServedModel> load(const std::string& path) override {
    std::ifstream file(path);
    std::size_t outputs = 0;
    if (!(file >> outputs)) throw std::runtime_error("not a model: " + path);
    return std::make_unique<SumModel>(outputs);
  }
};

}  // namespace
}  // namespace starling::ml

int main(int, char** arguments) {
  using namespace starling::ml;
  prepare_worker_program(arguments);
  FakeEngine engine;
  return run_worker_parent(kWorkerControlFd,
                           [&](int channel) { return run_child(channel, engine); });
}
