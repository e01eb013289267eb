#include "ml/train/boosted_trees.h"

#include "ml/train/native_model.h"
#include "ml/train/tree_check.h"
#include "node/base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>
#include <xgboost/c_api.h>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kAttribute = "starling";
constexpr int kFormat = 1;
constexpr std::size_t kBatchFloats = 1 << 20;  // 4 MB
constexpr std::uint64_t kSeedOfTrees = 2;      // the library takes 31 bits of a mixed seed

/// The library's words become an exception of this program.
void check(int code) {
  if (code == 0) return;
  const std::string_view what = XGBGetLastError();
  if (what.find("bad_alloc") != std::string_view::npos) throw std::bad_alloc();
  throw std::runtime_error(fmt::format("XGBoost: {:.300}", what));
}

struct FreeMatrix {
  void operator()(void* matrix) const { XGDMatrixFree(matrix); }
};

struct FreeBooster {
  void operator()(void* booster) const { XGBoosterFree(booster); }
};

using MatrixHandle = std::unique_ptr<void, FreeMatrix>;
using Booster = std::unique_ptr<void, FreeBooster>;

/// Floats as NumPy's array interface tells of them.
std::string array_of(const float* data, std::size_t rows, std::size_t columns) {
  return fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                     reinterpret_cast<std::uintptr_t>(data),
                     rows,
                     columns);
}

/// Hands the library batch after batch of encoded rows.
class Batches {
 public:
  Batches(const EncodedRows& rows, std::vector<float> labels, std::span<const float> weights)
      : rows_(rows),
        labels_(std::move(labels)),
        weights_(weights),
        batch_(std::clamp<std::size_t>(kBatchFloats / std::max<std::size_t>(1, rows.columns()),
                                       1,
                                       std::max<std::size_t>(1, rows.rows()))),
        spread_(batch_ * rows.columns()) {
    void* proxy = nullptr;
    check(XGProxyDMatrixCreate(&proxy));
    proxy_.reset(proxy);
  }

  /// With the bins of `bins_of`, if there is one.
  MatrixHandle quantiles(std::uint32_t max_bin, void* bins_of) {
    const std::string config =
        fmt::format(R"({{"missing":NaN,"nthread":1,"max_bin":{}}})", max_bin);
    void* made = nullptr;
    const int code = XGQuantileDMatrixCreateFromCallback(
        this, proxy_.get(), bins_of, &Batches::reset, &Batches::next, config.c_str(), &made);
    MatrixHandle matrix{code == 0 ? made : nullptr};
    if (!failure_.empty()) throw std::runtime_error(failure_);
    check(code);
    return matrix;
  }

 private:
  static void reset(void* self) { static_cast<Batches*>(self)->from_ = 0; }

  /// 1 if there was one more.
  static int next(void* self) { return static_cast<Batches*>(self)->give() ? 1 : 0; }

  bool give() {
    const std::size_t count = std::min(batch_, rows_.rows() - from_);
    if (count == 0) return false;
    for (std::size_t i = 0; i < count; ++i)
      rows_.spread(from_ + i, spread_.data() + i * rows_.columns());
    const std::string data = array_of(spread_.data(), count, rows_.columns());
    bool is_given = XGProxyDMatrixSetDataDense(proxy_.get(), data.c_str()) == 0;
    if (!labels_.empty()) {
      const float* labels = labels_.data() + from_;
      is_given = is_given && XGDMatrixSetDenseInfo(proxy_.get(), "label", labels, count, 1) == 0;
    }
    if (!weights_.empty()) {
      const float* weights = weights_.data() + from_;
      is_given = is_given && XGDMatrixSetDenseInfo(proxy_.get(), "weight", weights, count, 1) == 0;
    }
    from_ += count;
    if (!is_given) failure_ = fmt::format("XGBoost: {:.300}", XGBGetLastError());
    return is_given;
  }

  const EncodedRows& rows_;
  std::vector<float> labels_;
  std::span<const float> weights_;
  std::size_t batch_;
  std::vector<float> spread_;
  MatrixHandle proxy_;
  std::size_t from_ = 0;
  std::string failure_;  ///< what went wrong while the library called
};

std::vector<float> labels_of(const FitData& data) {
  if (!data.numbers.empty()) return data.numbers;
  return {data.classes.begin(), data.classes.end()};
}

/// What the model's file says of its outputs.
struct TreeHead {
  bool is_regression = true;
  std::size_t outputs = 1;
  double scale = 1, shift = 0;
  bool is_log = false;
};

TreeHead head_of(const TargetCoding& target) {
  if (target.task == TaskKind::regression) return {true, 1, target.std, target.mean, target.is_log};
  return {.is_regression = false, .outputs = target.classes.size()};
}

std::string to_text(const TreeHead& head) {
  return Json{{"format", kFormat},
              {"task", head.is_regression ? "regression" : "classes"},
              {"outputs", head.outputs},
              {"scale", head.scale},
              {"shift", head.shift},
              {"log1p", head.is_log}}
      .dump();
}

TreeHead read_head(void* booster) {
  const char* text = nullptr;
  int is_there = 0;
  check(XGBoosterGetAttr(booster, kAttribute, &text, &is_there));
  const Json json = is_there != 0 ? Json::parse(text, nullptr, false) : Json{};
  try {
    if (json.at("format") != kFormat) throw std::invalid_argument("another format");
    return {json.at("task") == "regression",
            json.at("outputs").get<std::size_t>(),
            json.at("scale").get<double>(),
            json.at("shift").get<double>(),
            json.at("log1p").get<bool>()};
  } catch (const std::exception& e) {
    throw std::runtime_error(fmt::format("the trees do not say what they answer: {}", e.what()));
  }
}

/// Of two classes the library says the second's probability only.
std::vector<float> in_units(std::span<const float> said, const TreeHead& head) {
  std::vector<float> out(said.begin(), said.end());
  if (head.is_regression) {
    scale_outputs(out, head.scale, head.shift, head.is_log);
  } else if (head.outputs == 2) {
    out.clear();
    for (const float chance : said) {
      out.push_back(1 - chance);
      out.push_back(chance);
    }
  }
  return out;
}

std::span<const float> answer(const bst_ulong* sides, bst_ulong dimensions, const float* values) {
  std::size_t count = 1;
  for (bst_ulong i = 0; i < dimensions; ++i)
    count *= sides[i];
  return {values, count};
}

class TreeLearner : public Learner {
 public:
  TreeLearner(const XgboostSpec& spec,
              const TargetCoding& target,
              const FitData& data,
              std::uint64_t seed)
      : spec_(spec),
        head_(head_of(target)),
        bins_(Batches{data.features, labels_of(data), data.weights}.quantiles(spec.max_bin,
                                                                              nullptr)) {
    void* booster = nullptr;
    void* const cached[] = {bins_.get()};
    check(XGBoosterCreate(cached, 1, &booster));
    booster_.reset(booster);
    set_parameters(seed);
    check(XGBoosterSetAttr(booster_.get(), kAttribute, to_text(head_).c_str()));
  }

  double train_epoch() override;
  std::vector<float> predict(const EncodedRows& features) override;

  void remember() override { best_rounds_ = rounds_; }

  void recall() override;

  std::uint64_t state_bytes() const override { return 0; }

  void save(std::ostream&) override {}

  void restore(std::istream&) override {
    throw std::runtime_error("trees cannot be continued: they are trained from the start");
  }

  std::string script() override;

 private:
  void set_parameters(std::uint64_t seed);
  void set(const char* name, const std::string& value);
  double loss();

  XgboostSpec spec_;
  TreeHead head_;
  MatrixHandle bins_;
  Booster booster_;
  const EncodedRows* judged_ = nullptr;  ///< whose bins are kept
  MatrixHandle judged_bins_;
  int rounds_ = 0;
  int best_rounds_ = 0;
};

void TreeLearner::set(const char* name, const std::string& value) {
  check(XGBoosterSetParam(booster_.get(), name, value.c_str()));
}

void TreeLearner::set_parameters(std::uint64_t seed) {
  const bool is_binary = !head_.is_regression && head_.outputs == 2;
  set("verbosity", "0");
  set("nthread", "1");
  set("tree_method", "hist");
  set("seed", fmt::format("{}", mix_seeds(seed, kSeedOfTrees) >> 33));
  set("seed_per_iteration", "1");  // no other booster of this process moves its numbers
  set("eta", fmt::format("{}", spec_.learning_rate));
  set("max_depth", fmt::format("{}", spec_.max_depth));
  set("min_child_weight", fmt::format("{}", spec_.min_child_weight));
  set("subsample", fmt::format("{}", spec_.subsample));
  set("colsample_bylevel", fmt::format("{}", spec_.colsample_bylevel));
  set("lambda", fmt::format("{}", spec_.reg_lambda));
  set("alpha", fmt::format("{}", spec_.reg_alpha));
  set("max_bin", fmt::format("{}", spec_.max_bin));
  set("objective",
      head_.is_regression ? "reg:squarederror"
      : is_binary         ? "binary:logistic"
                          : "multi:softprob");
  set("eval_metric", head_.is_regression ? "rmse" : is_binary ? "logloss" : "mlogloss");
  set("base_score", head_.is_regression ? "0" : "0.5");  // numbers are standardised
  if (!head_.is_regression && !is_binary) set("num_class", fmt::format("{}", head_.outputs));
}

double TreeLearner::train_epoch() {
  for (std::uint32_t i = 0; i < kRoundsPerEpoch; ++i)
    check(XGBoosterUpdateOneIter(booster_.get(), rounds_++, bins_.get()));
  return loss();
}

/// The library tells it as "[9]\ttrain-rmse:0.25".
double TreeLearner::loss() {
  void* matrices[] = {bins_.get()};
  const char* names[] = {"train"};
  const char* told = nullptr;
  check(XGBoosterEvalOneIter(booster_.get(), rounds_, matrices, names, 1, &told));
  const std::string_view text = told;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw std::runtime_error("XGBoost told no loss");
  const double value = std::strtod(std::string{text.substr(colon + 1)}.c_str(), nullptr);
  return head_.is_regression ? value * value : value;
}

std::vector<float> TreeLearner::predict(const EncodedRows& features) {
  if (features.rows() == 0) return {};
  if (judged_ != &features) {
    judged_bins_ = Batches{features, {}, {}}.quantiles(spec_.max_bin, bins_.get());
    judged_ = &features;
  }
  const bst_ulong* sides = nullptr;
  bst_ulong dimensions = 0;
  const float* values = nullptr;
  check(XGBoosterPredictFromDMatrix(
      booster_.get(),
      judged_bins_.get(),
      R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true})",
      &sides,
      &dimensions,
      &values));
  auto said = in_units(answer(sides, dimensions, values), head_);
  if (said.size() != features.rows() * head_.outputs)
    throw std::runtime_error("the trees answer something else than was asked");
  return said;
}

/// The trees after the best epoch are dropped. Nothing is trained after this.
void TreeLearner::recall() {
  if (best_rounds_ == rounds_ || best_rounds_ == 0) return;
  void* sliced = nullptr;
  check(XGBoosterSlice(booster_.get(), 0, best_rounds_, 1, &sliced));
  booster_.reset(sliced);
  rounds_ = best_rounds_;
  set("nthread", "1");
}

std::string TreeLearner::script() {
  const char* bytes = nullptr;
  bst_ulong size = 0;
  check(XGBoosterSaveModelToBuffer(booster_.get(), R"({"format":"json"})", &size, &bytes));
  return {bytes, size};
}

class ServedTrees : public ServedModel {
 public:
  explicit ServedTrees(std::string_view bytes) {
    void* booster = nullptr;
    check(XGBoosterCreate(nullptr, 0, &booster));
    booster_.reset(booster);
    check(XGBoosterSetParam(booster, "nthread", "1"));
    check(XGBoosterSetParam(booster, "verbosity", "0"));
    const auto limits = check_trees(bytes);
    if (!limits) throw std::runtime_error(limits.error().detail);
    check(XGBoosterLoadModelFromBuffer(booster, bytes.data(), bytes.size()));
    head_ = read_head(booster);
    check(XGBoosterGetNumFeature(booster, &inputs_));
    const std::size_t groups = head_.is_regression || head_.outputs == 2 ? 1 : head_.outputs;
    if (static_cast<bst_ulong>(limits->columns) > inputs_ ||
        static_cast<std::size_t>(limits->groups) != groups)
      throw std::runtime_error("the trees ask for other columns or outputs than their head says");
  }

  std::vector<float> predict(const Matrix& features, std::size_t& columns) override {
    if (features.columns != inputs_) {
      throw std::invalid_argument(
          fmt::format("rows have {} numbers, the trees take {}", features.columns, inputs_));
    }
    columns = head_.outputs;
    if (features.rows == 0) return {};
    const std::string data = array_of(features.values.data(), features.rows, features.columns);
    const bst_ulong* sides = nullptr;
    bst_ulong dimensions = 0;
    const float* values = nullptr;
    check(XGBoosterPredictFromDense(
        booster_.get(),
        data.c_str(),
        R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true,
            "missing":NaN,"cache_id":0})",
        nullptr,
        &sides,
        &dimensions,
        &values));
    auto said = in_units(answer(sides, dimensions, values), head_);
    if (said.size() != features.rows * columns)
      throw std::runtime_error("the trees answer something else than their head says");
    return said;
  }

 private:
  Booster booster_;
  TreeHead head_;
  bst_ulong inputs_ = 0;
};

}  // namespace

std::unique_ptr<Learner> make_tree_learner(const XgboostSpec& spec,
                                           const TargetCoding& target,
                                           const FitData& data,
                                           std::uint64_t seed) {
  return std::make_unique<TreeLearner>(spec, target, data, seed);
}

std::unique_ptr<ServedModel> load_trees(std::string_view bytes) {
  return std::make_unique<ServedTrees>(bytes);
}

}  // namespace starling::ml
