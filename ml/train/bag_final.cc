#include "ml/train/bag_final.h"

#include "ml/ensemble/blend.h"
#include "ml/ensemble/calibration.h"
#include "ml/ensemble/finish_json.h"
#include "ml/serve/artifact.h"
#include "ml/table/encoder_json.h"
#include "ml/train/artifact_texts.h"
#include "ml/train/bag_evidence.h"
#include "ml/train/fold_answers.h"
#include "ml/train/trial_data.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::ml {
namespace {

/// One candidate's answers, its folds one behind the other; of the test rows the mean of its folds.
struct Candidate {
  std::uint32_t number = 0;
  std::vector<const WorkFit*> fits;  ///< one per fold, in their order
  Answers held_out, test;
};

Result<std::vector<Candidate>> candidates_in(const std::vector<WorkFit>& fits, std::size_t folds) {
  std::vector<Candidate> candidates;
  for (const WorkFit& fit : fits) {
    if (candidates.empty() || candidates.back().number != fit.candidate)
      candidates.push_back({fit.candidate, {}, {}, {}});
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

std::vector<double> weigh(const std::vector<Candidate>& candidates, const BagData& data) {
  std::vector<Answers> held_out;
  for (const Candidate& candidate : candidates)
    held_out.push_back(candidate.held_out);
  return greedy_weights(held_out, data.held_out, data.metric);
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
  if (judged.class_count > 0)
    apply_temperature(finish.temperature, judged.class_count, judged.probabilities);
  judged.threshold = finish.threshold;
  return judged;
}

/// From rows that no model learned from.
Finish finish_for(const Judged& held_out, Metric metric) {
  Finish finish;
  if (held_out.task == TaskKind::regression) {
    if (held_out.rows() >= kConformalRowsMin)
      finish.conformal = fit_conformal(held_out.values, held_out.truth_values);
    return finish;
  }
  finish.temperature = fit_temperature(held_out);
  Judged calibrated = held_out;
  apply_temperature(finish.temperature, calibrated.class_count, calibrated.probabilities);
  finish.threshold = best_threshold(metric, calibrated);
  return finish;
}

/// A candidate as it would answer alone: calibrated on its own.
BagEvidence::Candidate shown(const Candidate& candidate, double weight, const BagData& data) {
  const std::vector<Candidate> alone{candidate};
  const auto raw = answered(alone, &Candidate::held_out, {1}, data.held_out, {});
  const Finish own = raw.task == TaskKind::regression ? Finish{} : finish_for(raw, data.metric);
  BagEvidence::Candidate out;
  out.number = candidate.number;
  out.weight = weight;
  out.held_out = answered(alone, &Candidate::held_out, {1}, data.held_out, own);
  out.test = answered(alone, &Candidate::test, {1}, data.truth, own);
  for (const WorkFit* fit : candidate.fits)
    out.bytes += std::filesystem::file_size(fit->path);
  return out;
}

/// The models of the candidates that count, unpacked.
Result<std::vector<BagMember>> members_of(const WorkTask& task,
                                          const std::vector<Candidate>& candidates,
                                          const std::vector<double>& weights) {
  std::vector<BagMember> members;
  const auto folder = std::filesystem::path{task.work_dir} / "models";
  for (std::size_t k = 0; k < candidates.size(); ++k) {
    if (weights[k] == 0) continue;
    for (const WorkFit* fit : candidates[k].fits) {
      auto opened = open_artifact(fit->path, folder);
      if (!opened) return opened.error();
      members.push_back({.candidate = fit->candidate,
                         .fold = fit->fold,
                         .weight = weights[k],
                         .model = opened->members.front().model,
                         .encoder = std::move(opened->encoders.front())});
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

Result<WorkDone> make_bag(const WorkTask& task, Engine& engine, const std::function<void()>& step) {
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
    step();
  }
  const auto weights = weigh(*candidates, *data);
  step();
  const Finish finish = finish_for(
      answered(*candidates, &Candidate::held_out, weights, data->held_out, {}), data->metric);
  const auto say = [&](Answers Candidate::*of, const Judged& truth) {
    return answered(*candidates, of, weights, truth, finish);
  };
  evidence.held_out = say(&Candidate::held_out, data->held_out);
  evidence.test = say(&Candidate::test, data->truth);
  evidence.finish = finish;
  for (std::size_t k = 0; k < candidates->size(); ++k)
    evidence.candidates.push_back(shown((*candidates)[k], weights[k], *data));
  auto members = members_of(task, *candidates, weights);
  if (!members) return members.error();
  WorkDone done;
  done.metrics = all_scores(evidence.held_out);
  done.test = all_scores(evidence.test);
  done.value = score(data->metric, evidence.test);
  done.split = counted(data->split);
  done.features_json = features_json(data->encoder);
  done.classes = data->encoder.target().classes;
  ArtifactParts parts = parts_of(task, *data, finish, *members, done.test);
  evidence.members = std::move(*members);
  step();
  parts.report = bag_evidence(task, *data, evidence, engine, step);
  const auto bytes = write_artifact(task.artifact_path, parts);
  if (!bytes) return bytes.error();
  done.artifact_bytes = *bytes;
  return done;
}

}  // namespace starling::ml
