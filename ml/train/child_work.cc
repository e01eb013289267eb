#include "ml/train/child_work.h"

#include "ml/ensemble/calibration.h"
#include "ml/ensemble/finish_json.h"
#include "ml/search/pruner.h"
#include "ml/serve/artifact.h"
#include "ml/table/encoder_json.h"
#include "ml/train/artifact_texts.h"
#include "ml/train/bag_final.h"
#include "ml/train/bag_model.h"
#include "ml/train/checkpoint.h"
#include "ml/train/final_evidence.h"
#include "ml/train/fold_fit.h"
#include "ml/train/held_out.h"
#include "ml/train/model_cost.h"
#include "ml/train/trial_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <sys/resource.h>

namespace starling::ml {
namespace {

/// Fewer rows that were held out say too little.
constexpr std::size_t kFinishRowsMin = 100;

/// Thrown when the node has let go: there is nobody to report to.
struct NodeIsGone {};

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Resident memory that is no page of a file, now. The kernel keeps the peak of all pages only, in
/// which a table that is mapped counts in full.
std::uint64_t private_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(line.find(':') + 1)) / 1024;
  }
  return 0;
}

WorkFailed failed_from(const Error& error) {
  const bool is_invalid = error.code == Errc::invalid_argument || error.code == Errc::conflict ||
                          error.code == Errc::too_large || error.code == Errc::unsupported;
  return {is_invalid ? "invalid" : "internal", error.detail};
}

WorkFailed undefined(Metric metric, const std::string& target) {
  return {"invalid",
          fmt::format("metric: {} is not defined where the target is below 0, as \"{}\" is in some "
                      "rows; use another metric",
                      to_string(metric),
                      target)};
}

bool is_better(Metric metric, double value, double best) {
  return direction_of(metric) == MetricDirection::minimize ? value < best : value > best;
}

class Work {
 public:
  Work(ChildChannel& channel, Engine& engine, WorkTask task)
      : channel_(channel), engine_(engine), task_(std::move(task)), started_(seconds_now()) {}

  WorkMessage run();

 private:
  /// Predictions of all rounds, in their order.
  std::vector<float> said();
  bool have_converged() const;
  std::optional<WorkFailed> train_epoch(std::uint32_t epoch, double& loss);
  void limit(FamilySpec& spec);
  void make_learners();
  void go_on();
  void report(const WorkProgress& progress);
  void send(const WorkProgress& progress);
  void note(const WorkProgress& progress, bool goes_on);
  bool is_told_to_yield();
  std::vector<double> rungs() const;
  bool is_to_be_pruned(std::uint32_t epoch) const;
  bool keep();
  WorkMessage run_trial();

  std::uint32_t last_epoch() const { return std::max(task_.fixed_epochs, 1U); }

  std::optional<WorkMessage> train_to_the_end();
  WorkMessage run_fit();
  WorkMessage run_final();
  WorkMessage run_bag();
  std::filesystem::path write_script();
  ArtifactParts parts_of(const std::filesystem::path& model) const;
  std::optional<ModelCost> measured_cost();
  double answer_ms(const std::filesystem::path& model);
  Finish found_finish();
  Result<> write_model(const std::filesystem::path& model,
                       const Judged& outcome,
                       const Finish& finish,
                       WorkDone& result);
  std::string evidence_of(const std::filesystem::path& model,
                          const Judged& outcome,
                          const Finish& finish);
  WorkDone done(std::uint32_t best_epoch, std::uint32_t epochs) const;

  ChildChannel& channel_;
  Engine& engine_;
  WorkTask task_;
  double started_;
  std::uint64_t peak_mb_ =
      0;  ///< of private memory, looked at when the rows are read and per epoch
  std::optional<FamilySpec> spec_;
  std::optional<TrialData> data_;
  std::vector<std::unique_ptr<Learner>> learners_;  ///< one per round, trained side by side
  Checkpoint now_;                                  ///< but for its seconds
  std::string identity_;                            ///< of checkpoints
  double keep_at_ = 0;                              ///< when the next one is due
};

WorkMessage Work::run() {
  if (!task_.fits.empty()) return run_bag();
  auto spec = family_spec_from(task_.params);
  if (!spec) return failed_from(spec.error());
  spec_ = std::move(*spec);
  limit(*spec_);
  auto data = load_trial_data(task_);
  if (!data) return failed_from(data.error());
  if (!is_defined(data->metric, data->truth)) return undefined(data->metric, task_.target);
  data_.emplace(std::move(*data));
  peak_mb_ = private_mb();
  make_learners();
  if (!task_.checkpoint_path.empty()) go_on();
  if (task_.kind == WorkKind::fit) return run_fit();
  return task_.kind == WorkKind::final ? run_final() : run_trial();
}

/// A network may want less than the study allows.
void Work::limit(FamilySpec& spec) {
  task_.epochs_max = std::max(task_.epochs_max, 1U);
  task_.patience = std::max(task_.patience, 1U);
  if (const auto* network = std::get_if<MlpSpec>(&spec)) {
    task_.epochs_max = std::min(task_.epochs_max, network->epochs_max);
    task_.patience = std::min(task_.patience, network->patience);
    // Its waves go up and down until the last epoch.
    if (network->schedule == RateSchedule::coslog4) task_.patience = task_.epochs_max;
  }
  std::visit([&](auto& known) { known.epochs = task_.epochs_max; }, spec);
}

void Work::make_learners() {
  learners_.clear();
  for (const TrialRound& round : data_->rounds)
    learners_.push_back(
        engine_.make_learner(*spec_, round.encoder.target(), round.fit, task_.seed));
}

/// From the last checkpoint of this trial, if there is one. What was reported is reported again: to
/// the node this is another attempt.
void Work::go_on() {
  identity_ = checkpoint_identity(task_, "/proc/self/exe");
  keep_at_ = started_ + task_.checkpoint_seconds;
  auto kept = read_checkpoint(task_.checkpoint_path, identity_, learners_);
  if (!kept) {
    if (kept.error().code != Errc::not_found) make_learners();
    return;
  }
  now_ = std::move(*kept);
  started_ -= now_.seconds;
  for (const WorkProgress& progress : now_.progress)
    send(progress);
}

void Work::report(const WorkProgress& progress) {
  peak_mb_ = std::max(peak_mb_, private_mb());
  send(progress);
}

void Work::send(const WorkProgress& progress) {
  const auto written = channel_.write(progress);
  if (!written) throw NodeIsGone{};
}

/// An epoch that has ended.
void Work::note(const WorkProgress& progress, bool goes_on) {
  now_.progress.push_back(progress);
  report(progress);
  if (goes_on && !task_.checkpoint_path.empty() && seconds_now() >= keep_at_) keep();
}

/// And is kept as it is now.
bool Work::is_told_to_yield() {
  if (!channel_.has_word()) return false;
  const auto word = channel_.read();
  if (!word) throw NodeIsGone{};
  return std::holds_alternative<WorkYield>(*word) && !task_.checkpoint_path.empty() && keep();
}

/// What it had reached at each rung so far, from what it reported: the same after a checkpoint.
std::vector<double> Work::rungs() const {
  const bool minimizes = direction_of(data_->metric) == MetricDirection::minimize;
  std::vector<double> reached;
  double best = std::numeric_limits<double>::infinity();
  std::size_t seen = 0;
  for (const std::uint32_t rung : rung_epochs(task_.epochs_max)) {
    if (rung > now_.progress.size()) break;
    for (; seen < rung; ++seen)
      best = std::min(best, minimizes ? now_.progress[seen].value : -now_.progress[seen].value);
    reached.push_back(best);
  }
  return reached;
}

bool Work::is_to_be_pruned(std::uint32_t epoch) const {
  const auto all = rung_epochs(task_.epochs_max);
  const auto at = static_cast<std::size_t>(std::ranges::find(all, epoch) - all.begin());
  if (at == all.size() || at >= task_.rung_cutoffs.size() || !task_.rung_cutoffs[at]) return false;
  return rungs().back() > *task_.rung_cutoffs[at];
}

/// At most a twentieth of the time goes into it. False if it is not kept.
bool Work::keep() {
  constexpr double kShare = 20;
  const double begun = seconds_now();
  now_.seconds = begun - started_;
  const auto kept = write_checkpoint(task_, identity_, now_, learners_);
  const double ended = seconds_now();
  keep_at_ = ended + std::max(task_.checkpoint_seconds, kShare * (ended - begun));
  if (kept) {
    const WorkCheckpoint word{static_cast<std::uint32_t>(now_.progress.size())};
    if (!channel_.write(word)) throw NodeIsGone{};
    return true;
  }
  if (kept.error().code != Errc::unsupported)
    fmt::print(stderr, "no checkpoint of trial {}: {}\n", task_.number, kept.error().detail);
  if (kept.error().code != Errc::io) task_.checkpoint_path.clear();  // nor will there be one later
  return false;
}

std::vector<float> Work::said() {
  std::vector<float> all;
  for (std::size_t i = 0; i < learners_.size(); ++i) {
    const auto some = learners_[i]->predict(data_->rounds[i].judge_features);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

/// `loss` is the mean over the rounds.
std::optional<WorkFailed> Work::train_epoch(std::uint32_t epoch, double& loss) {
  loss = 0;
  for (const auto& learner : learners_)
    loss += learner->train_epoch() / static_cast<double>(learners_.size());
  if (std::isfinite(loss)) return std::nullopt;
  return WorkFailed{
      "diverged",
      fmt::format("the loss is no longer a number in epoch {}; try a smaller learning rate",
                  epoch)};
}

bool Work::have_converged() const {
  return std::ranges::all_of(learners_, [](const auto& one) { return one->has_converged(); });
}

WorkMessage Work::run_trial() {
  std::uint32_t& best_epoch = now_.best_epoch;
  double& best = now_.best;
  auto epoch = static_cast<std::uint32_t>(now_.progress.size());
  bool is_pruned = is_to_be_pruned(epoch);
  const auto goes_on = [&] {
    return !is_pruned && epoch < task_.epochs_max && epoch - best_epoch < task_.patience &&
           !(epoch > 0 && have_converged());
  };
  while (goes_on()) {
    ++epoch;
    double loss = 0;
    if (auto failed = train_epoch(epoch, loss)) return *failed;
    const double value = score(data_->metric, judged(data_->truth, said()));
    if (!std::isfinite(value)) {
      return WorkFailed{"diverged", fmt::format("predictions are no numbers in epoch {}", epoch)};
    }
    if (best_epoch == 0 || is_better(data_->metric, value, best)) {
      best = value;
      best_epoch = epoch;
      for (const auto& learner : learners_)
        learner->remember();
    }
    note({epoch, value, loss}, goes_on());
    is_pruned = is_to_be_pruned(epoch);
    if (goes_on() && is_told_to_yield()) return WorkYielded{epoch};
  }
  for (const auto& learner : learners_)
    learner->recall();
  WorkDone result = done(best_epoch, epoch);
  result.value = best;
  result.is_pruned = is_pruned;
  result.rungs = rungs();
  result.metrics = all_scores(judged(data_->truth, said()));
  if (has_limits(task_.limits) && !is_pruned) {
    result.cost = measured_cost();
    result.seconds = seconds_now() - started_;
    result.peak_mb = std::max(peak_mb_, private_mb());
  }
  return result;
}

/// What those pay who use the model, as it is now. It answers from its file, when what trained it
/// is let go of. What goes wrong is said, and the trial stands without: it has its value.
std::optional<ModelCost> Work::measured_cost() {
  try {
    const auto model = write_script();
    learners_.clear();
    const auto file = std::filesystem::path{model}.replace_extension("zip");
    const auto written = write_artifact(file, parts_of(model));
    const auto bytes = written ? model_bytes_in(file) : written;
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
    if (!bytes) throw std::runtime_error(bytes.error().detail);
    return ModelCost{*bytes, answer_ms(model)};
  } catch (const std::exception& e) {
    fmt::print(stderr, "trial {} was not measured: {}\n", task_.number, e.what());
    return std::nullopt;
  }
}

double Work::answer_ms(const std::filesystem::path& model) {
  const auto served = engine_.load(model.string());
  return predict_ms(*served, data_->rounds.front().judge_features, seconds_now);
}

/// As many epochs as its trial's best took. A fit may go on elsewhere, a final does not.
std::optional<WorkMessage> Work::train_to_the_end() {
  auto epoch = static_cast<std::uint32_t>(now_.progress.size());
  while (epoch < last_epoch()) {
    ++epoch;
    double loss = 0;
    if (auto failed = train_epoch(epoch, loss)) return *failed;
    const bool goes_on = epoch < last_epoch();
    note({epoch, loss, loss}, goes_on);
    const bool may_move = goes_on && task_.kind == WorkKind::fit;
    if (may_move && is_told_to_yield()) return WorkYielded{epoch};
  }
  return std::nullopt;
}

/// On all folds but one, as long as its trial was best: the fold that it is asked about decides
/// nothing. Its model is kept.
WorkMessage Work::run_fit() {
  if (auto ended = train_to_the_end()) return *ended;
  WorkDone result = done(last_epoch(), last_epoch());
  const auto held_out = said();
  const Judged outcome = judged(data_->truth, held_out);
  result.value = score(data_->metric, outcome);
  result.metrics = all_scores(outcome);
  if (!std::isfinite(result.value))
    return WorkFailed{"diverged", "predictions of a fold are no numbers"};
  const auto bytes = write_fold_fit(task_, *data_, held_out, write_script(), engine_);
  if (!bytes) return failed_from(bytes.error());
  result.artifact_bytes = *bytes;
  result.seconds = seconds_now() - started_;
  result.peak_mb = std::max(peak_mb_, private_mb());
  return result;
}

WorkMessage Work::run_final() {
  if (auto ended = train_to_the_end()) return *ended;
  WorkDone result = done(last_epoch(), last_epoch());
  Judged outcome = judged(data_->truth, said());
  const auto model = write_script();
  const Finish finish = found_finish();
  apply_finish(finish, outcome);
  if (outcome.rows() > 0) {
    result.test = all_scores(outcome);
    result.value = score(data_->metric, outcome);
  }
  if (!std::isfinite(result.value))
    return WorkFailed{"diverged", "predictions of the final model are no numbers"};
  if (const auto written = write_model(model, outcome, finish, result); !written)
    return failed_from(written.error());
  const Encoder& encoder = data_->rounds.front().encoder;
  result.features_json = features_json(encoder);
  result.classes = encoder.target().classes;
  result.seconds = seconds_now() - started_;
  return result;
}

/// Nothing is trained: the steps only say that it goes on.
WorkMessage Work::run_bag() {
  std::uint32_t steps = 0;
  const auto step = [&] { report({++steps, 0, 0}); };
  auto done = make_bag(task_, engine_, step, seconds_now);
  if (!done) return failed_from(done.error());
  done->epochs = done->best_epoch = task_.fixed_epochs;
  done->seconds = seconds_now() - started_;
  done->peak_mb = std::max(peak_mb_, private_mb());
  return *done;
}

/// Intervals, or the rule where it is judged what is said, from what the trial said of rows that it
/// did not learn from; for that it is trained again, and what trained the final model is let go of.
/// No temperature: chances on these rows chose the epoch. What goes wrong is said, and the model
/// answers without.
Finish Work::found_finish() {
  Finish usual;
  usual.rule = data_->truth.rule;
  const bool has_classes = data_->task != TaskKind::regression;
  if (has_classes && !is_of_said(data_->metric)) return usual;
  learners_.clear();
  data_->rounds.front().fit = {};
  std::uint32_t steps = 0;
  const auto step = [&] { report({++steps, 0, 0}); };
  try {
    const auto held_out = held_out_answers(task_, *spec_, engine_, step);
    if (!held_out) throw std::runtime_error(held_out.error().detail);
    if (held_out->rows() < kFinishRowsMin) return usual;
    if (!has_classes) return fit_finish(*held_out, data_->metric);
    Finish finish;
    finish.rule = best_rule(data_->metric, *held_out);
    if (!task_.knows_class_factors) finish.rule.factors.clear();
    return finish;
  } catch (const std::exception& e) {
    fmt::print(stderr, "the model of study {} is not calibrated: {}\n", task_.study, e.what());
    return usual;
  }
}

/// A model without a report is a model: what goes wrong with the report is said, and that is all.
std::string Work::evidence_of(const std::filesystem::path& model,
                              const Judged& outcome,
                              const Finish& finish) {
  if (outcome.rows() == 0) return "";
  try {
    return final_evidence(task_, *data_, outcome, finish, model, engine_);
  } catch (const std::exception& e) {
    fmt::print(stderr, "no report of study {}: {}\n", task_.study, e.what());
    return "";
  }
}

/// The model as it is now, as a file in the scratch of this attempt.
std::filesystem::path Work::write_script() {
  const std::filesystem::path artifact{task_.artifact_path};
  const auto folder =
      task_.work_dir.empty() ? artifact.parent_path() : std::filesystem::path{task_.work_dir};
  const auto path = folder / "trained.model";
  std::ofstream file(path, std::ios::binary);
  file << learners_.front()->script();
  file.close();
  if (!file) throw std::runtime_error("there is no room on the disk for the model");
  return path;
}

Result<> Work::write_model(const std::filesystem::path& model,
                           const Judged& outcome,
                           const Finish& finish,
                           WorkDone& result) {
  ArtifactParts parts = parts_of(model);
  parts.metrics = metrics_text(task_, data_->metric, data_->split, result.test);
  if (finish != Finish{}) parts.finish = to_json(finish);
  parts.report = evidence_of(model, outcome, finish);
  const auto bytes = write_artifact(task_.artifact_path, parts);
  if (!bytes) return bytes.error();
  result.artifact_bytes = *bytes;
  const auto of_model = model_bytes_in(task_.artifact_path);
  if (!of_model) return of_model.error();
  result.cost = ModelCost{*of_model, 0};
  try {
    result.cost->predict_ms = answer_ms(model);
  } catch (const std::exception& e) {  // as of a report
    fmt::print(stderr, "the model of study {} was not measured: {}\n", task_.study, e.what());
  }
  return {};
}

ArtifactParts Work::parts_of(const std::filesystem::path& model) const {
  const Encoder& encoder = data_->rounds.front().encoder;
  ArtifactParts parts;
  parts.models.push_back({model, to_json(encoder)});
  parts.schema = schema_text(encoder);
  parts.metrics = "{}";
  return parts;
}

WorkDone Work::done(std::uint32_t best_epoch, std::uint32_t epochs) const {
  WorkDone result;
  result.best_epoch = best_epoch;
  result.epochs = epochs;
  result.seconds = seconds_now() - started_;
  result.peak_mb = peak_mb_;
  result.split = counted(data_->split);
  return result;
}

PredictAnswer answer(ServedModel& model, const PredictRequest& request) {
  PredictAnswer out;
  out.id = request.id;
  try {
    const Matrix rows{request.rows, request.columns, request.values};
    std::size_t columns = 1;
    out.values = model.predict(rows, columns);
    out.columns = columns;
  } catch (const std::exception& e) {
    out.values.clear();
    out.columns = 1;
    out.error = fmt::format("the model failed: {}", e.what());
  }
  return out;
}

/// Answers requests until the node lets go.
WorkMessage serve(ChildChannel& channel, Engine& engine, const WorkTask& task) {
  const double started = seconds_now();
  const auto model = load_served(engine, task.model_path);
  const auto micros = static_cast<std::uint64_t>((seconds_now() - started) * 1e6);
  if (!channel.write(ServeReady{micros})) throw NodeIsGone{};
  for (;;) {
    const auto message = channel.read();
    if (!message) throw NodeIsGone{};
    const auto* request = std::get_if<PredictRequest>(&*message);
    if (request == nullptr) return WorkFailed{"internal", "a server takes predict requests only"};
    if (!channel.write(answer(*model, *request))) throw NodeIsGone{};
  }
}

void limit_memory(std::uint64_t cap_mb) {
  if (cap_mb == 0) return;
  const rlimit limit{cap_mb << 20, cap_mb << 20};
  ::setrlimit(RLIMIT_DATA, &limit);  // Cannot fail: it only ever lowers.
}

/// LibTorch has an exception of its own for memory; only its words tell.
bool is_about_memory(std::string_view what) {
  return what.find("allocate memory") != std::string_view::npos ||
         what.find("not enough memory") != std::string_view::npos;
}

WorkMessage carry_out(ChildChannel& channel, Engine& engine, const WorkTask& task) {
  try {
    engine.prepare(std::max(task.threads, 1U));
    limit_memory(task.memory_cap_mb);
    if (task.kind == WorkKind::serve) return serve(channel, engine, task);
    return Work{channel, engine, task}.run();
  } catch (const std::invalid_argument& e) {
    return WorkFailed{"invalid", e.what()};
  } catch (const std::bad_alloc&) {
    return WorkFailed{"out_of_memory", fmt::format("out of memory at {} MB", task.memory_cap_mb)};
  } catch (const std::exception& e) {
    const std::string_view what = e.what();
    const std::string first_line{what.substr(0, what.find('\n'))};
    return WorkFailed{is_about_memory(what) ? "out_of_memory" : "internal", first_line};
  }
}

}  // namespace

int run_child(int channel_fd, Engine& engine) {
  ChildChannel channel{channel_fd};
  const auto first = channel.read();
  if (!first) return 0;
  const auto* task = std::get_if<WorkTask>(&*first);
  if (task == nullptr) return 1;
  try {
    const WorkMessage outcome = carry_out(channel, engine, *task);
    if (!channel.write(outcome)) return 1;
    return std::holds_alternative<WorkFailed>(outcome) ? 2 : 0;
  } catch (const NodeIsGone&) {
    return 0;
  }
}

}  // namespace starling::ml
