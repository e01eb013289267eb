#include "ml/work/work_host.h"

#include "ml/schedule/pruning.h"
#include "ml/work/attempt_outcome.h"
#include "ml/work/task_data.h"
#include "node/net/pause.h"
#include "node/net/spawn.h"
#include "node/process/host_resources.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <optional>
#include <utility>

namespace starling::ml {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 1s;             // without news
constexpr auto kSweepEvery = 1min;          // for checkpoints of trials that ended elsewhere
constexpr auto kBeginPause = 100ms;         // between looks for memory that is not there
constexpr auto kFetchPause = 1s;            // between tries to get a data set
constexpr int kTriesPerLine = 60;           // in the log
constexpr int kTriesForFits = 60;           // then nobody holds what a fit left
constexpr int kTriesForRoom = 10;           // on the disk, for data sets; then another node may try
constexpr std::uint64_t kUncountedMb = 32;  // what RLIMIT_DATA does not count of a process
constexpr int kEpochsToObey = 3;            // the one it was in, and what was said of it meanwhile

/// Private memory may exceed the prediction by this much before the kernel says no, where the
/// node's budget has so much to spare; always by the least.
constexpr double kBeginShare = 0.9;

std::filesystem::path checkpoints_dir(const WorkHostSources& sources) {
  return sources.work_dir / "checkpoints";
}

void empty_but_for(const std::filesystem::path& folder, const std::filesystem::path& kept) {
  std::error_code ignored;
  std::filesystem::directory_iterator entry{folder, ignored};
  for (; !ignored && entry != std::filesystem::directory_iterator{}; entry.increment(ignored)) {
    std::error_code left;
    if (entry->path() != kept) std::filesystem::remove_all(entry->path(), left);
  }
}

}  // namespace

struct WorkHost::Running {
  /// It was told to stop at a checkpoint.
  struct Leaving {
    std::optional<NodeId> to;  ///< none: the leader chooses
    std::string why;
    int epochs = 0;  ///< that it has gone on since
  };

  WorkName name;
  std::unique_ptr<WorkerChannel> channel;
  bool has_task = false;  ///< the channel's other end
  bool is_unwanted = false;
  bool is_finished = false;              ///< by an earlier process; only its result is to be said
  std::optional<LogIndex> over_at;       ///< it ended, as the state shows from there on
  std::uint64_t reserved_mb = 0;         ///< while its process runs
  std::optional<std::string> makes_way;  ///< why it was ended to free memory
  AttemptEnd way_end = AttemptEnd::made_way;
  bool can_be_kept = true;  ///< until its process does not obey
  bool is_copied = false;   ///< its checkpoint is on its way to another node
  std::optional<Leaving> leaves;

  bool is_trial() const { return name.trial.has_value(); }

  bool is_leaving() const { return leaves && can_be_kept && channel; }
};

WorkHost::WorkHost(asio::any_io_executor core,
                   WorkerPools& pools,
                   Ledger& ledger,
                   node::BlobStore& blobs,
                   WorkHostSources sources,
                   Logger log)
    : core_(core),
      pools_(pools),
      blobs_(blobs),
      sources_(std::move(sources)),
      results_(core, ledger, sources_.outbox, sources_.recovery_epoch, log),
      checkpoints_(checkpoints_dir(sources_)),
      log_(std::move(log)),
      alarm_(core),
      next_sweep_(std::chrono::steady_clock::now() + kSweepEvery) {}

void WorkHost::start() {
  oom_kills_explained_ = sources_.oom_kills();
  std::error_code ignored;  // An absent folder is as empty as it gets.
  empty_but_for(sources_.work_dir, checkpoints_dir(sources_));
  std::filesystem::create_directories(columns_dir(), ignored);
  const auto said = [this](std::uint64_t token, std::optional<LogIndex> at) {
    end_at(token, at);
    wake();
  };
  for (const std::uint64_t token : results_.say_kept(said))
    active_.emplace(token, std::make_shared<Running>()).first->second->is_finished = true;
  node::spawn(core_, run());
}

void WorkHost::stop() {
  is_stopped_ = true;
  results_.stop();
  alarm_.cancel();
  for (const auto& [token, running] : active_) {
    running->is_unwanted = true;
    if (running->channel) running->channel->kill();
  }
}

void WorkHost::wake() {
  is_woken_ = true;
  alarm_.cancel();
}

std::size_t WorkHost::processes() const {
  const auto has_one = [](const auto& entry) { return entry.second->channel != nullptr; };
  return static_cast<std::size_t>(std::ranges::count_if(active_, has_one));
}

bool WorkHost::ease(const std::string& why) {
  if (processes() < 2) return false;
  for (auto at = active_.rbegin(); at != active_.rend(); ++at)  // tokens grow: youngest first
    if (at->second->is_leaving() || let_go(at->first, std::nullopt, why)) return true;
  return false;
}

/// One that uses more than was predicted is too large for it; another only came at a bad time.
bool WorkHost::make_way(const std::string& why) {
  for (auto at = active_.rbegin(); at != active_.rend(); ++at) {
    Running& running = *at->second;
    if (!running.is_trial() || !running.channel || running.makes_way || running.is_unwanted)
      continue;
    const std::uint64_t used_mb =
        node::private_bytes(static_cast<int>(running.channel->pid())) >> 20;
    const bool is_too_large = used_mb > running.reserved_mb;
    running.way_end = is_too_large ? AttemptEnd::out_of_memory : AttemptEnd::made_way;
    running.makes_way =
        fmt::format("ended at {} MB, {} were predicted: {}", used_mb, running.reserved_mb, why);
    log_.warn("ends its youngest trial token={} why={}", at->first, *running.makes_way);
    running.channel->kill();
    return true;
  }
  return false;
}

bool WorkHost::runs(const WorkName& work) const {
  return std::ranges::any_of(active_, [&work](const auto& entry) {
    return entry.second->channel != nullptr && entry.second->name == work;
  });
}

bool WorkHost::let_go(std::uint64_t token, std::optional<NodeId> to, const std::string& why) {
  const auto at = active_.find(token);
  if (at == active_.end() || feature_level(*sources_.state()) < kMovesLevel) return false;
  const auto running = at->second;
  const bool may_go = running->is_trial() && running->can_be_kept && running->has_task &&
                      running->channel && !running->is_unwanted && !running->leaves &&
                      !running->makes_way;
  if (!may_go) return false;
  running->leaves = Running::Leaving{.to = to, .why = why};
  log_.info("tells a trial to go on elsewhere token={} why={}", token, why);
  node::spawn(core_, tell_to_yield(running));
  return true;
}

asio::awaitable<void> WorkHost::tell_to_yield(std::shared_ptr<Running> running) {
  if (!running->channel) co_return;
  WorkMessage word = WorkYield{};
  // If it has just ended, its result counts.
  static_cast<void>(co_await running->channel->write(std::move(word)));
}

void WorkHost::let_go_of_all() {
  std::vector<std::uint64_t> tokens;
  for (const auto& [token, running] : active_)
    tokens.push_back(token);
  for (const std::uint64_t token : tokens)
    let_go(token, std::nullopt, "its node is drained");
}

asio::awaitable<void> WorkHost::run() {
  while (!is_stopped_) {
    reconcile();
    if (!is_woken_) {
      alarm_.expires_after(kLookEvery);
      co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    is_woken_ = false;
  }
}

std::filesystem::path WorkHost::columns_dir() const {
  return sources_.work_dir / "columns";
}

/// Those of datasets that are gone. A trial that still reads them keeps them until it ends.
void WorkHost::forget_columns() const {
  const auto view = sources_.state();
  std::error_code ignored;
  std::filesystem::directory_iterator entry{columns_dir(), ignored};
  for (; !ignored && entry != std::filesystem::directory_iterator{}; entry.increment(ignored)) {
    const auto path = entry->path();
    const bool is_whole = path.extension() == ".columns";  // or one is writing it
    if (!is_whole || are_datasets_there(*view, path.stem().string())) continue;
    std::error_code gone;
    std::filesystem::remove(path, gone);
  }
}

/// A view that is behind may lack a study: that costs a checkpoint, never a result.
void WorkHost::forget_checkpoints() {
  checkpoints_.forget(*sources_.state(),
                      [this](std::uint64_t token) { return active_.contains(token); });
  next_sweep_ = std::chrono::steady_clock::now() + kSweepEvery;
}

std::filesystem::path WorkHost::attempt_dir(std::uint64_t token) const {
  return sources_.work_dir / std::to_string(token);
}

void WorkHost::reconcile() {
  if (std::chrono::steady_clock::now() >= next_sweep_) forget_checkpoints();
  if (sources_.is_draining()) let_go_of_all();
  const AssignmentPlaces places{.columns_dir = columns_dir(),
                                .checkpoints = checkpoints_,
                                .disk_reserve = sources_.disk_reserve};
  const LogIndex applied = sources_.applied();  // before the state, which may then be newer
  auto given = assignments_of(*sources_.state(), sources_.self, places);
  std::erase_if(active_, [applied](const auto& entry) {
    return entry.second->over_at && *entry.second->over_at <= applied;
  });
  for (const auto& [token, running] : active_) {
    if (given.contains(token) || running->is_finished) continue;
    running->is_unwanted = true;
    if (running->channel) running->channel->kill();
  }
  for (auto& [token, assignment] : given) {
    if (active_.contains(token)) continue;
    active_.emplace(token, std::make_shared<Running>());
    ++running_;
    node::spawn(core_, run_attempt(token, std::move(assignment)));
  }
}

asio::awaitable<void> WorkHost::run_attempt(std::uint64_t token, Assignment assignment) {
  const auto running = active_.at(token);
  log_.info("attempt starts study={} trial={} final={} token={}",
            assignment.task.study,
            assignment.task.number,
            assignment.best.has_value(),
            token);
  std::error_code ignored;
  std::filesystem::create_directories(attempt_dir(token), ignored);
  assignment.task.work_dir = attempt_dir(token).string();
  assignment.task.artifact_path = (attempt_dir(token) / "model.zip").string();

  running->name = assignment.name();
  auto ended = co_await work(token, assignment);
  if (running->channel && sources_.groups != nullptr)
    sources_.groups->release(static_cast<pid_t>(running->channel->pid()));
  running->channel.reset();
  reserved_mb_ -= std::exchange(running->reserved_mb, 0);
  std::optional<LogIndex> recorded;
  if (!running->is_unwanted && !is_stopped_) {
    const bool moves = !ended.done && ended.end == AttemptEnd::moved;
    if (!ended.done && !moves)
      log_.warn("attempt failed study={} trial={} token={} why={}",
                assignment.task.study,
                assignment.task.number,
                token,
                ended.done.error().detail);
    if (moves)
      recorded = co_await record_move(token, assignment);
    else if (assignment.best)
      recorded = co_await record_final(token, assignment, std::move(ended));
    else
      recorded = co_await record_trial(token, assignment, std::move(ended));
  }
  std::filesystem::remove_all(attempt_dir(token), ignored);
  forget_columns();
  forget_checkpoints();
  end_at(token, recorded);
  --running_;
  wake();
}

void WorkHost::end_at(std::uint64_t token, std::optional<LogIndex> at) {
  if (at)
    active_.at(token)->over_at = at;
  else
    active_.erase(token);
}

/// Waits for its data sets, and for memory: what was given may be more than there is at the moment,
/// where a final came beside a trial. Errors: `unavailable`, it was taken back meanwhile;
/// `no_space`, the disk has no room for its data sets.
asio::awaitable<Result<>> WorkHost::may_begin(std::uint64_t token, const Assignment& assignment) {
  const auto running = active_.at(token);
  const auto has_memory = [&] {
    const auto most =
        static_cast<std::uint64_t>(kBeginShare * static_cast<double>(sources_.memory_mb()));
    return reserved_mb_ == 0 || reserved_mb_ + assignment.need_mb <= most;
  };
  for (int tries = 0;; ++tries) {
    const auto data = co_await fetch_inputs(assignment);
    if (running->is_unwanted || is_stopped_)
      co_return Error{Errc::unavailable, "taken back before it began"};
    if (data && has_memory()) break;
    const bool is_full = !data && data.error().code == Errc::no_space;
    if (is_full && tries >= kTriesForRoom) co_return data;
    if (!data && !assignment.fits.empty() && tries >= kTriesForFits)
      co_return Error{Errc::not_found, "what a fit left is nowhere: " + data.error().detail};
    if (!data && tries % kTriesPerLine == 0)
      log_.warn("an attempt waits for its data token={} why={}", token, data.error().detail);
    co_await node::pause(data ? kBeginPause : kFetchPause);
  }
  running->reserved_mb = assignment.need_mb;
  reserved_mb_ += assignment.need_mb;
  co_return Result<>{};
}

asio::awaitable<Result<>> WorkHost::fetch_inputs(const Assignment& assignment) {
  for (const Dataset& dataset : assignment.datasets) {
    const auto held = co_await sources_.fetch(dataset.blob);
    if (!held) co_return held;
  }
  for (const Trial& fit : assignment.fits) {
    const auto held = co_await sources_.fetch(*fit.artifact);
    if (!held) co_return held;
  }
  co_return Result<>{};
}

/// What the other attempts leave of the budget.
std::uint64_t WorkHost::left_mb(const Assignment& assignment) const {
  const std::uint64_t others = reserved_mb_ - std::min(reserved_mb_, assignment.need_mb);
  const std::uint64_t memory_mb = sources_.memory_mb();
  return memory_mb - std::min(memory_mb, others);
}

std::uint64_t WorkHost::memory_cap(const Assignment& assignment) const {
  return assignment.cap_mb(left_mb(assignment));
}

asio::awaitable<AttemptOutcome> WorkHost::work(std::uint64_t token, const Assignment& assignment) {
  const auto running = active_.at(token);
  AttemptOutcome taken_back{.done = Error{Errc::unavailable, "taken back before it began"}};
  const auto begins = co_await may_begin(token, assignment);
  if (!begins) {
    const bool is_gone = begins.error().code == Errc::not_found;
    co_return AttemptOutcome{.done = begins.error(), .may_retry = !is_gone, .end = end_for_disk()};
  }
  if (assignment.was_run && running->can_be_kept)
    co_await sources_.bring_checkpoint(assignment.name(), assignment.last);
  if (running->is_unwanted || is_stopped_) co_return taken_back;
  const bool needs_torch = assignment.engine() == TrainingEngine::torch;
  auto channel = co_await (needs_torch ? pools_.torch() : pools_.native()).spawn();
  if (!channel) co_return AttemptOutcome{.done = channel.error()};
  running->channel = std::move(*channel);
  if (running->is_unwanted) co_return taken_back;
  WorkTask task = assignment.task;
  task.memory_cap_mb = memory_cap(assignment);
  confine(assignment, *running->channel);
  const bool may_prune = task.kind == WorkKind::trial;
  if (const auto study = find_study(*sources_.state(), task.study); study && may_prune)
    task.rung_cutoffs = rung_cutoffs(*sources_.state(), *study, task.number);
  for (const Trial& fit : assignment.fits)
    task.fits.push_back({blobs_.path(*fit.artifact).string(), fit.fit->candidate, fit.fit->fold});
  const auto put = put_datasets(assignment.datasets, blobs_, task);
  if (!put) co_return AttemptOutcome{.done = put.error()};
  WorkMessage message = std::move(task);
  const auto written = co_await running->channel->write(std::move(message));
  if (!written) co_return AttemptOutcome{.done = written.error()};
  running->has_task = true;
  co_return co_await follow(token, assignment, *running->channel);
}

/// What a failure counts as where the disk of this node is short.
std::optional<AttemptEnd> WorkHost::lack_of_disk() const {
  if (!sources_.disk_is_short()) return std::nullopt;
  return end_for_disk();
}

AttemptEnd WorkHost::end_for_disk() const {
  const bool is_known = feature_level(*sources_.state()) >= kOutsideLevel;
  return is_known ? AttemptEnd::out_of_disk : AttemptEnd::made_way;
}

/// The kernel kills by signal 9 and counts it; who makes way kills and says so.
asio::awaitable<AttemptOutcome> WorkHost::exited(std::uint64_t token, WorkerChannel& channel) {
  const auto how = co_await channel.exited();
  const auto running = active_.at(token);
  if (running->makes_way) {
    co_return AttemptOutcome{.done = Error{Errc::no_space, *running->makes_way},
                             .end = running->way_end};
  }
  const bool is_oom = how.signal == SIGKILL && was_ended_for_memory(channel);
  // Else its node has too little. A final gets no more than a node may give: it must end some time.
  const bool was_too_large = !running->is_trial() || how.peak_mb >= running->reserved_mb;
  co_return outcome_of_exit(how, {.is_oom = is_oom, .was_too_large = was_too_large});
}

/// The kernel counts by group where each trial has its own, else each count explains one process.
bool WorkHost::was_ended_for_memory(const WorkerChannel& channel) {
  const auto pid = static_cast<pid_t>(channel.pid());
  if (sources_.groups != nullptr && sources_.groups->is_confined(pid))
    return sources_.groups->oom_kills(pid) > 0;
  return takes_oom_kill();
}

/// RLIMIT_DATA holds its private memory to what was predicted and some; the group, which counts
/// pages of files too, to what the others leave of the node's budget: where that is large, a large
/// table stays in memory.
void WorkHost::confine(const Assignment& assignment, const WorkerChannel& channel) {
  if (sources_.groups == nullptr) return;
  const std::uint64_t most = std::max(memory_cap(assignment), left_mb(assignment));
  const auto confined =
      sources_.groups->confine(static_cast<pid_t>(channel.pid()), (most + kUncountedMb) << 20);
  if (!confined) log_.warn("a trial has no cgroup of its own why={}", confined.error().detail);
}

/// Each that the kernel counts explains one killed process.
bool WorkHost::takes_oom_kill() {
  if (sources_.oom_kills() <= oom_kills_explained_) return false;
  ++oom_kills_explained_;
  return true;
}

asio::awaitable<AttemptOutcome> WorkHost::follow(std::uint64_t token,
                                                 const Assignment& assignment,
                                                 WorkerChannel& channel) {
  for (;;) {
    auto message = co_await channel.read();
    if (!message) {
      if (message.error().code != Errc::corrupt) co_return co_await exited(token, channel);
      channel.kill();
      co_return AttemptOutcome{.done = message.error()};
    }
    if (const auto* progress = std::get_if<WorkProgress>(&*message)) {
      note_refusal(token);
      if (assignment.task.kind != WorkKind::trial) continue;
      sources_.report({.study = assignment.task.study,
                       .number = assignment.task.number,
                       .token = token,
                       .point = {.epoch = progress->epoch, .value = progress->value}});
      continue;
    }
    if (std::holds_alternative<WorkCheckpoint>(*message)) {
      keep_copy(token, assignment.name());
      continue;
    }
    const auto& leaves = active_.at(token)->leaves;
    if (leaves && std::holds_alternative<WorkYielded>(*message)) {
      const Error moved{Errc::unavailable, leaves->why};
      co_return AttemptOutcome{.done = moved, .end = AttemptEnd::moved};
    }
    if (auto* done = std::get_if<WorkDone>(&*message))
      co_return AttemptOutcome{.done = std::move(*done)};
    if (const auto* failed = std::get_if<WorkFailed>(&*message))
      co_return outcome_of_failure(
          *failed, {.cap_mb = memory_cap(assignment), .lack_of_disk = lack_of_disk()});
    channel.kill();
    const Error out_of_turn{Errc::corrupt, "the worker said something out of turn"};
    co_return AttemptOutcome{.done = out_of_turn};
  }
}

asio::awaitable<std::optional<LogIndex>> WorkHost::record(Command command, std::uint64_t token) {
  std::function<bool()> is_unwanted = [running = active_.at(token)] {
    return running->is_unwanted;
  };
  co_return co_await results_.record(std::move(command), token, std::move(is_unwanted));
}

/// One that was told to go and goes on all the same cannot be kept: it ends here.
void WorkHost::note_refusal(std::uint64_t token) {
  Running& running = *active_.at(token);
  if (!running.leaves || ++running.leaves->epochs <= kEpochsToObey) return;
  running.can_be_kept = false;
}

/// One at a time: a slow one leaves out those that were written meanwhile.
void WorkHost::keep_copy(std::uint64_t token, WorkName work) {
  const auto running = active_.at(token);
  if (running->is_copied || running->is_leaving()) return;  // its last one goes with it
  running->is_copied = true;
  node::spawn(core_, copy(running, std::move(work)));
}

asio::awaitable<void> WorkHost::copy(std::shared_ptr<Running> running, WorkName work) {
  const auto copied = co_await sources_.copy_checkpoint(std::move(work), std::nullopt);
  if (!copied) log_.debug("no other node keeps a checkpoint why={}", copied.error().detail);
  running->is_copied = false;
}

/// The checkpoint goes ahead, so that this node may be gone when it is needed.
asio::awaitable<std::optional<LogIndex>> WorkHost::record_move(std::uint64_t token,
                                                               const Assignment& assignment) {
  const auto running = active_.at(token);
  while (running->is_copied && !is_stopped_)  // an older one is still on its way
    co_await node::pause(kBeginPause);
  const auto copied = co_await sources_.copy_checkpoint(running->name, running->leaves->to);
  if (!copied) log_.warn("a checkpoint is here only token={} why={}", token, copied.error().detail);
  Command command;
  command.body = yield_of(assignment, token, running->leaves->to, running->leaves->why);
  co_return co_await record(std::move(command), token);
}

asio::awaitable<std::optional<LogIndex>> WorkHost::record_trial(std::uint64_t token,
                                                                const Assignment& assignment,
                                                                AttemptOutcome outcome) {
  const bool is_fit = assignment.task.kind == WorkKind::fit;
  Result<ContentHash> artifact = Error{Errc::not_found, "it brought none"};
  if (is_fit && outcome.done) artifact = co_await store_artifact(assignment.task.artifact_path);
  Command command;
  command.body = finish_of_trial(assignment, token, outcome, artifact);
  co_return co_await record(std::move(command), token);
}

asio::awaitable<std::optional<LogIndex>> WorkHost::record_final(std::uint64_t token,
                                                                const Assignment& assignment,
                                                                AttemptOutcome outcome) {
  Result<ContentHash> artifact = Error{Errc::not_found, "it brought none"};
  if (outcome.done) artifact = co_await store_artifact(assignment.task.artifact_path);
  Command command;
  command.body = finish_of_final(assignment, token, outcome, artifact);
  co_return co_await record(std::move(command), token);
}

asio::awaitable<Result<ContentHash>> WorkHost::store_artifact(
    const std::filesystem::path& artifact) {
  std::ifstream file{artifact, std::ios::binary};
  if (!file)
    co_return Error{Errc::io, fmt::format("the worker left no artifact at {}", artifact.string())};
  auto writer = blobs_.create();
  if (!writer) co_return writer.error();
  std::array<char, 65536> piece;
  while (file.read(piece.data(), piece.size()) || file.gcount() > 0) {
    const auto size = static_cast<std::size_t>(file.gcount());
    if (auto ok = (*writer)->append(std::as_bytes(std::span{piece}.first(size))); !ok)
      co_return ok.error();
  }
  const auto hash = (*writer)->finish();
  if (!hash) co_return hash.error();
  const auto replicated = co_await sources_.replicate(*hash);
  if (!replicated) co_return replicated.error();
  co_return *hash;
}

}  // namespace starling::ml
