#include "consensus/group/raft_engine.h"

#include "consensus/group/apply_entries.h"
#include "consensus/raft/raft_wire.h"
#include "node/base/clock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdlib>

namespace starling::consensus {
namespace {

constexpr std::chrono::seconds kChunkPatience{10};
constexpr std::chrono::minutes kSnapshotKept{2};  // an interrupted one pins the state that long
constexpr std::chrono::milliseconds kStallLeast{2000};
constexpr std::chrono::seconds kDiskLookedAtEvery{1};

Error stopped() {
  return Error{Errc::timed_out, "this node stops; whether the command is committed is unknown"};
}

asio::awaitable<Result<std::vector<EntryRef>>> read_from(std::shared_ptr<DiskLogStore> store,
                                                         LogIndex after,
                                                         LogIndex until,
                                                         std::size_t bytes_max) {
  co_return store->read_log(after, until, bytes_max);
}

}  // namespace

RaftEngine::RaftEngine(asio::any_io_executor core_executor,
                       RaftGroupOptions options,
                       StateMachine& machine,
                       node::PeerLinks& links,
                       RaftGroup::AddressOf address_of,
                       std::shared_ptr<DiskLogStore> store,
                       RestoredState restored)
    : executor_(std::move(core_executor)),
      options_(std::move(options)),
      machine_(machine),
      links_(links),
      address_of_(std::move(address_of)),
      store_(std::move(store)),
      log_("raft", options_.self.hex().substr(0, 8)),
      core_({options_.swarm, options_.self},
            std::move(restored),
            options_.timings,
            options_.seed,
            mono_now()),
      receiver_(*store_),
      chain_(*store_->view()),
      timer_(executor_),
      watchdog_(executor_),
      heard_leader_at_(mono_now()),
      last_at_start_(core_.log().last_index()),
      applied_(core_.applied_index().value) {
  status_.recovering_to = last_at_start_;
  update_status(true);
}

RaftEngine::~RaftEngine() {
  close();
}

void RaftEngine::start() {
  input([](RaftCore& core, Effects& effects) { core.tick(mono_now(), effects); });
}

void RaftEngine::close() {
  if (is_closed_) return;
  is_closed_ = true;
  timer_.cancel();
  watchdog_.cancel();
  end_waits();
  reader_.join();
  disk_.join();
}

void RaftEngine::end_waits() {
  for (auto& each : proposed_)
    each.waiter->set(Error{Errc::unavailable, "this node stops; the command was not taken"});
  for (auto& [context, waiter] : offered_)
    waiter->set(stopped());
  for (auto& [index, waiting] : in_log_)
    waiting.waiter->set(stopped());
  for (auto& [context, waiter] : reads_)
    waiter->set(Error{Errc::unavailable, "this node stops"});
  for (auto& [index, waiter] : reached_)
    waiter->set(Error{Errc::timed_out, "this node stops"});
  for (auto& waiter : handing_over_)
    waiter->set({});
}

template <class Input>
void RaftEngine::input(const Input& give) {
  if (is_closed_) return;
  Effects effects;
  give(core_, effects);
  carry_out(effects);
}

void RaftEngine::carry_out(Effects& effects) {
  if (effects.fatal) stop_as_lost(*effects.fatal);
  send(effects.send);
  if (effects.persist) write(std::move(*effects.persist));
  settle_proposals(effects.proposals);
  settle_reads(effects.reads);
  if (effects.discard_staged && !store_->begin_staging()) stop_for("the staging area is stuck");
  for (const SnapshotSend& wanted : effects.snapshots)
    asio::co_spawn(executor_, send_snapshot(shared_from_this(), wanted), asio::detached);
  for (const LogRead& read : effects.log_reads)
    read_log(read);
  update_status(effects.role.has_value());
  if (effects.role) report_role();
  report_commit();
  if (!effects.apply.empty()) {
    const std::weak_ptr<RaftEngine> weak = weak_from_this();
    asio::post(executor_, [weak, entries = std::move(effects.apply)] {
      if (const auto self = weak.lock(); self && !self->is_closed_) self->apply(entries);
    });
  }
  arm_timer();
}

void RaftEngine::send(const std::vector<Message>& messages) {
  for (const Message& message : messages) {
    const auto address = address_of_(message.to);
    if (address) links_.send(*address, node::Channel::raft, encode_message(message));
  }
}

void RaftEngine::write(PersistBatch batch) {
  const std::weak_ptr<RaftEngine> weak = weak_from_this();
  watch_write(batch.id);
  asio::post(disk_, [weak, store = store_, executor = executor_, batch = std::move(batch)] {
    static_cast<void>(store->persist(batch));  // returns only when it is durable
    asio::post(executor, [weak, id = batch.id] {
      if (const auto self = weak.lock()) self->after_write(id);
    });
  });
}

void RaftEngine::watch_write(std::uint64_t batch_id) {
  batch_on_disk_ = batch_id;
  watchdog_.expires_after(std::max(2 * options_.timings.election, kStallLeast));
  const std::weak_ptr<RaftEngine> weak = weak_from_this();
  watchdog_.async_wait([weak, batch_id](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->is_closed_ || self->batch_on_disk_ != batch_id) return;
    self->log_.error("the disk has not confirmed a write for seconds");
    self->write_hangs_ = true;
    self->look_at_disk();
  });
}

/// A node whose disk hangs or is full does not lead.
void RaftEngine::look_at_disk() {
  disk_looked_at_ = mono_now();
  const bool is_full = options_.disk_is_full && options_.disk_is_full();
  const bool is_bad = write_hangs_ || is_full;
  if (is_bad == core_.is_disk_stalled()) return;
  if (is_bad)
    log_.error("this node does not lead for now: its disk {}", is_full ? "is full" : "hangs");
  else
    log_.info("the disk is well again");
  input([is_bad](RaftCore& core, Effects& effects) {
    core.disk_stalled(mono_now(), is_bad, effects);
  });
}

void RaftEngine::read_log(const LogRead& read) {
  const std::weak_ptr<RaftEngine> weak = weak_from_this();
  asio::post(reader_, [weak, store = store_, executor = executor_, read] {
    auto entries = store->read_log(read.after, read.until, read.bytes_max);
    asio::post(executor, [weak, read, entries = std::move(entries)] {
      const auto self = weak.lock();
      if (!self) return;
      if (!entries) self->stop_for(entries.error().detail);
      self->input([&](RaftCore& core, Effects& effects) {
        core.log_read(mono_now(), read, *entries, effects);
      });
    });
  });
}

asio::awaitable<Result<std::vector<EntryRef>>> RaftEngine::read_entries(
    std::shared_ptr<RaftEngine> self, LogIndex after, LogIndex until, std::size_t bytes_max) {
  auto work = read_from(self->store_, after, until, bytes_max);
  co_return co_await asio::co_spawn(self->reader_, std::move(work), asio::use_awaitable);
}

void RaftEngine::after_write(std::uint64_t batch_id) {
  batch_on_disk_ = 0;
  watchdog_.cancel();
  if (std::exchange(write_hangs_, false)) look_at_disk();
  const LogIndex applied_before = core_.applied_index();
  input([&](RaftCore& core, Effects& effects) { core.persisted(mono_now(), batch_id, effects); });
  if (!is_closed_ && core_.applied_index() > applied_before) {
    log_.info("installed snapshot index={}", core_.applied_index().value);
    chain_ = StateChain{*store_->view()};
    machine_.state_replaced();
    note_applied(core_.applied_index());
  }
}

std::shared_ptr<RaftEngine::Command> RaftEngine::propose(std::string command) {
  auto waiter = std::make_shared<Command>(executor_);
  if (is_closed_) {
    waiter->set(Error{Errc::unavailable, "this node stops; the command was not taken"});
    return waiter;
  }
  proposed_.push_back({std::move(command), waiter});
  if (flush_posted_) return waiter;
  flush_posted_ = true;
  // What else is ready to propose now joins the same batch.
  const std::weak_ptr<RaftEngine> weak = weak_from_this();
  asio::post(executor_, [weak] {
    if (const auto self = weak.lock()) self->flush_proposals();
  });
  return waiter;
}

void RaftEngine::flush_proposals() {
  flush_posted_ = false;
  if (is_closed_) return;
  std::vector<Proposal> proposals;
  for (Proposed& each : proposed_) {
    offered_[next_context_] = std::move(each.waiter);
    proposals.push_back({next_context_++, std::move(each.command)});
  }
  proposed_.clear();
  input([&](RaftCore& core, Effects& effects) {
    core.propose(mono_now(), std::move(proposals), effects);
  });
}

void RaftEngine::settle_proposals(std::vector<ProposalOutcome>& outcomes) {
  for (ProposalOutcome& outcome : outcomes) {
    auto offered = offered_.extract(outcome.context);
    if (outcome.index)
      in_log_.emplace(*outcome.index, InLog{outcome.term, std::move(offered.mapped())});
    else
      offered.mapped()->set(outcome.index.error());
  }
}

void RaftEngine::settle_entry(const Entry& entry, const std::string& result) {
  const auto [first, last] = in_log_.equal_range(entry.index);
  for (auto at = first; at != last; ++at) {
    if (at->second.term == entry.term) {
      const AppliedCommand applied{entry.index, result};
      at->second.waiter->set(applied);
    } else {
      at->second.waiter->set(
          Error{Errc::unavailable, "a new leader replaced the command before it was committed"});
    }
  }
  in_log_.erase(first, last);
}

void RaftEngine::settle_reads(const std::vector<ReadReady>& reads) {
  for (const ReadReady& ready : reads) {
    const auto waiting = reads_.extract(ready.context);
    if (ready.index)
      waiting.mapped()->set(*ready.index);
    else
      waiting.mapped()->set(Error{
          Errc::not_leader,
          core_.leader().value_or(NodeId{}).is_none() ? std::string{} : core_.leader()->hex()});
  }
}

void RaftEngine::apply(const std::vector<EntryRef>& entries) {
  const auto base = store_->live_view();
  const auto done = apply_entries(machine_, chain_, *base, entries);
  if (!done && done.error().code == Errc::conflict) stop_as_lost(done.error().detail);
  if (!done) stop_for(done.error().detail);
  const LogIndex last = entries.back()->index;
  const auto written = store_->apply(done->changes, last);
  if (!written) stop_for(written.error().detail);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    bytes_since_compaction_ += size_of(*entries[i]);
    settle_entry(*entries[i], done->results[i]);
  }
  input([&](RaftCore& core, Effects& effects) { core.applied(mono_now(), last, effects); });
  if (done->check) {
    input([&](RaftCore& core, Effects& effects) {
      core.state_checked(mono_now(), *done->check, effects);
    });
  }
  note_applied(last);
  compact();
}

void RaftEngine::note_applied(LogIndex index) {
  applied_ = index.value;
  update_status(false);
  try_hand_over();
  // What a snapshot jumped over is done or replaced; nobody here knows which.
  for (auto at = in_log_.begin(); at != in_log_.upper_bound(index); ++at)
    at->second.waiter->set(Error{Errc::timed_out, "whether the command is committed is unknown"});
  in_log_.erase(in_log_.begin(), in_log_.upper_bound(index));
  for (auto at = reached_.begin(); at != reached_.upper_bound(index); ++at)
    at->second->set({});
  reached_.erase(reached_.begin(), reached_.upper_bound(index));
  if (applied_handler_) applied_handler_(index);
}

void RaftEngine::compact() {
  const RaftLog& log = core_.log();
  const std::uint64_t held = core_.applied_index().value - log.base_index().value;
  // Not all voters at the same entry: their disks would be busy together.
  const std::uint64_t spread = options_.seed % (options_.compact_after_entries / 8 + 1);
  const bool is_long = held >= std::max<std::uint64_t>(options_.compact_after_entries + spread, 2);
  const bool is_large = bytes_since_compaction_ >= options_.compact_after_bytes && held >= 2;
  if (is_closed_ || core_.is_installing() || (!is_long && !is_large)) return;
  const LogIndex cut = core_.compaction_point(mono_now(), options_.compact_after_entries);
  if (cut <= log.base_index()) return;
  const auto written = store_->compact(log.meta_at(cut));
  if (!written) stop_for(written.error().detail);
  core_.compact(cut);
  bytes_since_compaction_ = 0;
  log_.debug("compacted the log base={}", cut.value);
}

std::shared_ptr<RaftEngine::Read> RaftEngine::read_index() {
  auto waiter = std::make_shared<Read>(executor_);
  const std::uint64_t context = next_context_++;
  if (is_closed_) {
    waiter->set(Error{Errc::unavailable, "this node stops"});
    return waiter;
  }
  reads_[context] = waiter;
  input([&](RaftCore& core, Effects& effects) { core.read_index(mono_now(), context, effects); });
  return waiter;
}

std::shared_ptr<RaftEngine::Reached> RaftEngine::reach(LogIndex index) {
  auto waiter = std::make_shared<Reached>(executor_);
  if (applied() >= index)
    waiter->set({});
  else
    reached_.emplace(index, waiter);
  return waiter;
}

Result<LogIndex> RaftEngine::change_config(const std::set<NodeId>& voters,
                                           const std::set<NodeId>& learners) {
  Result<LogIndex> index = Error{Errc::unavailable, "this node stops"};
  input([&](RaftCore& core, Effects& effects) {
    index = core.change_config(mono_now(), voters, learners, effects);
  });
  if (!is_closed_) update_status(true);
  return index;
}

std::shared_ptr<RaftEngine::Reached> RaftEngine::hand_over(std::set<NodeId> among) {
  auto waiter = std::make_shared<Reached>(executor_);
  if (is_closed_ || core_.role() != Role::leader) {
    waiter->set({});
    return waiter;
  }
  handing_over_.push_back(waiter);
  successors_ = std::move(among);
  try_hand_over();
  return waiter;
}

/// Nobody else may be able to lead while a change of voters is under way: it is waited for.
void RaftEngine::try_hand_over() {
  if (handing_over_.empty() || is_closed_ || core_.is_transferring() || core_.config().is_joint())
    return;
  const auto successor = core_.best_successor(successors_);
  bool has_begun = false;
  if (successor) {
    input([&](RaftCore& core, Effects& effects) {
      has_begun = core.transfer(mono_now(), *successor, effects).has_value();
    });
  }
  if (has_begun) return;
  for (auto& waiter : handing_over_)
    waiter->set({});
  handing_over_.clear();
}

void RaftEngine::arm_timer() {
  const MonoTime deadline = core_.next_deadline();
  const bool fires_in_time = armed_for_ > MonoTime{0} && armed_for_ <= deadline;
  if (fires_in_time) return;  // A tick that comes too early does nothing.
  armed_for_ = deadline;
  timer_.expires_after(std::max(deadline - mono_now(), MonoTime{0}));
  const std::weak_ptr<RaftEngine> weak = weak_from_this();
  timer_.async_wait([weak](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->is_closed_) return;
    self->armed_for_ = MonoTime{0};
    self->input([](RaftCore& core, Effects& effects) { core.tick(mono_now(), effects); });
    self->update_status(true);
    self->drop_old_snapshot();
    if (mono_now() - self->disk_looked_at_ >= kDiskLookedAtEvery) self->look_at_disk();
  });
}

void RaftEngine::take_message(NodeId from, const Bytes& body) {
  const auto message = decode_message(body);
  if (!message || message->from != from) {
    log_.warn("dropped a message from={} why={}",
              from.hex(),
              message ? "it names another sender" : message.error().detail);
    return;
  }
  input([&](RaftCore& core, Effects& effects) { core.step(mono_now(), *message, effects); });
  if (core_.leader() == from) heard_leader_at_ = mono_now();
}

void RaftEngine::take_relayed(const Message& message) {
  input([&](RaftCore& core, Effects& effects) { core.step(mono_now(), message, effects); });
}

asio::awaitable<Result<Bytes>> RaftEngine::take_chunk(std::shared_ptr<RaftEngine> self,
                                                      NodeId from,
                                                      Bytes body) {
  const auto chunk = decode_snapshot_chunk(body);
  if (!chunk) co_return chunk.error();
  if (self->is_closed_) co_return Error{Errc::unavailable, "this node stops"};
  const auto allowed = may_take(*chunk, self->options_.swarm, self->core_);
  if (!allowed) co_return allowed.error();
  const auto meta = self->receiver_.take(from, *chunk);
  if (!meta) co_return meta.error();
  if (*meta) {
    self->input([&](RaftCore& core, Effects& effects) {
      core.snapshot_received(mono_now(), **meta, effects);
    });
  }
  co_return Bytes{};
}

bool RaftEngine::prepare_snapshot(const SnapshotSend& wanted) {
  if (is_closed_) return false;
  const SnapshotTurn turn = snapshot_turn(wanted, outgoing_, core_, mono_now());
  if (turn == SnapshotTurn::waits) return false;
  if (turn == SnapshotTurn::begins) {
    outgoing_.emplace(
        wanted,
        SnapshotSender{snapshot_head(options_.swarm, core_, wanted), store_->read_snapshot()});
  }
  outgoing_->is_moving = true;
  outgoing_->last_used = mono_now();
  log_.info("{} a snapshot to={} index={}",
            turn == SnapshotTurn::goes_on ? "goes on with" : "sends",
            wanted.to.hex(),
            outgoing_->sender.meta().index.value);
  return true;
}

/// True when the peer has all of it.
asio::awaitable<bool> RaftEngine::send_pieces(std::shared_ptr<RaftEngine> self,
                                              std::string address) {
  for (;;) {
    const auto chunk = self->outgoing_->sender.current();
    if (!chunk) self->stop_for(chunk.error().detail);
    const bool is_last = (*chunk)->done;
    Bytes bytes = encode_snapshot_chunk(**chunk);
    const auto answer = co_await self->links_.call(
        address, node::Channel::snapshot, std::move(bytes), kChunkPatience);
    if (self->is_closed_) co_return false;
    self->outgoing_->last_used = mono_now();
    if (answer) {
      self->outgoing_->sender.arrived();
      if (is_last) co_return true;
      continue;
    }
    self->log_.warn("a snapshot was interrupted to={} why={}", address, answer.error().detail);
    const bool must_restart =
        answer.error().code == Errc::conflict || answer.error().code == Errc::corrupt;
    if (must_restart) self->outgoing_->wanted.to = {};  // goes on with nobody
    co_return false;
  }
}

asio::awaitable<void> RaftEngine::send_snapshot(std::shared_ptr<RaftEngine> self,
                                                SnapshotSend wanted) {
  std::optional<LogIndex> sent;
  auto address = self->address_of_(wanted.to);
  if (address && self->prepare_snapshot(wanted)) {
    const bool is_whole = co_await send_pieces(self, std::move(*address));
    if (self->is_closed_) co_return;
    if (is_whole) sent = self->outgoing_->sender.meta().index;
    self->outgoing_->is_moving = false;
    if (is_whole) self->outgoing_.reset();
  }
  self->input([&](RaftCore& core, Effects& effects) {
    core.snapshot_sent(mono_now(), wanted, sent, effects);
  });
}

void RaftEngine::offer_snapshot(NodeId to) {
  if (is_closed_ || core_.is_installing() || (outgoing_ && outgoing_->is_moving)) return;
  const SnapshotSend wanted{to, core_.term(), 0};
  asio::co_spawn(executor_, send_snapshot(shared_from_this(), wanted), asio::detached);
}

void RaftEngine::drop_old_snapshot() {
  const bool is_old =
      outgoing_ && !outgoing_->is_moving && mono_now() - outgoing_->last_used > kSnapshotKept;
  if (is_old) outgoing_.reset();
}

void RaftEngine::stop_as_lost(const std::string& why) const {
  log_.error("stops, and must come back as a new member: {}", why);
  if (options_.on_lost) options_.on_lost(why);
  std::abort();
}

void RaftEngine::stop_for(const std::string& why) const {
  log_.error("stops, since going on could break what was promised: {}", why);
  std::abort();
}

}  // namespace starling::consensus
