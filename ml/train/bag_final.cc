#include "ml/train/bag_final.h"

#include "ml/ensemble/blend.h"
#include "ml/ensemble/calibration.h"
#include "ml/ensemble/finish_json.h"
#include "ml/serve/artifact.h"
#include "ml/table/encoder_json.h"
#include "ml/train/artifact_texts.h"
#include "ml/train/bag_evidence.h"
#include "ml/train/fold_answers.h"
#include "ml/train/model_cost.h"
#include "ml/train/trial_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

namespace starling::ml {
namespace {

/// One candidate's answers, its folds one behind the other; of the test rows the mean of its folds.
struct Candidate {
  std::uint32_t number = 0;
  std::vector<const WorkFit*> fits = {};  ///< one per fold, in their order
  Answers held_out = {}, test = {};
  std::vector<BagMember> members = {};  ///< its models, unpacked; they have no weight yet
  ModelCost cost = {};                  ///< of all of them
};

Result<std::vector<Candidate>> candidates_in(const std::vector<WorkFit>& fits, std::size_t folds) {
  std::vector<Candidate> candidates;
  for (const WorkFit& fit : fits) {
    if (candidates.empty() || candidates.back().number != fit.candidate)
      candidates.push_back({.number = fit.candidate});
    auto& of_candidate = candidates.back().fits;
    if (fit.fold != of_candidate.size())
      return Error{Errc::corrupt, fmt::format("trial {}: a fold is missing", fit.candidate)};
    of_candidate.push_back(&fit);
  }
  for (const Candidate& candidate : candidates) {
    if (candidate.fits.size() == folds) continue;
    return Error{
        Errc::corrupt,
        fmt::format("trial {} has {} folds of {}", candidate.number, candidate.fits.size(), folds)};
  }
  return candidates;
}

Result<> read_answers(const BagData& data, Candidate& candidate) {
  const std::size_t outputs = std::max<std::size_t>(data.truth.class_count, 1);
  const auto rounds = rounds_of(data.split);
  std::vector<double> sums(data.truth.rows() * outputs);
  for (std::size_t fold = 0; fold < rounds.size(); ++fold) {
    const auto bytes = answers_in(candidate.fits[fold]->path);
    if (!bytes) return bytes.error();
    const auto said =
        fold_answers_from(*bytes, rounds[fold].validation.size() * outputs, sums.size());
    if (!said) return said.error();
    candidate.held_out.insert(
        candidate.held_out.end(), said->held_out.begin(), said->held_out.end());
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] += static_cast<double>(said->test[i]) / static_cast<double>(rounds.size());
  }
  candidate.test.assign(sums.begin(), sums.end());
  return {};
}

Judged with_answers(const Judged& truth, std::vector<double> said) {
  Judged judged = truth;
  (truth.task == TaskKind::regression ? judged.values : judged.probabilities) = std::move(said);
  return judged;
}

/// What all of them take for a row, by the first one; 0 where there is no room for it and no limit.
double answer_ms(const WorkTask& task,
                 const BagData& data,
                 Engine& engine,
                 const std::function<double()>& seconds_now,
                 const std::vector<BagMember>& members) {
  try {
    const std::span<const std::uint32_t> test{data.split.test};
    const auto some = test.first(std::min(test.size(), kCostRowsMax));
    const EncodedRows rows = members.front().encoder.encode(data.table, some);
    const auto model = engine.load(members.front().model.string());
    return predict_ms(*model, rows, seconds_now) * static_cast<double>(members.size());
  } catch (const std::exception& e) {
    if (task.limits.predict_ms > 0) throw;
    fmt::print(stderr, "trial {} was not measured: {}\n", members.front().candidate, e.what());
    return 0;
  }
}

/// Its models, and what they cost who asks them.
Result<> open_models(const WorkTask& task,
                     const BagData& data,
                     Engine& engine,
                     const std::function<double()>& seconds_now,
                     Candidate& candidate) {
  const auto folder = std::filesystem::path{task.work_dir} / "models";
  for (const WorkFit* fit : candidate.fits) {
    auto opened = open_artifact(fit->path, folder);
    const auto bytes = model_bytes_in(fit->path);
    if (!opened || !bytes) return opened ? bytes.error() : opened.error();
    candidate.cost.bytes += *bytes;
    candidate.members.push_back({.candidate = fit->candidate,
                                 .fold = fit->fold,
                                 .weight = 0,
                                 .model = opened->members.front().model,
                                 .encoder = std::move(opened->encoders.front())});
  }
  candidate.cost.predict_ms = answer_ms(task, data, engine, seconds_now, candidate.members);
  return {};
}

/// Those that are left out have no weight.
std::vector<double> weigh(const std::vector<Candidate>& candidates,
                          const std::vector<bool>& is_in,
                          const BagData& data) {
  std::vector<Answers> held_out;
  for (std::size_t k = 0; k < candidates.size(); ++k)
    if (is_in[k]) held_out.push_back(candidates[k].held_out);
  // What is said is judged by a rule as the bag will have one.
  const std::vector<double> evenly(held_out.size(), 1 / static_cast<double>(held_out.size()));
  Judged truth = with_answers(data.held_out, blended(held_out, evenly));
  if (truth.class_count > 0) truth.rule = best_rule(data.metric, truth);
  if (!data.knows_class_factors) truth.rule.factors.clear();
  const auto found = greedy_weights(held_out, truth, data.metric);
  std::vector<double> weights;
  auto next = found.begin();
  for (std::size_t k = 0; k < candidates.size(); ++k)
    weights.push_back(is_in[k] ? *next++ : 0);
  return weights;
}

/// Of those that have weight; no time where one of them was not measured.
ModelCost cost_of(const std::vector<Candidate>& candidates, const std::vector<double>& weights) {
  ModelCost sum;
  bool is_known = true;
  for (std::size_t k = 0; k < candidates.size(); ++k) {
    if (weights[k] == 0) continue;
    sum.bytes += candidates[k].cost.bytes;
    sum.predict_ms += candidates[k].cost.predict_ms;
    is_known = is_known && candidates[k].cost.predict_ms > 0;
  }
  if (!is_known) sum.predict_ms = 0;
  return sum;
}

/// Which of those that have weight is left out first: the one that breaks the limits most by
/// itself; else of those without which the bag keeps to them the one with the least weight; else
/// the one with the least weight for what it costs.
std::size_t least_worth(const Constraints& limits,
                        const std::vector<Candidate>& candidates,
                        const std::vector<double>& weights) {
  const ModelCost all = cost_of(candidates, weights);
  const auto worth = [&](std::size_t k) {
    const ModelCost& cost = candidates[k].cost;
    const ModelCost rest{all.bytes - cost.bytes, all.predict_ms - cost.predict_ms};
    double share = limits.predict_ms > 0 ? cost.predict_ms / limits.predict_ms : 0;
    if (limits.model_mb > 0) share += static_cast<double>(cost.bytes) / limits.model_mb / 1e6;
    const bool is_enough = violation_of(limits, rest) == 0;
    return std::tuple{
        -violation_of(limits, cost), !is_enough, is_enough ? weights[k] : weights[k] / share};
  };
  std::optional<std::size_t> least;
  for (std::size_t k = 0; k < candidates.size(); ++k)
    if (weights[k] > 0 && (!least || worth(k) < worth(*least))) least = k;
  return least.value_or(0);
}

/// Candidates are left out until the bag keeps to its limits.
Result<std::vector<double>> weigh_within(const Constraints& limits,
                                         const std::vector<Candidate>& candidates,
                                         const BagData& data) {
  std::vector<bool> is_in(candidates.size(), true);
  for (std::size_t left = candidates.size();; --left) {
    auto weights = weigh(candidates, is_in, data);
    const ModelCost cost = cost_of(candidates, weights);
    if (violation_of(limits, cost) == 0) return weights;
    if (left == 1) {
      return Error{
          Errc::too_large,
          fmt::format("a bag of one candidate takes {:.3g} ms and {:.3g} MB, more than was "
                      "asked for",
                      cost.predict_ms,
                      static_cast<double>(cost.bytes) / 1e6)};
    }
    is_in[least_worth(limits, candidates, weights)] = false;
  }
}

/// What the bag says, as it will say it.
Judged answered(const std::vector<Candidate>& candidates,
                Answers Candidate::*of,
                const std::vector<double>& weights,
                const Judged& truth,
                const Finish& finish) {
  std::vector<Answers> all;
  for (const Candidate& candidate : candidates)
    all.push_back(candidate.*of);
  Judged judged = with_answers(truth, blended(all, weights));
  apply_finish(finish, judged);
  return judged;
}

/// From rows that no model learned from.
Finish finish_for(const Judged& held_out, const BagData& data) {
  Finish finish = fit_finish(held_out, data.metric);
  if (!data.knows_class_factors) finish.rule.factors.clear();
  return finish;
}

/// A candidate as it would answer alone: calibrated on its own.
BagEvidence::Candidate shown(const Candidate& candidate, double weight, const BagData& data) {
  const std::vector<Candidate> alone{candidate};
  const auto raw = answered(alone, &Candidate::held_out, {1}, data.held_out, {});
  const Finish own = raw.task == TaskKind::regression ? Finish{} : finish_for(raw, data);
  BagEvidence::Candidate out;
  out.number = candidate.number;
  out.weight = weight;
  out.held_out = answered(alone, &Candidate::held_out, {1}, data.held_out, own);
  out.test = answered(alone, &Candidate::test, {1}, data.truth, own);
  out.bytes = candidate.cost.bytes;
  return out;
}

/// The models of the candidates that count.
std::vector<BagMember> members_of(std::vector<Candidate>& candidates,
                                  const std::vector<double>& weights) {
  std::vector<BagMember> members;
  for (std::size_t k = 0; k < candidates.size(); ++k) {
    if (weights[k] == 0) continue;
    for (BagMember& member : candidates[k].members) {
      member.weight = weights[k];
      members.push_back(std::move(member));
    }
  }
  return members;
}

ArtifactParts parts_of(const WorkTask& task,
                       const BagData& data,
                       const Finish& finish,
                       const std::vector<BagMember>& members,
                       const std::map<std::string, double>& test) {
  const auto folds = static_cast<double>(rounds_of(data.split).size());
  ArtifactParts parts;
  for (const BagMember& member : members) {
    parts.models.push_back({member.model,
                            to_json(member.encoder),
                            member.weight / folds,
                            member.candidate,
                            member.fold});
  }
  parts.schema = schema_text(data.encoder);
  parts.metrics = metrics_text(task, data.metric, data.split, test);
  parts.finish = to_json(finish);
  return parts;
}

}  // namespace

Result<WorkDone> make_bag(const WorkTask& task,
                          Engine& engine,
                          const std::function<void()>& step,
                          const std::function<double()>& seconds_now) {
  auto data = load_bag_data(task);
  if (!data) return data.error();
  if (!is_defined(data->metric, data->held_out) || !is_defined(data->metric, data->truth)) {
    return Error{Errc::invalid_argument,
                 fmt::format("metric: {} is not defined for some values of \"{}\"",
                             to_string(data->metric),
                             task.target)};
  }
  auto candidates = candidates_in(task.fits, rounds_of(data->split).size());
  if (!candidates) return candidates.error();
  BagEvidence evidence;
  for (Candidate& candidate : *candidates) {
    if (auto read = read_answers(*data, candidate); !read) return read.error();
    const auto opened = open_models(task, *data, engine, seconds_now, candidate);
    if (!opened) return opened.error();
    step();
  }
  const auto weights = weigh_within(task.limits, *candidates, *data);
  if (!weights) return weights.error();
  step();
  const Finish finish =
      finish_for(answered(*candidates, &Candidate::held_out, *weights, data->held_out, {}), *data);
  const auto say = [&](Answers Candidate::*of, const Judged& truth) {
    return answered(*candidates, of, *weights, truth, finish);
  };
  evidence.held_out = say(&Candidate::held_out, data->held_out);
  evidence.test = say(&Candidate::test, data->truth);
  evidence.finish = finish;
  for (std::size_t k = 0; k < candidates->size(); ++k)
    evidence.candidates.push_back(shown((*candidates)[k], (*weights)[k], *data));
  const ModelCost cost = cost_of(*candidates, *weights);
  evidence.bytes = cost.bytes;
  evidence.members = members_of(*candidates, *weights);
  WorkDone done;
  done.cost = cost;
  for (const Candidate& candidate : *candidates)
    done.candidate_costs.push_back({candidate.number, candidate.cost});
  done.metrics = all_scores(evidence.held_out);
  done.test = all_scores(evidence.test);
  done.value = score(data->metric, evidence.test);
  done.split = counted(data->split);
  done.features_json = features_json(data->encoder);
  done.classes = data->encoder.target().classes;
  ArtifactParts parts = parts_of(task, *data, finish, evidence.members, done.test);
  step();
  parts.report = bag_evidence(task, *data, evidence, engine, step);
  const auto bytes = write_artifact(task.artifact_path, parts);
  if (!bytes) return bytes.error();
  done.artifact_bytes = *bytes;
  return done;
}

}  // namespace starling::ml
