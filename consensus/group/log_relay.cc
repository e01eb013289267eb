#include "consensus/group/log_relay.h"

#include "node/base/clock.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace starling::consensus {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds kLookEvery = 100ms;   // whether an upstream is needed
constexpr milliseconds kSearchPause = 50ms;  // after one that was none
constexpr milliseconds kDiskPause = 2ms;
constexpr MonoTime kLookAroundEvery = 1s;
constexpr std::size_t kAnswersAhead = 8;      // of what is applied
constexpr milliseconds kAnswerPatience = 1s;  // beyond what the answer may be held
constexpr MonoTime kFollowerKept = 3s;        // since it asked last

asio::awaitable<Result<Bytes>> refuse() {
  co_return Error{Errc::unavailable, "this node stops"};
}

}  // namespace

LogRelay::LogRelay(LogRelayParts parts, const RaftGroupOptions& options)
    : parts_(std::move(parts)),
      swarm_(options.swarm),
      self_(options.self),
      followers_max_(options.followers_max),
      bytes_max_(options.timings.append_bytes_max),
      hold_(options.timings.election / 2),
      silence_max_(kSilentElections * options.timings.election),
      log_("relay", self_.hex().substr(0, 8)),
      choice_(options.seed),
      alarm_(parts_.engine->executor()) {}

void LogRelay::start() {
  const std::weak_ptr<LogRelay> weak = weak_from_this();
  parts_.links.on_request(node::Channel::relay, [weak](NodeId from, Bytes body) {
    const auto self = weak.lock();
    return self ? answer(self, from, std::move(body)) : refuse();
  });
  parts_.engine->on_commit([weak](LogIndex commit) {
    if (const auto self = weak.lock()) self->wake(commit);
  });
  if (parts_.alive) node::spawn(parts_.engine->executor(), follow(shared_from_this()));
}

void LogRelay::close() {
  is_closed_ = true;
  alarm_.cancel();
  for (auto& [node, follower] : followers_)
    if (follower.waiting) follower.waiting->set({});
}

asio::awaitable<void> LogRelay::pause(milliseconds time) {
  alarm_.expires_after(time);
  co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
}

bool LogRelay::is_member() const {
  const Config& config = parts_.engine->core().config();
  return config.is_voter(self_) || config.learners.contains(self_);
}

/// A member that hears of no leader may have been removed while it was away.
bool LogRelay::needs_upstream() const {
  if (parts_.engine->core().role() == Role::leader) return false;
  return !is_member() || mono_now() - parts_.engine->heard_leader_at() > silence_max_;
}

/// Who is alive is looked at once a second, or the members would be copied for every answer.
void LogRelay::look_around() {
  const MonoTime now = mono_now();
  view_.now = now;
  if (choice_.current() && now - looked_at_ < kLookAroundEvery) return;
  looked_at_ = now;
  const RaftCore& core = parts_.engine->core();
  view_ = {.now = now,
           .self = self_,
           .alive = parts_.alive(),
           .config = core.config(),
           .leader = core.leader()};
}

/// What is known to be committed waits in memory for disk and state machine.
bool LogRelay::has_enough_to_do() {
  const LogIndex applied = parts_.engine->core().applied_index();
  while (!unapplied_.empty() && unapplied_.front() <= applied)
    unapplied_.pop_front();
  return unapplied_.size() >= kAnswersAhead;
}

asio::awaitable<void> LogRelay::follow(std::shared_ptr<LogRelay> self) {
  while (!self->is_closed_) {
    const bool needs_one = self->needs_upstream();
    if (!needs_one) {
      if (const auto upstream = self->choice_.current()) {
        self->choice_.failed(mono_now(), *upstream);
        self->parts_.engine->note_upstream(std::nullopt, 0);
      }
      self->path_.clear();
    }
    if (needs_one && self->has_enough_to_do()) {
      co_await self->pause(kDiskPause);
      continue;
    }
    if (needs_one) self->look_around();
    const auto upstream = needs_one ? self->choice_.next(self->view_) : std::nullopt;
    if (upstream)
      co_await ask(self, *upstream);
    else
      co_await self->pause(kLookEvery);
  }
}

asio::awaitable<void> LogRelay::ask(std::shared_ptr<LogRelay> self, NodeId upstream) {
  const RelayRequest request{self->parts_.engine->core().commit(),
                             static_cast<std::uint16_t>(self->hold_.count())};
  Result<RelayAnswer> answer = Error{Errc::unavailable, "its address is not known"};
  if (auto address = self->parts_.address_of(upstream)) {
    Bytes question = encode_relay_request(request);
    const auto bytes = co_await self->parts_.links.call(std::move(*address),
                                                        node::Channel::relay,
                                                        std::move(question),
                                                        self->hold_ + kAnswerPatience);
    if (self->is_closed_) co_return;
    if (bytes)
      answer = decode_relay_answer(*bytes);
    else
      answer = bytes.error();
  }
  const bool is_heard = answer && answer->message.has_value();
  const Result<> taken =
      answer ? self->take(upstream, std::move(*answer)) : Result<>{answer.error()};
  if (!taken) self->lost(upstream, taken.error().detail);
  if (!taken || !is_heard) co_await self->pause(kSearchPause);
}

/// Errors: it is no good as an upstream.
Result<> LogRelay::take(NodeId upstream, RelayAnswer answer) {
  RaftEngine& engine = *parts_.engine;
  const RaftCore& core = engine.core();
  if (std::ranges::find(answer.path, self_) != answer.path.end())
    return Error{Errc::conflict, "it follows this node"};
  if (answer.path.size() >= kRelayDepthMax)
    return Error{Errc::conflict, fmt::format("it is {} hops deep", answer.path.size())};
  const bool is_told = answer.message && may_take_relayed(core, *answer.message);
  if (is_told && answer.message->term < core.term()) engine.take_relayed(*answer.message);
  const bool says_something = is_told && answer.message->term >= core.term() &&
                              (answer.commit >= core.commit() || answer.snapshot_comes);
  const auto before = choice_.current();
  choice_.answered(mono_now(), upstream, says_something);
  if (choice_.current() != upstream) {
    if (before != upstream) return Error{Errc::unavailable, "it has nothing to say"};
    return Error{Errc::unavailable, "it has had nothing to say for seconds"};
  }
  if (before != upstream)
    log_.info("follows upstream={} depth={}", upstream.hex().substr(0, 8), answer.path.size());
  path_ = std::move(answer.path);
  engine.note_upstream(upstream, path_.size());
  if (!says_something) return {};
  engine.expect_state_of(answer.commit);
  const auto& entries = std::get<AppendRequest>(answer.message->body).entries;
  if (!entries.empty()) unapplied_.push_back(entries.back()->index);
  engine.take_relayed(*answer.message);
  return {};
}

void LogRelay::lost(NodeId upstream, std::string_view why) {
  const bool was_followed =
      choice_.current() == upstream || (!path_.empty() && path_[0] == upstream);
  choice_.failed(mono_now(), upstream);
  if (!was_followed) {
    log_.debug("does not follow node={} why={}", upstream.hex().substr(0, 8), why);
    return;
  }
  log_.info("follows no more upstream={} why={}", upstream.hex().substr(0, 8), why);
  path_.clear();
  parts_.engine->note_upstream(std::nullopt, 0);
}

Result<> LogRelay::admit(NodeId follower, const RelayRequest& request) {
  const MonoTime now = mono_now();
  if (!is_member() && path_.empty())
    return Error{Errc::unavailable, "this node follows nobody itself now"};
  std::erase_if(followers_,
                [&](const auto& each) { return now - each.second.asked_at > kFollowerKept; });
  if (!followers_.contains(follower) && followers_.size() >= followers_max_) {
    return Error{Errc::unavailable,
                 fmt::format("{} nodes follow this one, which is the limit", followers_max_)};
  }
  Follower& each = followers_[follower];
  if (each.waiting) each.waiting->set({});
  each = {.asked_at = now, .after = request.after, .waiting = nullptr};
  return {};
}

void LogRelay::wake(LogIndex commit) {
  for (auto& [node, follower] : followers_)
    if (follower.waiting && commit > follower.after) follower.waiting->set({});
}

asio::awaitable<Result<Bytes>> LogRelay::answer(std::shared_ptr<LogRelay> self,
                                                NodeId from,
                                                Bytes body) {
  const auto request = decode_relay_request(body);
  if (!request) co_return request.error();
  if (self->is_closed_) co_return Error{Errc::unavailable, "this node stops"};
  if (auto admitted = self->admit(from, *request); !admitted) co_return admitted.error();
  const RaftCore& core = self->parts_.engine->core();
  const RelaySource source = relay_source(core, request->after);
  const bool is_snapshot = source == RelaySource::snapshot;
  if (is_snapshot) self->parts_.engine->offer_snapshot(from);
  if (is_snapshot || source == RelaySource::nothing_new) {
    auto waiting = std::make_shared<Waiter<void>>(self->parts_.engine->executor());
    if (!is_snapshot) self->followers_[from].waiting = waiting;
    const auto hold = std::min(milliseconds{request->hold_ms}, self->hold_);
    co_await Waiter<void>::wait(waiting, hold, "nothing new");
    if (self->is_closed_) co_return Error{Errc::unavailable, "this node stops"};
  }
  co_return co_await find(self, from, *request);
}

asio::awaitable<Result<Bytes>> LogRelay::find(std::shared_ptr<LogRelay> self,
                                              NodeId from,
                                              RelayRequest request) {
  const auto engine = self->parts_.engine;
  const RaftCore& core = engine->core();
  RelayAnswer answer;
  std::vector<EntryRef> entries;
  switch (relay_source(core, request.after)) {
    case RelaySource::nothing_new: break;
    case RelaySource::snapshot: answer.snapshot_comes = true; break;
    case RelaySource::memory:
      entries = relayed_entries(core, request.after, self->bytes_max_);
      break;
    case RelaySource::disk: {
      auto read = co_await RaftEngine::read_entries(
          engine, request.after, relay_disk_end(core), self->bytes_max_);
      if (!read) co_return read.error();
      if (self->is_closed_) co_return Error{Errc::unavailable, "this node stops"};
      entries = std::move(*read);
      break;
    }
  }
  answer.path = {self->self_};
  answer.path.insert(answer.path.end(), self->path_.begin(), self->path_.end());
  answer.commit = core.commit();
  answer.message = relay_message(core, self->swarm_, from, request.after, std::move(entries));
  co_return encode_relay_answer(answer);
}

}  // namespace starling::consensus
