#include "ml/train/trial_data.h"

#include "ml/ensemble/calibration.h"
#include "ml/search/encoding_spec.h"
#include "ml/table/cell.h"
#include "ml/table/profile_json.h"
#include "ml/table/table_file.h"
#include "ml/table/table_split.h"
#include "ml/table/task_inference.h"
#include "ml/table/text_decoder.h"
#include "ml/train/row_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

namespace starling::ml {
namespace {

/// Finds the class that a cell names. The profile counts 7, 07 and 7.0 as one level, and knows a
/// level by its beginning; so does this. A dot behind a class is the class: the test file of UCI's
/// Adult, which half of the literature tests on, writes them so.
class ClassIndex {
 public:
  ClassIndex(const TaskChoice& choice, char decimal) : decimal_(decimal) {
    for (std::size_t k = 0; k < choice.classes.size(); ++k) {
      const auto number = static_cast<std::int32_t>(k);
      by_text_.emplace(choice.classes[k], number);
      if (const auto value = parse_number(choice.classes[k], decimal))
        by_value_.emplace(*value, number);
    }
  }

  /// -1: none that was kept.
  std::int32_t of(const std::string& level) const {
    const std::string_view start = utf8_prefix(level, kLevelTextBytesMax);
    auto found = by_text_.find(std::string{start});
    if (found == by_text_.end() && start.ends_with('.'))
      found = by_text_.find(std::string{start.substr(0, start.size() - 1)});
    if (found != by_text_.end()) return found->second;
    const auto value = parse_number(level, decimal_);
    const auto same = value ? by_value_.find(*value) : by_value_.end();
    return same == by_value_.end() ? -1 : same->second;
  }

 private:
  char decimal_;
  std::unordered_map<std::string, std::int32_t> by_text_;
  std::unordered_map<double, std::int32_t> by_value_;
};

/// Class of every row; -1 where the target is missing or its class is left out. 0 for regression.
std::vector<std::int32_t> groups_of(const Table& table, const TaskChoice& choice) {
  const TableColumn& target = table.target;
  const ClassIndex classes{choice, table.decimal};
  std::vector<std::int32_t> of_level;
  for (const std::string& level : target.levels)
    of_level.push_back(classes.of(level));
  std::vector<std::int32_t> groups;
  groups.reserve(target.rows());
  const bool is_regression = choice.task == TaskKind::regression;
  for (std::size_t i = 0; i < target.rows(); ++i) {
    if (target.is_number() && std::isnan(target.numbers[i])) {
      groups.push_back(-1);
    } else if (target.is_number()) {
      groups.push_back(is_regression ? 0 : classes.of(number_text(target.numbers[i])));
    } else {
      const std::int32_t code = target.codes[i];
      groups.push_back(code < 0 ? -1 : of_level[static_cast<std::size_t>(code)]);
    }
  }
  return groups;
}

/// Which strata share their rows out to train, validation and test: the classes, or ten bins of a
/// target that is a number, so that a small test set is not easier or harder than the rest. Where
/// it is given which rows test, their targets decide nothing: there are no bins.
std::vector<std::int32_t> strata_of(const Table& table,
                                    const TaskChoice& choice,
                                    const std::vector<std::int32_t>& groups,
                                    SplitMethod method) {
  const bool is_given = method == SplitMethod::column || method == SplitMethod::datasets;
  if (choice.task != TaskKind::regression || is_given) return groups;
  constexpr std::size_t kBins = 10;
  std::vector<double> known;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] >= 0) known.push_back(table.target.numbers[i]);
  }
  std::sort(known.begin(), known.end());
  std::vector<double> upper;
  for (std::size_t bin = 1; bin < kBins && !known.empty(); ++bin)
    upper.push_back(known[bin * known.size() / kBins]);
  std::vector<std::int32_t> strata = groups;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] < 0) continue;
    const auto bin = std::upper_bound(upper.begin(), upper.end(), table.target.numbers[i]);
    strata[i] = static_cast<std::int32_t>(bin - upper.begin());
  }
  return strata;
}

Result<TableProfile> profile_of(const std::string& path, const std::string& profile_json) {
  return profile_json.empty() ? profile_file(path) : profile_from_json(profile_json);
}

/// The study's data set, and those that only validate and test.
Result<std::vector<TableSource>> sources_of(const WorkTask& task) {
  std::vector<WorkDataset> datasets{{task.dataset_path, task.profile_json}};
  datasets.insert(datasets.end(), task.more_datasets.begin(), task.more_datasets.end());
  std::vector<TableSource> sources;
  for (const WorkDataset& dataset : datasets) {
    auto profile = profile_of(dataset.path, dataset.profile_json);
    if (!profile) return profile.error();
    sources.push_back({dataset.path, std::move(*profile)});
  }
  set_key_aside(task.split, sources.front().profile);
  return sources;
}

Result<TaskChoice> choice_of(const WorkTask& task, const TableProfile& profile) {
  const auto rare = task.trains_rare_classes ? RareClasses::train : RareClasses::leave_out;
  if (task.task.empty() || task.task == "auto")
    return infer_task(profile, task.target, std::nullopt, rare);
  const auto wanted = task_from_name(task.task);
  if (!wanted) {
    return Error{Errc::invalid_argument,
                 fmt::format("task \"{}\" is not regression, binary or multiclass", task.task)};
  }
  return infer_task(profile, task.target, wanted, rare);
}

Result<Metric> metric_of(const WorkTask& task, TaskKind kind) {
  if (task.metric.empty()) return default_metric(kind);
  const auto metric = metric_from_name(task.metric);
  if (metric && fits(*metric, kind)) return *metric;
  return Error{Errc::invalid_argument,
               fmt::format("metric \"{}\" does not judge {}", task.metric, to_string(kind))};
}

FitData fit_data(const Table& table,
                 const Encoder& encoder,
                 const EncoderFit& fit_by,
                 const std::vector<std::uint32_t>& rows,
                 const std::vector<std::int32_t>& groups,
                 const ScratchSpace& scratch) {
  FitData data;
  data.features = encoder.encode_fit_rows(table, rows, fit_by, scratch);
  const TargetCoding& target = encoder.target();
  for (const std::uint32_t row : rows) {
    if (target.task == TaskKind::regression) {
      data.numbers.push_back(static_cast<float>(to_learned(target, table.target.numbers[row])));
    } else {
      data.classes.push_back(groups[row]);
    }
  }
  return data;
}

/// There is no log of what is at most 0.
Result<> check_log_target(const Table& table,
                          const TaskChoice& choice,
                          const EncodingSpec& encoding) {
  if (!encoding.has_log_target || choice.task != TaskKind::regression) return {};
  for (std::size_t i = 0; i < table.rows(); ++i) {
    if (table.target.numbers[i] <= -1) {
      return Error{Errc::invalid_argument,
                   fmt::format("encode.target log1p needs numbers above -1, and \"{}\" holds {}",
                               table.target.name,
                               number_text(table.target.numbers[i]))};
    }
  }
  return {};
}

void add_truth(const Table& table,
               const RowNumbers& rows,
               const std::vector<std::int32_t>& groups,
               Judged& truth) {
  for (const std::uint32_t row : rows) {
    if (truth.task == TaskKind::regression) {
      truth.truth_values.push_back(table.target.numbers[row]);
    } else {
      truth.truth_classes.push_back(groups[row]);
    }
  }
}

/// The table, and what is known of it before rows are encoded.
struct Loaded {
  TaskChoice choice;
  Metric metric = Metric::rmse;
  EncodingSpec encoding;
  Table table;
  std::vector<std::int32_t> groups;
  Split split;
  std::vector<double> class_weights = {};  ///< where all classes count the same

  EncoderFit fit_by() const { return {encoding.numbers, groups}; }

  Judged no_answers() const {
    Judged judged;
    judged.task = choice.task;
    judged.class_count = choice.classes.size();
    return judged;
  }
};

Result<Encoder> encoder_of(const Loaded& loaded, const RowNumbers& rows) {
  const std::string& name = loaded.table.target.name;
  TargetCoding target{name, loaded.choice.task, loaded.choice.classes, 0, 1, false};
  target.is_log = loaded.encoding.has_log_target && target.task == TaskKind::regression;
  Encoder encoder = Encoder::fit(loaded.table, rows, std::move(target), loaded.fit_by());
  if (std::isfinite(encoder.target().std)) return encoder;
  return Error{Errc::invalid_argument,
               fmt::format("target \"{}\" holds numbers so large that their spread cannot be "
                           "computed; divide them, or leave those rows out",
                           name)};
}

Result<TrialRound> round_of(const Loaded& loaded,
                            const SplitRound& rows,
                            const ScratchSpace& scratch) {
  const Table& table = loaded.table;
  auto encoder = encoder_of(loaded, rows.train);
  if (!encoder) return encoder.error();
  FitData fit = fit_data(table, *encoder, loaded.fit_by(), rows.train, loaded.groups, scratch);
  auto weights = row_weights(table, rows.train, loaded.groups, loaded.class_weights);
  if (!weights) return weights.error();
  fit.weights = std::move(*weights);
  fit.logit_adjustment = logit_adjustment(loaded.class_weights);
  EncodedRows judge_features = encoder->encode(table, rows.validation, scratch);
  return TrialRound{std::move(*encoder), std::move(fit), std::move(judge_features)};
}

/// Which rows teach and judge which model.
Result<std::vector<SplitRound>> rounds_for(const WorkTask& task, const Split& split) {
  if (task.kind == WorkKind::final) {
    if (!task.uses_test_rows) return std::vector{SplitRound{final_rows(split), split.test}};
    SplitRound all{final_rows(split), {}};
    all.train.insert(all.train.end(), split.test.begin(), split.test.end());
    std::ranges::sort(all.train);
    return std::vector{std::move(all)};
  }
  auto rounds = rounds_of(split);
  if (task.kind != WorkKind::fit) return rounds;
  if (task.fold >= rounds.size()) {
    return Error{Errc::invalid_argument,
                 fmt::format("there is no fold {}, only {}", task.fold, rounds.size())};
  }
  return std::vector{std::move(rounds[task.fold])};
}

/// By all rows but those that test: the same for all rounds, so that one rule undoes it.
Result<> weigh_classes(Loaded& loaded) {
  if (!loaded.encoding.has_balanced_classes || loaded.choice.task == TaskKind::regression)
    return {};
  auto weights = balanced_class_weights(
      loaded.table, final_rows(loaded.split), loaded.groups, loaded.choice.classes.size());
  if (!weights) return weights.error();
  loaded.class_weights = std::move(*weights);
  return {};
}

Result<Loaded> load(const WorkTask& task) {
  const auto sources = sources_of(task);
  if (!sources) return sources.error();
  const auto choice = choice_of(task, sources->front().profile);
  if (!choice) return choice.error();
  const auto metric = metric_of(task, choice->task);
  if (!metric) return metric.error();
  const auto encoding = encoding_spec_from(task.params);
  if (!encoding) return encoding.error();
  auto table = load_table(*sources, {task.target, task.split.column}, task.columns_path);
  if (!table) return table.error();

  if (auto fits = check_log_target(*table, *choice, *encoding); !fits) return fits.error();
  auto groups = groups_of(*table, *choice);
  auto split = split_table(*table,
                           task.split,
                           strata_of(*table, *choice, groups, task.split.method),
                           task.seed,
                           choice->keeps_rare ? kClassRowsMin : 0);
  if (!split) return split.error();
  Loaded loaded{
      *choice, *metric, *encoding, std::move(*table), std::move(groups), std::move(*split)};
  if (auto weighed = weigh_classes(loaded); !weighed) return weighed.error();
  return loaded;
}

}  // namespace

Result<TrialData> load_trial_data(const WorkTask& task) {
  auto loaded = load(task);
  if (!loaded) return loaded.error();
  const auto rounds = rounds_for(task, loaded->split);
  if (!rounds) return rounds.error();
  TrialData data;
  data.task = loaded->choice.task;
  data.metric = loaded->metric;
  data.truth = loaded->no_answers();
  const ScratchSpace scratch{.folder = task.work_dir, .reserve = task.disk_reserve};
  for (const SplitRound& rows : *rounds) {
    auto round = round_of(*loaded, rows, scratch);
    if (!round) return round.error();
    data.rounds.push_back(std::move(*round));
    add_truth(loaded->table, rows.validation, loaded->groups, data.truth);
  }
  if (is_of_said(data.metric))
    data.truth.rule = rule_without(logit_adjustment(loaded->class_weights));
  data.split = std::move(loaded->split);
  if (task.kind != WorkKind::trial) data.table = std::move(loaded->table);
  return data;
}

Result<BagData> load_bag_data(const WorkTask& task) {
  auto loaded = load(task);
  if (!loaded) return loaded.error();
  auto encoder = encoder_of(*loaded, final_rows(loaded->split));
  if (!encoder) return encoder.error();
  Judged held_out = loaded->no_answers();
  Judged truth = held_out;
  for (const SplitRound& round : rounds_of(loaded->split))
    add_truth(loaded->table, round.validation, loaded->groups, held_out);
  add_truth(loaded->table, loaded->split.test, loaded->groups, truth);
  return BagData{loaded->metric,
                 std::move(loaded->split),
                 std::move(loaded->table),
                 std::move(*encoder),
                 std::move(held_out),
                 std::move(truth),
                 task.knows_class_factors};
}

Judged judged(Judged truth, const std::vector<float>& predictions) {
  auto& into = truth.task == TaskKind::regression ? truth.values : truth.probabilities;
  into.assign(predictions.begin(), predictions.end());
  return truth;
}

}  // namespace starling::ml
