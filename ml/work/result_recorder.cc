#include "ml/work/result_recorder.h"

#include "ml/study/swarm_members.h"
#include "node/net/pause.h"
#include "node/net/spawn.h"

#include <fmt/format.h>

#include <utility>

namespace starling::ml {
namespace {

using namespace std::chrono_literals;

constexpr auto kRecordPatience = 5s;  // per try
constexpr auto kRecordPause = 500ms;
constexpr int kTriesPerLine = 60;  // in the log

/// What a result is of, for people.
std::string subject_of(const Command& result) {
  if (const auto* trial = std::get_if<FinishTrial>(&result.body))
    return fmt::format(
        "trial {} of study {}, value {:.6g}", trial->number, trial->study, trial->value);
  const auto* final_model = std::get_if<FinishFinal>(&result.body);
  return fmt::format("the model of study {}",
                     final_model == nullptr ? "unknown" : final_model->study);
}

bool is_of_fit(const Command& result) {
  const auto* trial = std::get_if<FinishTrial>(&result.body);
  return trial != nullptr && trial->number >= kFitsFrom;
}

bool may_be_heard_later(const Error& error) {
  return error.code == Errc::unavailable || error.code == Errc::timed_out ||
         error.code == Errc::not_leader || error.code == Errc::no_space;
}

}  // namespace

ResultRecorder::ResultRecorder(asio::any_io_executor core,
                               Ledger& ledger,
                               std::filesystem::path outbox,
                               std::uint64_t recovery_epoch,
                               Logger log)
    : core_(core),
      ledger_(ledger),
      outbox_(std::move(outbox)),
      recovery_epoch_(recovery_epoch),
      log_(std::move(log)) {}

std::vector<std::uint64_t> ResultRecorder::say_kept(OnSaid on_said) {
  std::vector<std::uint64_t> tokens;
  for (auto&& [token, result] : outbox_.kept()) {
    tokens.push_back(token);
    node::spawn(core_, say_again(token, std::move(result), on_said));
  }
  for (auto&& [token, result] : outbox_.said_before(recovery_epoch_))
    node::spawn(core_, regain(token, std::move(result)));
  return tokens;
}

/// The state here may be older than the result, so only the swarm can say that it is too late.
asio::awaitable<void> ResultRecorder::say_again(std::uint64_t token,
                                                Command result,
                                                OnSaid on_said) {
  log_.info("says a result of before its start again token={}", token);
  std::function<bool()> is_unwanted = [] { return false; };
  const auto at = co_await record(std::move(result), token, std::move(is_unwanted));
  on_said(token, at);
}

/// The swarm was recovered since this was acknowledged: what held it may be gone. If it is still
/// there, or its attempt is, nothing is lost.
asio::awaitable<void> ResultRecorder::regain(std::uint64_t token, Command result) {
  Result<Recorded> recorded = Error{Errc::unavailable, "not said yet"};
  while (!is_stopped_) {
    recorded = co_await ledger_.append(result, kRecordPatience);
    if (recorded || !may_be_heard_later(recorded.error())) break;
    co_await node::pause(kRecordPause);
  }
  if (is_stopped_) co_return;
  const bool stands = recorded && !recorded->outcome.error;
  if (stands) {
    log_.info("an acknowledged result stands after the recovery token={}", token);
    outbox_.note_said(token, recovery_epoch_);
    co_return;
  }
  const Error why = recorded ? *recorded->outcome.error : recorded.error();
  outbox_.forget_said(token);
  if (is_of_fit(result)) co_return;  // forgotten with its bag; the model speaks for itself
  co_await report_lost(
      fmt::format("an acknowledged result is lost: {}; {}", subject_of(result), why.detail));
}

asio::awaitable<void> ResultRecorder::report_lost(std::string what) {
  log_.error("{}", what);
  Command command;
  command.body = NoteDecision{.what = "recover", .why = what.substr(0, kWhyMax)};
  const auto noted = co_await ledger_.append(std::move(command), kRecordPatience);
  if (!noted) log_.warn("that is not in the event log why={}", noted.error().detail);
}

asio::awaitable<std::optional<LogIndex>> ResultRecorder::record(Command result,
                                                                std::uint64_t token,
                                                                std::function<bool()> is_unwanted) {
  if (auto kept = outbox_.keep(token, result); !kept)
    log_.error("a result is not safe yet token={} why={}", token, kept.error().detail);
  bool is_recorded = false;
  std::optional<LogIndex> at;
  for (int tries = 0;; ++tries) {
    const auto recorded = co_await ledger_.append(result, kRecordPatience);
    is_recorded = recorded && !recorded->outcome.error;
    if (recorded) at = recorded->index;
    if (recorded && recorded->outcome.error)
      log_.info("a result came too late token={} why={}", token, recorded->outcome.error->detail);
    if (is_stopped_ && !recorded) co_return at;
    if (recorded || is_unwanted()) break;
    if (!may_be_heard_later(recorded.error())) {
      log_.error("a result is refused token={} why={}", token, recorded.error().detail);
      break;
    }
    if (tries % kTriesPerLine == 0)
      log_.warn("a result waits to be recorded token={} why={}", token, recorded.error().detail);
    co_await node::pause(kRecordPause);
  }
  const bool is_result = !std::holds_alternative<YieldTrial>(result.body);
  if (is_recorded && is_result)
    outbox_.note_said(token, recovery_epoch_);
  else
    outbox_.forget(token);
  co_return at;
}

}  // namespace starling::ml
