// bench_ml: what a training step costs, with each set of kernels, with LibTorch and in OpenBLAS's
// products alone, and what reading a table costs, as JSON on stdout. All take turns, so that what
// else the machine does meets all of them. Or what a worker's start costs.
#include "ml/engine/kernels.h"
#include "ml/train/native_engine.h"
#include "node/base/random.h"
#include "tools/bench_ml/blas.h"
#include "tools/bench_ml/csv.h"
#include "tools/bench_ml/worker_start.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#ifdef STARLING_BENCH_TORCH
#include "ml/train/torch_engine.h"
#endif

namespace starling::bench {
namespace {

using Json = nlohmann::ordered_json;
using ml::Engine;

struct Shape {
  const char* name;
  std::size_t inputs;
  std::uint32_t layers, width, batch;
  std::size_t rows;
};

constexpr Shape kShapes[] = {{"16-64-64-1, batch 128", 16, 2, 64, 128, 8192},
                             {"16-64-64-1, batch 32", 16, 2, 64, 32, 8192},
                             {"16-3x256-1, batch 256", 16, 3, 256, 256, 8192}};

ml::FitData data_for(const Shape& shape) {
  Random random{1};
  ml::FitData data;
  ml::Matrix features{shape.rows, shape.inputs, {}};
  for (std::size_t row = 0; row < shape.rows; ++row) {
    const std::size_t at = features.values.size();
    for (std::size_t c = 0; c < shape.inputs; ++c)
      features.values.push_back(static_cast<float>(random.normal()));
    data.numbers.push_back(features.values[at] * features.values[at + 1]);
  }
  data.features = ml::EncodedRows{std::move(features)};
  return data;
}

std::map<std::string, std::unique_ptr<Engine>> engines() {
  std::map<std::string, std::unique_ptr<Engine>> all;
  for (const ml::Kernels* kernels :
       {&ml::portable_kernels(), ml::avx2_kernels(), ml::avx512_kernels()})
    if (kernels != nullptr) all[kernels->name] = std::make_unique<ml::NativeEngine>(*kernels);
#ifdef STARLING_BENCH_TORCH
  all["libtorch"] = std::make_unique<ml::TorchEngine>();
#endif
  for (auto& [name, engine] : all)
    engine->prepare(1);
  return all;
}

double seconds_of(const std::function<void()>& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

Json bench_steps(const Shape& shape, int rounds) {
  const ml::FitData data = data_for(shape);
  ml::MlpSpec spec;
  spec.n_layers = shape.layers;
  spec.width = shape.width;
  spec.batch_size = shape.batch;
  spec.dropout = 0;
  ml::TargetCoding target;
  target.task = ml::TaskKind::regression;
  const auto all = engines();
  std::map<std::string, std::unique_ptr<ml::Learner>> learners;
  for (const auto& [name, engine] : all)
    learners[name] = engine->make_learner(spec, target, data, 1);
  std::vector<std::size_t> widths(shape.layers + 1, shape.width);
  widths.front() = shape.inputs;
  widths.push_back(1);
  const auto blas = blas_step(widths, shape.batch);
  const std::size_t steps = shape.rows / shape.batch;
  std::map<std::string, std::vector<double>> micros;
  const auto time = [&](const std::string& name, const std::function<void()>& epoch) {
    micros[name].push_back(seconds_of(epoch) * 1e6 / static_cast<double>(steps));
  };
  for (int round = 0; round < rounds; ++round) {
    for (const auto& [name, learner] : learners)
      time(name, [&] { learner->train_epoch(); });
    const auto products_only = [&] {
      for (std::size_t i = 0; i < steps; ++i)
        blas();
    };
    if (blas) time("openblas, products only", products_only);
  }
  Json report{{"shape", shape.name}, {"step_us", Json::object()}};
  for (auto& [name, samples] : micros) {
    std::ranges::sort(samples);
    report["step_us"][name] = {{"median", samples[samples.size() / 2]}, {"least", samples[0]}};
  }
  return report;
}

}  // namespace
}  // namespace starling::bench

int main(int argc, char** argv) {
  CLI::App app{
      "Measures training steps, the reading of a table, or a worker's start, on one core; JSON on "
      "stdout"};
  int rounds = 15;
  std::string csv;
  std::size_t megabytes = 1000;
  std::string worker, target = "charges";
  app.add_option("--rounds", rounds, "Epochs of each engine and shape, or readings of the table")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--csv", csv, "Read this CSV file instead of training")->check(CLI::ExistingFile);
  app.add_option("--megabytes", megabytes, "... its rows repeated to this size")
      ->capture_default_str();
  app.add_option("--worker", worker, "Start this worker program, for trials on the CSV file")
      ->check(CLI::ExistingFile)
      ->needs("--csv");
  app.add_option("--target", target, "... whose target this is")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  nlohmann::ordered_json report{{"rounds", rounds}};
  if (!worker.empty()) {
    report["worker"] = starling::bench::bench_worker(worker, csv, target, rounds);
  } else if (!csv.empty()) {
    report["csv"] = starling::bench::bench_csv(csv, megabytes, rounds);
  } else {
    for (const auto& shape : starling::bench::kShapes)
      report["steps"].push_back(starling::bench::bench_steps(shape, rounds));
  }
  std::puts(report.dump(1).c_str());
  return 0;
}
