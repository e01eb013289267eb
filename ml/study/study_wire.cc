#include "ml/study/study_wire.h"

#include "ml/study/wire_parts.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::ml {

void fill(wire::Params* out, const Params& params) {
  for (const auto& [name, value] : params) {
    auto* param = out->add_params();
    param->set_name(name);
    if (const auto* real = std::get_if<double>(&value)) param->mutable_value()->set_real(*real);
    if (const auto* whole = std::get_if<std::int64_t>(&value))
      param->mutable_value()->set_integer(*whole);
    if (const auto* text = std::get_if<std::string>(&value))
      param->mutable_value()->set_text(*text);
  }
}

Params read(const wire::Params& in) {
  Params params;
  for (const auto& param : in.params()) {
    switch (param.value().value_case()) {
      case wire::ParamValue::kReal: params[param.name()] = param.value().real(); break;
      case wire::ParamValue::kInteger:
        params[param.name()] = static_cast<std::int64_t>(param.value().integer());
        break;
      case wire::ParamValue::kText: params[param.name()] = param.value().text(); break;
      case wire::ParamValue::VALUE_NOT_SET: break;
    }
  }
  return params;
}

void fill(wire::Attempt* out, const Attempt& attempt) {
  out->set_token(attempt.token);
  out->set_node(to_raw(attempt.node.bytes));
}

Attempt read(const wire::Attempt& in) {
  Attempt attempt{.token = in.token(), .node = {}};
  from_raw(in.node(), attempt.node.bytes);
  return attempt;
}

void fill(wire::Dataset* out, const Dataset& dataset) {
  out->set_id(dataset.id);
  out->set_name(dataset.name);
  out->set_blob(to_raw(dataset.blob.bytes));
  out->set_bytes(dataset.bytes);
  out->set_rows(dataset.rows);
  out->set_profile(dataset.profile);
  out->set_created_ms(dataset.created_ms);
}

Dataset read(const wire::Dataset& in) {
  Dataset dataset;
  dataset.id = in.id();
  dataset.name = in.name();
  from_raw(in.blob(), dataset.blob.bytes);
  dataset.bytes = in.bytes();
  dataset.rows = in.rows();
  dataset.profile = in.profile();
  dataset.created_ms = in.created_ms();
  return dataset;
}

namespace {

void fill(wire::Split* out, const SplitSpec& split) {
  out->set_method(static_cast<std::uint32_t>(split.method));
  out->set_column(split.column);
  for (const auto& value : split.train)
    out->add_train(value);
  for (const auto& value : split.validation)
    out->add_validation(value);
  for (const auto& value : split.test)
    out->add_test(value);
  out->set_folds(split.folds);
  out->set_gap(split.gap);
}

SplitSpec read(const wire::Split& in) {
  SplitSpec split;
  split.method = static_cast<SplitMethod>(std::min<std::uint32_t>(in.method(), UINT8_MAX));
  split.column = in.column();
  split.train.assign(in.train().begin(), in.train().end());
  split.validation.assign(in.validation().begin(), in.validation().end());
  split.test.assign(in.test().begin(), in.test().end());
  split.folds = in.folds();
  split.gap = in.gap();
  return split;
}

}  // namespace

void fill_plan(wire::StudySpec* out, const StudySpec& spec) {
  if (spec.constraints != Constraints{}) {
    out->mutable_constraints()->set_predict_ms(spec.constraints.predict_ms);
    out->mutable_constraints()->set_model_mb(spec.constraints.model_mb);
    out->mutable_constraints()->set_is_interpretable(spec.constraints.is_interpretable);
  }
  for (const Decision& decision : spec.decisions) {
    auto* made = out->add_decisions();
    made->set_what(decision.what);
    made->set_choice(decision.choice);
    made->set_reason(decision.reason);
  }
}

void read_plan(const wire::StudySpec& in, StudySpec& spec) {
  spec.constraints = {.predict_ms = in.constraints().predict_ms(),
                      .model_mb = in.constraints().model_mb(),
                      .is_interpretable = in.constraints().is_interpretable()};
  for (const auto& made : in.decisions())
    spec.decisions.push_back({made.what(), made.choice(), made.reason()});
}

void fill(wire::StudySpec* out, const StudySpec& spec) {
  out->set_name(spec.name);
  out->set_dataset(spec.dataset);
  out->set_target(spec.target);
  out->set_task(spec.task);
  out->set_metric(spec.metric);
  out->set_maximize(spec.maximize);
  out->set_trials(spec.trials);
  out->set_parallelism(spec.parallelism);
  out->set_time_limit_s(spec.time_limit_s);
  out->set_seed(spec.seed);
  out->set_search_space_json(spec.search_space_json);
  for (const auto& params : spec.initial)
    fill(out->add_initial(), params);
  out->set_epochs(spec.epochs);
  out->set_patience(spec.patience);
  out->set_use_case(spec.use_case);
  for (const auto& tag : spec.tags)
    out->add_tags(tag);
  if (spec.split != SplitSpec{}) fill(out->mutable_split(), spec.split);
  out->set_pruner(static_cast<std::uint32_t>(spec.pruner));
  out->set_priority(spec.priority);
  for (const auto& [key, value] : spec.required_labels) {
    auto* label = out->add_required_labels();
    label->set_key(key);
    label->set_value(value);
  }
  out->set_final_model(static_cast<std::uint32_t>(spec.final_model));
  out->set_trains_rare_classes(spec.trains_rare_classes);
  fill_plan(out, spec);
}

StudySpec read(const wire::StudySpec& in) {
  StudySpec spec;
  spec.name = in.name();
  spec.dataset = in.dataset();
  spec.target = in.target();
  spec.task = in.task();
  spec.metric = in.metric();
  spec.maximize = in.maximize();
  spec.trials = in.trials();
  spec.parallelism = in.parallelism();
  spec.time_limit_s = in.time_limit_s();
  spec.seed = in.seed();
  spec.search_space_json = in.search_space_json();
  spec.initial.reserve(static_cast<std::size_t>(in.initial_size()));
  for (const auto& params : in.initial())
    spec.initial.push_back(read(params));
  spec.epochs = in.epochs();
  spec.patience = in.patience();
  spec.use_case = in.use_case();
  spec.tags.assign(in.tags().begin(), in.tags().end());
  if (in.has_split()) spec.split = read(in.split());
  spec.pruner = in.pruner() == 0 ? Pruner::none : Pruner::asha;
  spec.priority = in.priority();
  for (const auto& label : in.required_labels())
    spec.required_labels[label.key()] = label.value();
  if (in.final_model() <= static_cast<std::uint32_t>(FinalModel::refit_all))
    spec.final_model = static_cast<FinalModel>(in.final_model());
  spec.trains_rare_classes = in.trains_rare_classes();
  read_plan(in, spec);
  return spec;
}

void fill(wire::FinalResult* out, const FinalResult& result) {
  fill_metrics(out->mutable_validation(), result.validation);
  fill_metrics(out->mutable_test(), result.test);
  out->set_rows_train(result.rows_train);
  out->set_rows_validation(result.rows_validation);
  out->set_rows_test(result.rows_test);
  out->set_rows_dropped(result.rows_dropped);
  out->set_split_hash(result.split_hash);
  out->set_artifact(to_raw(result.artifact.bytes));
  out->set_artifact_bytes(result.artifact_bytes);
  out->set_features_json(result.features_json);
  for (const auto& name : result.classes)
    out->add_classes(name);
  out->set_seconds(result.seconds);
  if (result.cost != ModelCost{}) fill(out->mutable_cost(), result.cost);
  for (const auto& [number, cost] : result.candidate_costs) {
    auto* added = out->add_candidate_costs();
    added->set_number(number);
    fill(added->mutable_cost(), cost);
  }
}

FinalResult read(const wire::FinalResult& in) {
  FinalResult result;
  result.validation = read_metrics(in.validation());
  result.test = read_metrics(in.test());
  result.rows_train = in.rows_train();
  result.rows_validation = in.rows_validation();
  result.rows_test = in.rows_test();
  result.rows_dropped = in.rows_dropped();
  result.split_hash = in.split_hash();
  from_raw(in.artifact(), result.artifact.bytes);
  result.artifact_bytes = in.artifact_bytes();
  result.features_json = in.features_json();
  result.classes.assign(in.classes().begin(), in.classes().end());
  result.seconds = in.seconds();
  if (in.has_cost()) result.cost = read(in.cost());
  for (const auto& one : in.candidate_costs())
    result.candidate_costs.push_back({one.number(), read(one.cost())});
  return result;
}

void fill(wire::ModelCost* out, const ModelCost& cost) {
  out->set_bytes(cost.bytes);
  out->set_predict_ms(cost.predict_ms);
}

ModelCost read(const wire::ModelCost& in) {
  return {.bytes = in.bytes(), .predict_ms = in.predict_ms()};
}

namespace {

void fill(wire::TrialCounts* out, const TrialCounts& counts) {
  out->set_queued(counts.queued);
  out->set_running(counts.running);
  out->set_completed(counts.completed);
  out->set_pruned(counts.pruned);
  out->set_failed(counts.failed);
  out->set_infeasible(counts.infeasible);
  out->set_cancelled(counts.cancelled);
}

TrialCounts read(const wire::TrialCounts& in) {
  return {.queued = in.queued(),
          .running = in.running(),
          .completed = in.completed(),
          .pruned = in.pruned(),
          .failed = in.failed(),
          .infeasible = in.infeasible(),
          .cancelled = in.cancelled()};
}

void fill(wire::AttemptEnds* out, const AttemptEnds& ends) {
  out->set_crashed(ends.crashed);
  out->set_node_gone(ends.node_gone);
  out->set_out_of_memory(ends.out_of_memory);
  out->set_made_way(ends.made_way);
  out->set_killed(ends.killed);
  out->set_moved(ends.moved);
  out->set_not_told(ends.not_told);
  out->set_out_of_disk(ends.out_of_disk);
}

AttemptEnds read(const wire::AttemptEnds& in) {
  return {.crashed = in.crashed(),
          .node_gone = in.node_gone(),
          .out_of_memory = in.out_of_memory(),
          .made_way = in.made_way(),
          .killed = in.killed(),
          .moved = in.moved(),
          .not_told = in.not_told(),
          .out_of_disk = in.out_of_disk()};
}

void fill(wire::PastAttempt* out, const PastAttempt& past) {
  ml::fill(out->mutable_attempt(), past.attempt);
  out->set_end(static_cast<std::uint32_t>(past.end));
  out->set_peak_mb(past.peak_mb);
  out->set_why(past.why);
}

std::optional<PastAttempt> read(const wire::PastAttempt& in) {
  PastAttempt past;
  if (!from_number(in.end(), AttemptEnd::out_of_disk, past.end)) return std::nullopt;
  past.attempt = ml::read(in.attempt());
  past.peak_mb = in.peak_mb();
  past.why = in.why();
  return past;
}

}  // namespace

std::string encode(const Dataset& dataset) {
  wire::Dataset out;
  fill(&out, dataset);
  return out.SerializeAsString();
}

std::string encode(const Study& study) {
  wire::Study out;
  out.set_id(study.id);
  fill(out.mutable_spec(), study.spec);
  out.set_status(static_cast<std::uint32_t>(study.status));
  out.set_stop_reason(study.stop_reason);
  out.set_created_ms(study.created_ms);
  out.set_started_ms(study.started_ms);
  out.set_ended_ms(study.ended_ms);
  out.set_began_ms(study.began_ms);
  out.set_paused_ms(study.paused_ms);
  fill(out.mutable_counts(), study.counts);
  out.set_all_final_below(study.all_final_below);
  out.set_trial_seconds(study.trial_seconds);
  if (study.best_number) out.set_best_number(*study.best_number);
  out.set_best_value(study.best_value);
  auto* job = out.mutable_final_job();
  job->set_state(static_cast<std::uint32_t>(study.final_job.state));
  fill(job->mutable_current(), study.final_job.current);
  job->set_attempts(study.final_job.attempts);
  if (study.final_job.ends != AttemptEnds{}) fill(job->mutable_ends(), study.final_job.ends);
  job->set_need_mb(study.final_job.need_mb);
  job->set_error(study.final_job.error);
  if (study.result) fill(out.mutable_result(), *study.result);
  out.set_model(study.model);
  out.set_model_version(study.model_version);
  return out.SerializeAsString();
}

std::string encode(const Trial& trial) {
  wire::Trial out;
  out.set_study(trial.study);
  out.set_number(trial.number);
  if (trial.fit) {
    out.mutable_fit()->set_candidate(trial.fit->candidate);
    out.mutable_fit()->set_fold(trial.fit->fold);
  }
  if (trial.artifact) out.set_artifact(to_raw(trial.artifact->bytes));
  if (trial.cost != ModelCost{}) fill(out.mutable_cost(), trial.cost);
  out.set_state(static_cast<std::uint32_t>(trial.state));
  fill(out.mutable_params(), trial.params);
  fill(out.mutable_current(), trial.current);
  out.set_attempts(trial.attempts);
  if (!trial.queued_at.is_none()) out.set_queued_at(to_raw(trial.queued_at.bytes));
  out.set_lease_ms(trial.lease_ms);
  out.set_due_ms(trial.due_ms);
  if (trial.ends != AttemptEnds{}) fill(out.mutable_ends(), trial.ends);
  for (const auto& past : trial.past)
    fill(out.add_past(), past);
  if (trial.value) out.set_value(*trial.value);
  fill_metrics(out.mutable_metrics(), trial.metrics);
  out.set_best_epoch(trial.best_epoch);
  out.set_epochs(trial.epochs);
  out.set_seconds(trial.seconds);
  for (const double rung : trial.rungs)
    out.add_rungs(rung);
  out.set_estimate_mb(trial.estimate_mb);
  out.set_predicted_peak_mb(trial.predicted_peak_mb);
  out.set_peak_mb(trial.peak_mb);
  out.set_error(trial.error);
  out.set_created_ms(trial.created_ms);
  out.set_started_ms(trial.started_ms);
  out.set_ended_ms(trial.ended_ms);
  return out.SerializeAsString();
}

std::string encode(const Curve& curve) {
  wire::Curve out;
  for (const auto& point : curve) {
    auto* added = out.add_points();
    added->set_epoch(point.epoch);
    added->set_value(point.value);
  }
  return out.SerializeAsString();
}

std::string encode(const ModelVersion& version) {
  wire::ModelVersion out;
  out.set_model(version.model);
  out.set_version(version.version);
  out.set_study(version.study);
  out.set_artifact(to_raw(version.artifact.bytes));
  out.set_bytes(version.bytes);
  out.set_created_ms(version.created_ms);
  out.set_task(version.task);
  out.set_target(version.target);
  out.set_metric(version.metric);
  fill_metrics(out.mutable_test(), version.test);
  fill_metrics(out.mutable_validation(), version.validation);
  fill(out.mutable_params(), version.params);
  out.set_features_json(version.features_json);
  for (const auto& name : version.classes)
    out.add_classes(name);
  return out.SerializeAsString();
}

Result<Dataset> decode_dataset(std::string_view bytes) {
  wire::Dataset in;
  if (!parse(in, bytes)) return corrupt("dataset", bytes);
  return read(in);
}

Result<Study> decode_study(std::string_view bytes) {
  wire::Study in;
  if (!parse(in, bytes)) return corrupt("study", bytes);
  Study study;
  study.id = in.id();
  study.spec = read(in.spec());
  if (!from_number(in.status(), StudyStatus::paused, study.status) ||
      !from_number(in.final_job().state(), FinalState::failed, study.final_job.state))
    return Error{Errc::corrupt, "a study has a state that this version does not know"};
  study.stop_reason = in.stop_reason();
  study.created_ms = in.created_ms();
  study.started_ms = in.started_ms();
  study.ended_ms = in.ended_ms();
  study.began_ms = in.began_ms();
  study.paused_ms = in.paused_ms();
  study.counts = read(in.counts());
  study.all_final_below = in.all_final_below();
  study.trial_seconds = in.trial_seconds();
  if (in.has_best_number()) study.best_number = in.best_number();
  study.best_value = in.best_value();
  study.final_job.current = read(in.final_job().current());
  study.final_job.attempts = in.final_job().attempts();
  if (in.final_job().has_ends()) study.final_job.ends = read(in.final_job().ends());
  study.final_job.need_mb = in.final_job().need_mb();
  study.final_job.error = in.final_job().error();
  if (in.has_result()) study.result = read(in.result());
  study.model = in.model();
  study.model_version = in.model_version();
  return study;
}

Result<Trial> decode_trial(std::string_view bytes) {
  wire::Trial in;
  if (!parse(in, bytes)) return corrupt("trial", bytes);
  Trial trial;
  trial.study = in.study();
  trial.number = in.number();
  if (in.has_fit()) trial.fit = {.candidate = in.fit().candidate(), .fold = in.fit().fold()};
  if (!in.artifact().empty()) from_raw(in.artifact(), trial.artifact.emplace().bytes);
  if (in.has_cost()) trial.cost = read(in.cost());
  if (!from_number(in.state(), TrialState::cancelled, trial.state))
    return Error{Errc::corrupt, "a trial has a state that this version does not know"};
  trial.params = read(in.params());
  trial.current = read(in.current());
  trial.attempts = in.attempts();
  from_raw(in.queued_at(), trial.queued_at.bytes);
  trial.lease_ms = in.lease_ms();
  trial.due_ms = in.due_ms();
  if (in.has_ends()) trial.ends = read(in.ends());
  for (const auto& each : in.past()) {
    auto past = read(each);
    if (!past) return Error{Errc::corrupt, "a trial has an attempt that this version cannot read"};
    trial.past.push_back(std::move(*past));
  }
  if (in.has_value()) trial.value = in.value();
  trial.metrics = read_metrics(in.metrics());
  trial.best_epoch = in.best_epoch();
  trial.epochs = in.epochs();
  trial.seconds = in.seconds();
  trial.rungs.assign(in.rungs().begin(), in.rungs().end());
  trial.estimate_mb = in.estimate_mb();
  trial.predicted_peak_mb = in.predicted_peak_mb();
  trial.peak_mb = in.peak_mb();
  trial.error = in.error();
  trial.created_ms = in.created_ms();
  trial.started_ms = in.started_ms();
  trial.ended_ms = in.ended_ms();
  return trial;
}

Result<Curve> decode_curve(std::string_view bytes) {
  wire::Curve in;
  if (!parse(in, bytes)) return corrupt("curve", bytes);
  Curve curve;
  curve.reserve(static_cast<std::size_t>(in.points_size()));
  for (const auto& point : in.points())
    curve.push_back({.epoch = point.epoch(), .value = point.value()});
  return curve;
}

Result<ModelVersion> decode_version(std::string_view bytes) {
  wire::ModelVersion in;
  if (!parse(in, bytes)) return corrupt("model version", bytes);
  ModelVersion version;
  version.model = in.model();
  version.version = in.version();
  version.study = in.study();
  from_raw(in.artifact(), version.artifact.bytes);
  version.bytes = in.bytes();
  version.created_ms = in.created_ms();
  version.task = in.task();
  version.target = in.target();
  version.metric = in.metric();
  version.test = read_metrics(in.test());
  version.validation = read_metrics(in.validation());
  version.params = read(in.params());
  version.features_json = in.features_json();
  version.classes.assign(in.classes().begin(), in.classes().end());
  return version;
}

std::string encode(const Register& entry) {
  wire::Register out;
  out.set_version(entry.version);
  out.set_value(entry.value);
  return out.SerializeAsString();
}

Result<Register> decode_register(std::string_view bytes) {
  wire::Register in;
  if (!parse(in, bytes)) return corrupt("register", bytes);
  return Register{.key = {}, .version = in.version(), .value = in.value()};
}

std::string encode(const SwarmMember& member) {
  wire::SwarmMember out;
  out.set_public_key(to_raw(member.key.public_key));
  out.set_disk_incarnation(member.key.disk_incarnation);
  out.set_name(member.name);
  out.set_admitted_ms(member.admitted_ms);
  out.set_draining(member.is_draining);
  out.set_wants_vote(member.wants_vote);
  return out.SerializeAsString();
}

Result<SwarmMember> decode_swarm_member(std::string_view bytes) {
  wire::SwarmMember in;
  if (!parse(in, bytes)) return corrupt("member", bytes);
  SwarmMember member;
  from_raw(in.public_key(), member.key.public_key);
  member.key.disk_incarnation = in.disk_incarnation();
  member.node = node_id_of(member.key);
  member.name = in.name();
  member.admitted_ms = in.admitted_ms();
  member.is_draining = in.draining();
  member.wants_vote = in.wants_vote();
  return member;
}

std::string encode(const Invite& invite) {
  wire::Invite out;
  out.set_key(to_raw(invite.key));
  out.set_expires_ms(invite.expires_ms);
  out.set_uses_left(invite.uses_left);
  return out.SerializeAsString();
}

Result<Invite> decode_invite(std::string_view bytes) {
  wire::Invite in;
  if (!parse(in, bytes)) return corrupt("invitation", bytes);
  Invite invite;
  from_raw(in.key(), invite.key);
  invite.expires_ms = in.expires_ms();
  invite.uses_left = in.uses_left();
  return invite;
}

}  // namespace starling::ml
