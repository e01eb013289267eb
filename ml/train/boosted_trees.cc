#include "ml/train/boosted_trees.h"

#include "ml/train/native_model.h"
#include "ml/train/tree_check.h"
#include "ml/train/tree_segments.h"
#include "ml/work/checkpoint_file.h"
#include "node/base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <istream>
#include <new>
#include <nlohmann/json.hpp>
#include <ostream>
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

std::size_t groups_of(const TreeHead& head) {
  return head.is_regression || head.outputs == 2 ? 1 : head.outputs;
}

/// Where boosting begins: `base_score`, which is no chance for several classes.
float first_margin(const TreeHead& head) {
  return groups_of(head) > 1 ? 0.5F : 0.0F;
}

Booster make_booster(void* cached) {
  void* made = nullptr;
  check(XGBoosterCreate(&cached, cached == nullptr ? 0 : 1, &made));
  Booster booster{made};
  check(XGBoosterSetParam(made, "nthread", "1"));
  check(XGBoosterSetParam(made, "verbosity", "0"));
  return booster;
}

Booster load_booster(std::string_view bytes) {
  Booster booster = make_booster(nullptr);
  check(XGBoosterLoadModelFromBuffer(booster.get(), bytes.data(), bytes.size()));
  return booster;
}

std::string bytes_of(void* booster) {
  const char* bytes = nullptr;
  bst_ulong size = 0;
  check(XGBoosterSaveModelToBuffer(booster, R"({"format":"json"})", &size, &bytes));
  return {bytes, size};
}

enum class Said { values, margins };

/// What all trees of `booster` say of rows; valid until it is asked again.
std::span<const float> ask(void* booster, void* rows, Said said) {
  const std::string config = fmt::format(
      R"({{"type":{},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true}})",
      said == Said::margins ? 1 : 0);
  const bst_ulong* sides = nullptr;
  bst_ulong dimensions = 0;
  const float* values = nullptr;
  check(XGBoosterPredictFromDMatrix(booster, rows, config.c_str(), &sides, &dimensions, &values));
  return answer(sides, dimensions, values);
}

/// Rows as bins, and what the trees of the first `segments` segments make of them.
struct BinnedRows {
  MatrixHandle bins;
  std::vector<float> margins;
  std::size_t segments = 0;

  /// Whoever is asked about the rows from now on begins at `margins`.
  void begin_there(std::size_t groups) const {
    const std::string from = array_of(margins.data(), margins.size() / groups, groups);
    check(XGDMatrixSetInfoFromInterface(bins.get(), "base_margin", from.c_str()));
  }
};

BinnedRows binned(MatrixHandle bins, std::size_t rows, const TreeHead& head) {
  return {std::move(bins), std::vector<float>(rows * groups_of(head), first_margin(head))};
}

/// What each group's margin gains; of two classes the only group is the second's.
std::vector<double> margin_adjustment(const std::vector<double>& of_classes) {
  if (of_classes.size() == 2) return {of_classes[1] - of_classes[0]};
  return of_classes;
}

template <typename T>
void put(std::ostream& out, const T* values, std::size_t count) {
  out.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(count * sizeof(T)));
}

template <typename T>
void take(std::istream& in, T* values, std::size_t count) {
  in.read(reinterpret_cast<char*>(values), static_cast<std::streamsize>(count * sizeof(T)));
  if (!in) throw std::runtime_error("the state of training is cut off");
}

/// Each epoch has a booster of its own, which begins at the margins that those before it left. All
/// that the library keeps to itself, such as the numbers by which it chooses columns, begins anew
/// with it: so training can go on from any epoch.
class TreeLearner : public Learner {
 public:
  TreeLearner(const XgboostSpec& spec,
              const TargetCoding& target,
              const FitData& data,
              std::uint64_t seed)
      : spec_(spec),
        seed_(seed),
        head_(head_of(target)),
        adjustment_(margin_adjustment(data.logit_adjustment)),
        learnt_(binned(
            Batches{data.features, labels_of(data), data.weights}.quantiles(spec.max_bin, nullptr),
            data.features.rows(),
            head_)) {}

  double train_epoch() override;
  std::vector<float> predict(const EncodedRows& features) override;

  void remember() override { progress_.best = progress_.epochs; }

  void recall() override;

  std::uint64_t state_bytes() const override;
  void save(std::ostream& out) override;
  void restore(std::istream& in) override;
  std::string script() override;

 private:
  struct Progress {
    std::uint64_t epochs = 0, best = 0;
  };

  void set_parameters();
  void set(const char* name, const std::string& value);
  double loss();
  void judge_anew(const EncodedRows& features);
  std::vector<float> judge_by(std::size_t segment);

  XgboostSpec spec_;
  std::uint64_t seed_;
  TreeHead head_;
  std::vector<double> adjustment_;  ///< of the margins of rows that are judged
  BinnedRows learnt_, judged_;
  const EncodedRows* judged_rows_ = nullptr;
  std::vector<float> said_;            ///< of them
  std::vector<std::string> segments_;  ///< one for an epoch
  Booster last_;                       ///< of the last of them, if it was trained here
  Progress progress_;
};

void TreeLearner::set(const char* name, const std::string& value) {
  check(XGBoosterSetParam(last_.get(), name, value.c_str()));
}

void TreeLearner::set_parameters() {
  const bool is_binary = !head_.is_regression && head_.outputs == 2;
  set("tree_method", "hist");
  set("seed", fmt::format("{}", mix_seeds(seed_, kSeedOfTrees) >> 33));
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
  learnt_.begin_there(groups_of(head_));
  last_ = make_booster(learnt_.bins.get());
  set_parameters();
  check(XGBoosterSetAttr(last_.get(), kAttribute, to_text(head_).c_str()));
  for (std::uint64_t i = 0; i < kRoundsPerEpoch; ++i) {
    const auto round = static_cast<int>(progress_.epochs * kRoundsPerEpoch + i);
    check(XGBoosterUpdateOneIter(last_.get(), round, learnt_.bins.get()));
  }
  const double mean = loss();
  const auto margins = ask(last_.get(), learnt_.bins.get(), Said::margins);
  learnt_.margins.assign(margins.begin(), margins.end());
  segments_.push_back(bytes_of(last_.get()));
  ++progress_.epochs;
  return mean;
}

/// The library tells it as "[9]\ttrain-rmse:0.25".
double TreeLearner::loss() {
  void* matrices[] = {learnt_.bins.get()};
  const char* names[] = {"train"};
  const char* told = nullptr;
  check(XGBoosterEvalOneIter(last_.get(), 0, matrices, names, 1, &told));
  const std::string_view text = told;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw std::runtime_error("XGBoost told no loss");
  const double value = std::strtod(std::string{text.substr(colon + 1)}.c_str(), nullptr);
  return head_.is_regression ? value * value : value;
}

std::vector<float> TreeLearner::predict(const EncodedRows& features) {
  if (features.rows() == 0) return {};
  if (segments_.empty()) throw std::logic_error("trees are asked before there is one");
  if (judged_rows_ != &features || judged_.segments > segments_.size()) judge_anew(features);
  for (std::size_t i = judged_.segments; i < segments_.size(); ++i)
    said_ = judge_by(i);
  if (said_.size() != features.rows() * head_.outputs)
    throw std::runtime_error("the trees answer something else than was asked");
  return said_;
}

void TreeLearner::judge_anew(const EncodedRows& features) {
  MatrixHandle bins = judged_rows_ == &features
                          ? std::move(judged_.bins)
                          : Batches{features, {}, {}}.quantiles(spec_.max_bin, learnt_.bins.get());
  judged_ = binned(std::move(bins), features.rows(), head_);
  for (std::size_t i = 0; i < judged_.margins.size() && !adjustment_.empty(); ++i)
    judged_.margins[i] += static_cast<float>(adjustment_[i % adjustment_.size()]);
  judged_rows_ = &features;
}

/// What the trees say up to this segment; it is the one after those that were asked.
std::vector<float> TreeLearner::judge_by(std::size_t segment) {
  judged_.begin_there(groups_of(head_));
  const bool is_last = segment + 1 == segments_.size();
  const Booster loaded = is_last && last_ ? nullptr : load_booster(segments_[segment]);
  void* booster = loaded ? loaded.get() : last_.get();
  const auto margins = ask(booster, judged_.bins.get(), Said::margins);
  judged_.margins.assign(margins.begin(), margins.end());
  judged_.segments = segment + 1;
  return is_last ? in_units(ask(booster, judged_.bins.get(), Said::values), head_)
                 : std::vector<float>{};
}

/// The trees after the best epoch are dropped.
void TreeLearner::recall() {
  if (progress_.best == 0 || progress_.best == segments_.size()) return;
  segments_.resize(progress_.best);
  last_.reset();
}

std::uint64_t TreeLearner::state_bytes() const {
  std::uint64_t bytes = sizeof(Progress) + learnt_.margins.size() * sizeof(float);
  for (const std::string& segment : segments_)
    bytes += sizeof(std::uint64_t) + segment.size();
  return bytes;
}

void TreeLearner::save(std::ostream& out) {
  put(out, &progress_, 1);
  put(out, learnt_.margins.data(), learnt_.margins.size());
  for (const std::string& segment : segments_) {
    const std::uint64_t size = segment.size();
    put(out, &size, 1);
    put(out, segment.data(), segment.size());
  }
}

void TreeLearner::restore(std::istream& in) {
  take(in, &progress_, 1);
  take(in, learnt_.margins.data(), learnt_.margins.size());
  for (std::uint64_t i = 0; i < progress_.epochs; ++i) {
    std::uint64_t size = 0;
    take(in, &size, 1);
    if (size > kCheckpointBytesMax) throw std::runtime_error("a state of trees is too large");
    std::string& segment = segments_.emplace_back(size, '\0');
    take(in, segment.data(), segment.size());
    if (const auto limits = check_trees(segment); !limits)
      throw std::runtime_error(limits.error().detail);
  }
}

std::string TreeLearner::script() {
  auto whole = joined_trees(segments_, adjustment_);
  if (!whole) throw std::runtime_error(whole.error().detail);
  return std::move(*whole);
}

class ServedTrees : public ServedModel {
 public:
  explicit ServedTrees(std::string_view bytes) {
    const auto limits = check_trees(bytes);
    if (!limits) throw std::runtime_error(limits.error().detail);
    booster_ = load_booster(bytes);
    head_ = read_head(booster_.get());
    check(XGBoosterGetNumFeature(booster_.get(), &inputs_));
    if (static_cast<bst_ulong>(limits->columns) > inputs_ ||
        static_cast<std::size_t>(limits->groups) != groups_of(head_))
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
