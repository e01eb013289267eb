// Commands and outcomes as bytes.
#include "ml/study/study_wire.h"
#include "ml/study/wire_parts.h"

namespace starling::ml {
namespace {

using ml::fill;
using ml::read;

void fill_body(wire::Command* out, const AddToken& body) {
  out->mutable_add_token()->set_token_hash(to_raw(body.token_hash.bytes));
}

void fill_body(wire::Command* out, const AddDataset& body) {
  fill(out->mutable_add_dataset()->mutable_dataset(), body.dataset);
}

void fill_body(wire::Command* out, const RemoveDataset& body) {
  out->mutable_remove_dataset()->set_id(body.id);
}

void fill_body(wire::Command* out, const CreateStudy& body) {
  out->mutable_create_study()->set_id(body.id);
  fill(out->mutable_create_study()->mutable_spec(), body.spec);
}

void fill_body(wire::Command* out, const StopStudy& body) {
  auto* stop = out->mutable_stop_study();
  stop->set_id(body.id);
  stop->set_reason(body.reason);
  stop->set_then_finish(body.then_finish);
}

void fill_body(wire::Command* out, const QueueTrials& body) {
  auto* queue = out->mutable_queue_trials();
  queue->set_study(body.study);
  for (const auto& trial : body.trials) {
    auto* queued = queue->add_trials();
    queued->set_number(trial.number);
    fill(queued->mutable_params(), trial.params);
    queued->set_predicted_peak_mb(trial.predicted_peak_mb);
    queued->set_estimate_mb(trial.estimate_mb);
  }
}

void fill_body(wire::Command* out, const MoveTrials& body) {
  auto* move = out->mutable_move_trials();
  move->set_why(body.why);
  for (const auto& item : body.items) {
    auto* added = move->add_items();
    added->set_study(item.study);
    added->set_number(item.number);
    added->set_from(to_raw(item.from.bytes));
    added->set_to(to_raw(item.to.bytes));
  }
}

void fill_body(wire::Command* out, const YieldTrial& body) {
  auto* yield = out->mutable_yield_trial();
  yield->set_study(body.study);
  yield->set_number(body.number);
  yield->set_token(body.token);
  yield->set_to(to_raw(body.to.bytes));
  yield->set_why(body.why);
}

void fill_body(wire::Command* out, const AskTrial& body) {
  out->mutable_ask_trial()->set_study(body.study);
  out->mutable_ask_trial()->set_lease_ms(body.lease_ms);
}

void fill_body(wire::Command* out, const PauseStudy& body) {
  out->mutable_pause_study()->set_id(body.id);
  out->mutable_pause_study()->set_paused(body.paused);
}

void fill_body(wire::Command* out, const ExtendStudy& body) {
  out->mutable_extend_study()->set_id(body.id);
  out->mutable_extend_study()->set_trials(body.trials);
}

void fill_body(wire::Command* out, const StartTrial& body) {
  auto* start = out->mutable_start_trial();
  start->set_study(body.study);
  start->set_number(body.number);
  start->set_node(to_raw(body.node.bytes));
}

void fill_body(wire::Command* out, const ReportProgress& body) {
  for (const auto& point : body.points) {
    auto* added = out->mutable_report_progress()->add_points();
    added->set_study(point.study);
    added->set_number(point.number);
    added->set_token(point.token);
    added->mutable_point()->set_epoch(point.point.epoch);
    added->mutable_point()->set_value(point.point.value);
  }
  out->mutable_report_progress();
}

void fill_body(wire::Command* out, const FinishTrial& body) {
  auto* finish = out->mutable_finish_trial();
  finish->set_study(body.study);
  finish->set_number(body.number);
  finish->set_token(body.token);
  finish->set_state(static_cast<std::uint32_t>(body.state));
  finish->set_may_retry(body.may_retry);
  finish->set_value(body.value);
  fill_metrics(finish->mutable_metrics(), body.metrics);
  finish->set_best_epoch(body.best_epoch);
  finish->set_epochs(body.epochs);
  finish->set_seconds(body.seconds);
  finish->set_peak_mb(body.peak_mb);
  finish->set_error(body.error);
  for (const double rung : body.rungs)
    finish->add_rungs(rung);
  finish->set_end(static_cast<std::uint32_t>(body.end));
  if (body.artifact) finish->set_artifact(to_raw(body.artifact->bytes));
  if (body.cost != ModelCost{}) fill(finish->mutable_cost(), body.cost);
}

void fill_body(wire::Command* out, const RefuseTrial& body) {
  out->mutable_refuse_trial()->set_study(body.study);
  out->mutable_refuse_trial()->set_number(body.number);
  out->mutable_refuse_trial()->set_reason(body.reason);
}

void fill_body(wire::Command* out, const StartFinal& body) {
  out->mutable_start_final()->set_study(body.study);
  out->mutable_start_final()->set_node(to_raw(body.node.bytes));
  out->mutable_start_final()->set_need_mb(body.need_mb);
}

void fill_body(wire::Command* out, const FinishFinal& body) {
  auto* finish = out->mutable_finish_final();
  finish->set_study(body.study);
  finish->set_token(body.token);
  if (body.result) fill(finish->mutable_result(), *body.result);
  finish->set_may_retry(body.may_retry);
  finish->set_error(body.error);
  finish->set_end(static_cast<std::uint32_t>(body.end));
}

void fill_body(wire::Command* out, const ExpireAttempts& body) {
  auto* expire = out->mutable_expire_attempts();
  expire->set_reason(body.reason);
  for (const auto& item : body.items) {
    auto* added = expire->add_items();
    added->set_study(item.study);
    if (item.number) added->set_number(*item.number);
    added->set_token(item.token);
  }
}

void fill_body(wire::Command* out, const SetRegister& body) {
  auto* set = out->mutable_set_register();
  set->set_key(body.key);
  set->set_value(body.value);
  if (body.expected) set->set_expected(*body.expected);
}

void fill_body(wire::Command* out, const RaiseFeatureLevel& body) {
  out->mutable_raise_feature_level()->set_level(body.level);
}

void fill_body(wire::Command* out, const RemoveRegister& body) {
  auto* remove = out->mutable_remove_register();
  remove->set_key(body.key);
  if (body.expected) remove->set_expected(*body.expected);
}

QueueTrials read(const wire::QueueTrials& in) {
  QueueTrials queue{.study = in.study(), .trials = {}};
  queue.trials.reserve(static_cast<std::size_t>(in.trials_size()));
  for (const auto& trial : in.trials()) {
    queue.trials.push_back({.number = trial.number(),
                            .params = read(trial.params()),
                            .predicted_peak_mb = trial.predicted_peak_mb(),
                            .estimate_mb = trial.estimate_mb()});
  }
  return queue;
}

MoveTrials read(const wire::MoveTrials& in) {
  MoveTrials move{.items = {}, .why = in.why()};
  move.items.reserve(static_cast<std::size_t>(in.items_size()));
  for (const auto& item : in.items()) {
    MoveTrials::Item added{.study = item.study(), .number = item.number(), .from = {}, .to = {}};
    from_raw(item.from(), added.from.bytes);
    from_raw(item.to(), added.to.bytes);
    move.items.push_back(std::move(added));
  }
  return move;
}

YieldTrial read(const wire::YieldTrial& in) {
  YieldTrial yield{
      .study = in.study(), .number = in.number(), .token = in.token(), .to = {}, .why = in.why()};
  from_raw(in.to(), yield.to.bytes);
  return yield;
}

ReportProgress read(const wire::ReportProgress& in) {
  ReportProgress report;
  report.points.reserve(static_cast<std::size_t>(in.points_size()));
  for (const auto& point : in.points()) {
    report.points.push_back(
        {.study = point.study(),
         .number = point.number(),
         .token = point.token(),
         .point = {.epoch = point.point().epoch(), .value = point.point().value()}});
  }
  return report;
}

std::optional<FinishTrial> read(const wire::FinishTrial& in) {
  FinishTrial finish;
  if (!from_number(in.state(), TrialState::cancelled, finish.state)) return std::nullopt;
  finish.study = in.study();
  finish.number = in.number();
  finish.token = in.token();
  finish.may_retry = in.may_retry();
  finish.value = in.value();
  finish.metrics = read_metrics(in.metrics());
  finish.best_epoch = in.best_epoch();
  finish.epochs = in.epochs();
  finish.seconds = in.seconds();
  finish.peak_mb = in.peak_mb();
  finish.error = in.error();
  finish.rungs.assign(in.rungs().begin(), in.rungs().end());
  if (!in.artifact().empty()) from_raw(in.artifact(), finish.artifact.emplace().bytes);
  if (in.has_cost()) finish.cost = read(in.cost());
  const bool has_cause = in.end() != 0;  // entries of before level 7 have none
  if (has_cause && !from_number(in.end(), AttemptEnd::out_of_disk, finish.end)) return std::nullopt;
  return finish;
}

std::optional<FinishFinal> read(const wire::FinishFinal& in) {
  FinishFinal finish;
  const bool has_cause = in.end() != 0;  // entries of before level 7 have none
  if (has_cause && !from_number(in.end(), AttemptEnd::out_of_disk, finish.end)) return std::nullopt;
  finish.study = in.study();
  finish.token = in.token();
  if (in.has_result()) finish.result = read(in.result());
  finish.may_retry = in.may_retry();
  finish.error = in.error();
  return finish;
}

ExpireAttempts read(const wire::ExpireAttempts& in) {
  ExpireAttempts expire{.items = {}, .reason = in.reason()};
  expire.items.reserve(static_cast<std::size_t>(in.items_size()));
  for (const auto& item : in.items()) {
    ExpireAttempts::Item added{.study = item.study(), .number = {}, .token = item.token()};
    if (item.has_number()) added.number = item.number();
    expire.items.push_back(std::move(added));
  }
  return expire;
}

SetRegister read(const wire::SetRegister& in) {
  SetRegister set{.key = in.key(), .value = in.value(), .expected = {}};
  if (in.has_expected()) set.expected = in.expected();
  return set;
}

RemoveRegister read(const wire::RemoveRegister& in) {
  RemoveRegister remove{.key = in.key(), .expected = {}};
  if (in.has_expected()) remove.expected = in.expected();
  return remove;
}

void fill_body(wire::Command* out, const AddMember& body) {
  auto* add = out->mutable_add_member();
  add->set_public_key(to_raw(body.key.public_key));
  add->set_disk_incarnation(body.key.disk_incarnation);
  add->set_name(body.name);
  if (body.invite) add->set_invite(to_raw(*body.invite));
}

void fill_body(wire::Command* out, const RemoveMember& body) {
  out->mutable_remove_member()->set_node(to_raw(body.node.bytes));
}

void fill_body(wire::Command* out, const MarkMember& body) {
  auto* mark = out->mutable_mark_member();
  mark->set_node(to_raw(body.node.bytes));
  if (body.draining) mark->set_draining(*body.draining);
  if (body.wants_vote) mark->set_wants_vote(*body.wants_vote);
}

void fill_body(wire::Command* out, const AddInvite& body) {
  auto* add = out->mutable_add_invite();
  add->set_key(to_raw(body.key));
  add->set_life_ms(body.life_ms);
  add->set_uses(body.uses);
}

void fill_body(wire::Command* out, const AddSwarmKey& body) {
  out->mutable_add_swarm_key()->set_key(to_raw(body.key));
}

void fill_body(wire::Command* out, const UseSwarmKey& body) {
  out->mutable_use_swarm_key()->set_generation(body.generation);
}

void fill_body(wire::Command* out, const NoteDecision& body) {
  out->mutable_note_decision()->set_what(body.what);
  out->mutable_note_decision()->set_why(body.why);
}

void fill_body(wire::Command* out, const Adopt& body) {
  out->mutable_adopt()->set_from(to_raw(body.from.bytes));
  out->mutable_adopt()->set_pairs(body.pairs);
  out->mutable_adopt()->set_trials(body.trials);
}

AddMember read(const wire::AddMember& in) {
  AddMember add;
  from_raw(in.public_key(), add.key.public_key);
  add.key.disk_incarnation = in.disk_incarnation();
  add.name = in.name();
  if (!in.invite().empty()) from_raw(in.invite(), add.invite.emplace());
  return add;
}

MarkMember read(const wire::MarkMember& in) {
  MarkMember mark;
  from_raw(in.node(), mark.node.bytes);
  if (in.has_draining()) mark.draining = in.draining();
  if (in.has_wants_vote()) mark.wants_vote = in.wants_vote();
  return mark;
}

AddInvite read(const wire::AddInvite& in) {
  AddInvite add{.key = {}, .life_ms = in.life_ms(), .uses = in.uses()};
  from_raw(in.key(), add.key);
  return add;
}

std::optional<CommandBody> read_body(const wire::Command& in) {
  switch (in.body_case()) {
    case wire::Command::kAddToken: {
      AddToken body;
      from_raw(in.add_token().token_hash(), body.token_hash.bytes);
      return body;
    }
    case wire::Command::kAddDataset: return AddDataset{read(in.add_dataset().dataset())};
    case wire::Command::kRemoveDataset: return RemoveDataset{in.remove_dataset().id()};
    case wire::Command::kCreateStudy:
      return CreateStudy{in.create_study().id(), read(in.create_study().spec())};
    case wire::Command::kStopStudy:
      return StopStudy{
          in.stop_study().id(), in.stop_study().reason(), in.stop_study().then_finish()};
    case wire::Command::kQueueTrials: return read(in.queue_trials());
    case wire::Command::kStartTrial: {
      StartTrial body{in.start_trial().study(), in.start_trial().number(), {}};
      from_raw(in.start_trial().node(), body.node.bytes);
      return body;
    }
    case wire::Command::kReportProgress: return read(in.report_progress());
    case wire::Command::kRefuseTrial: {
      const auto& refuse = in.refuse_trial();
      return RefuseTrial{refuse.study(), refuse.number(), refuse.reason()};
    }
    case wire::Command::kFinishTrial: return read(in.finish_trial());
    case wire::Command::kStartFinal: {
      StartFinal body{in.start_final().study(), {}, in.start_final().need_mb()};
      from_raw(in.start_final().node(), body.node.bytes);
      return body;
    }
    case wire::Command::kFinishFinal: return read(in.finish_final());
    case wire::Command::kExpireAttempts: return read(in.expire_attempts());
    case wire::Command::kSetRegister: return read(in.set_register());
    case wire::Command::kRemoveRegister: return read(in.remove_register());
    case wire::Command::kRaiseFeatureLevel:
      return RaiseFeatureLevel{in.raise_feature_level().level()};
    case wire::Command::kAddMember: return read(in.add_member());
    case wire::Command::kRemoveMember: {
      RemoveMember body;
      from_raw(in.remove_member().node(), body.node.bytes);
      return body;
    }
    case wire::Command::kMarkMember: return read(in.mark_member());
    case wire::Command::kAddInvite: return read(in.add_invite());
    case wire::Command::kAddSwarmKey: {
      AddSwarmKey body;
      from_raw(in.add_swarm_key().key(), body.key);
      return body;
    }
    case wire::Command::kUseSwarmKey: return UseSwarmKey{in.use_swarm_key().generation()};
    case wire::Command::kNoteDecision:
      return NoteDecision{in.note_decision().what(), in.note_decision().why()};
    case wire::Command::kAdopt: {
      Adopt body{.from = {}, .pairs = in.adopt().pairs(), .trials = in.adopt().trials()};
      from_raw(in.adopt().from(), body.from.bytes);
      return body;
    }
    case wire::Command::kMoveTrials: return read(in.move_trials());
    case wire::Command::kYieldTrial: return read(in.yield_trial());
    case wire::Command::kAskTrial:
      return AskTrial{in.ask_trial().study(), in.ask_trial().lease_ms()};
    case wire::Command::kPauseStudy:
      return PauseStudy{in.pause_study().id(), in.pause_study().paused()};
    case wire::Command::kExtendStudy:
      return ExtendStudy{in.extend_study().id(), in.extend_study().trials()};
    case wire::Command::BODY_NOT_SET: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::string encode(const Command& command) {
  wire::Command out;
  out.set_key(command.key);
  out.set_request_hash(command.request_hash);
  out.set_time_ms(command.time_ms);
  out.set_wall_ms(command.wall_ms);
  std::visit([&out](const auto& body) { fill_body(&out, body); }, command.body);
  return out.SerializeAsString();
}

std::string with_time(std::string_view command, std::uint64_t time_ms, std::uint64_t wall_ms) {
  // Protocol Buffers: where a field comes twice, the last one counts.
  wire::Command time;
  time.set_time_ms(time_ms);
  time.set_wall_ms(wall_ms);
  std::string stamped{command};
  time.AppendToString(&stamped);
  return stamped;
}

std::string encode(const Outcome& outcome) {
  wire::Outcome out;
  if (outcome.error) {
    out.set_error_code(static_cast<std::uint32_t>(outcome.error->code));
    out.set_error_detail(outcome.error->detail);
  }
  out.set_id(outcome.id);
  out.set_number(outcome.number);
  return out.SerializeAsString();
}

Result<Command> decode_command(std::string_view bytes) {
  wire::Command in;
  if (!parse(in, bytes)) return corrupt("command", bytes);
  auto body = read_body(in);
  if (!body) return Error{Errc::corrupt, "a command of a kind or state this version does not know"};
  Command command;
  command.key = in.key();
  command.request_hash = in.request_hash();
  command.time_ms = in.time_ms();
  command.wall_ms = in.wall_ms();
  command.body = std::move(*body);
  return command;
}

Result<Outcome> decode_outcome(std::string_view bytes) {
  wire::Outcome in;
  if (!parse(in, bytes)) return corrupt("outcome", bytes);
  Outcome outcome{.id = in.id(), .number = in.number(), .error = {}};
  if (in.error_code() != 0) {
    Errc code{};
    if (!from_number(in.error_code(), Errc::unsupported, code)) return corrupt("outcome", bytes);
    outcome.error = Error{code, in.error_detail()};
  }
  return outcome;
}

}  // namespace starling::ml
