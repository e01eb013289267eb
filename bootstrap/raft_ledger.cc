#include "bootstrap/raft_ledger.h"

#include "bootstrap/ledger_request.h"
#include "ml/study/adoption.h"
#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "node/base/clock.h"
#include "node/net/pause.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace starling::bootstrap {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kOneTry{3000};
constexpr milliseconds kRetryPause{50};
constexpr milliseconds kElectionAtMost{10'000};

Result<ml::Recorded> to_recorded(LogIndex index, std::string_view outcome_bytes) {
  auto outcome = ml::decode_outcome(outcome_bytes);
  if (!outcome) return outcome.error();
  return ml::Recorded{.index = index, .outcome = std::move(*outcome)};
}

bool may_try_again(const Error& error) {
  return error.code == Errc::not_leader || error.code == Errc::unavailable ||
         error.code == Errc::timed_out;
}

/// Results and deletes pass on a low disk; these wait for room.
static_assert(ml::kAdoptedBytesMax + 512 <= consensus::RaftTimings{}.proposal_bytes_max,
              "a piece of another swarm fits into the log");

bool grows(const ml::CommandBody& body) {
  return std::holds_alternative<ml::AddDataset>(body) ||
         std::holds_alternative<ml::CreateStudy>(body) || std::holds_alternative<ml::Adopt>(body) ||
         std::holds_alternative<ml::SetRegister>(body);
}

milliseconds left_until(MonoTime deadline) {
  return std::chrono::duration_cast<milliseconds>(deadline - mono_now());
}

}  // namespace

RaftLedger::RaftLedger(asio::any_io_executor core,
                       consensus::RaftGroup& group,
                       node::PeerLinks& links,
                       AddressOf address_of,
                       const DiskGuard& disk,
                       Logger log)
    : core_(std::move(core)),
      group_(group),
      links_(links),
      address_of_(std::move(address_of)),
      disk_(disk),
      log_(std::move(log)) {
  links_.on_request(node::Channel::ledger, [this](NodeId from, Bytes request) {
    return answer(from, std::move(request));
  });
}

asio::awaitable<Result<ml::Recorded>> RaftLedger::append(ml::Command command,
                                                         milliseconds patience) {
  // An entry that cannot be read stops every node that applies it, and again after each restart.
  if (!ml::decode_command(ml::encode(command))) {
    co_return Error{Errc::invalid_argument,
                    "a name or text in the request is not UTF-8; nothing was done"};
  }
  auto work = append_on_core(std::move(command), patience);
  co_return co_await asio::co_spawn(core_, std::move(work), asio::use_awaitable);
}

asio::awaitable<Result<LogIndex>> RaftLedger::read_index(milliseconds patience) {
  auto work = read_index_on_core(patience);
  co_return co_await asio::co_spawn(core_, std::move(work), asio::use_awaitable);
}

std::uint64_t RaftLedger::cluster_now_ms() {
  const auto committed = [this] { return ml::cluster_time_ms(*group_.view()); };
  return clock_.now_ms(group_.status().term, mono_now(), wall_now_ms(), committed);
}

Result<std::string> RaftLedger::leader_address() const {
  const auto leader = group_.status().leader;
  if (!leader)
    return Error{Errc::unavailable, "the swarm has no leader now; a majority of voters is needed"};
  auto address = address_of_(*leader);
  if (!address) {
    return Error{Errc::unavailable,
                 fmt::format("the leader {} is not known by gossip yet", leader->hex())};
  }
  return *address;
}

asio::awaitable<Result<ml::Recorded>> RaftLedger::append_on_core(ml::Command command,
                                                                 milliseconds patience) {
  const MonoTime deadline = mono_now() + patience;
  bool may_be_recorded = false;
  for (;;) {
    const auto one_try = std::clamp(left_until(deadline), milliseconds{1}, kOneTry);
    auto recorded = co_await try_once(command, one_try);
    const bool is_known = recorded || (!may_try_again(recorded.error()) && !may_be_recorded);
    if (is_known) co_return recorded;
    may_be_recorded = may_be_recorded || recorded.error().code == Errc::timed_out;
    const bool ends = left_until(deadline) <= kRetryPause || has_lost_majority() ||
                      !may_try_again(recorded.error());
    if (ends) {
      if (may_be_recorded) {
        co_return Error{Errc::timed_out,
                        "the outcome is unknown; ask again with the same Idempotency-Key"};
      }
      co_return Error{Errc::unavailable, recorded.error().detail};
    }
    co_await node::pause(kRetryPause);
  }
}

/// Longer than an election takes: to wait for one would only keep the caller.
bool RaftLedger::has_lost_majority() const {
  const auto since = group_.status().no_leader_since;
  return since && mono_now() - *since > kElectionAtMost;
}

asio::awaitable<Result<ml::Recorded>> RaftLedger::try_once(ml::Command command,
                                                           milliseconds patience) {
  if (group_.status().role == consensus::Role::leader)
    co_return co_await propose_here(std::move(command), patience);
  // An older leader would not know that it must not.
  if (auto understood = is_understood(command.body); !understood) co_return understood.error();
  auto address = leader_address();
  if (!address) co_return address.error();
  auto request = append_request(patience, ml::encode(command));
  auto answered = co_await links_.call(
      std::move(*address), node::Channel::ledger, std::move(request), patience);
  if (!answered) co_return answered.error();
  const auto text = as_text(*answered);
  if (text.size() < 8) co_return Error{Errc::corrupt, "the leader's answer is too short"};
  const LogIndex index{from_big_endian_key(text.substr(0, 8))};
  co_return to_recorded(index, text.substr(8));
}

/// What one voter could not apply would stop it; what grows would fill a disk that is low.
Result<> RaftLedger::may_propose(const ml::CommandBody& body) const {
  if (grows(body)) {
    if (auto room = disk_.room_to_grow(); !room) return room;
  }
  const auto* remove = std::get_if<ml::RemoveMember>(&body);
  if (remove != nullptr && group_.status().voters.contains(remove->node)) {
    return Error{Errc::conflict,
                 "it votes: drain it first (starling member drain), so that another can take its "
                 "place"};
  }
  return is_understood(body);
}

Result<> RaftLedger::is_understood(const ml::CommandBody& body) const {
  const std::uint32_t needed = ml::feature_level_of(body);
  if (needed <= 1) return {};  // what every version understands
  const std::uint32_t level = ml::feature_level(*group_.view());
  if (needed <= level) return {};
  // Who asks waits: a swarm that has just begun raises its level within a moment.
  return Error{Errc::unavailable,
               fmt::format("this needs feature level {} and the swarm has {}: update starling on "
                           "every node",
                           needed,
                           level)};
}

/// With the leader's times; apply takes the greater of this cluster time and the last one.
std::string RaftLedger::now_stamped(std::string_view command) {
  return ml::with_time(command, cluster_now_ms(), wall_now_ms());
}

asio::awaitable<Result<ml::Recorded>> RaftLedger::propose_here(ml::Command command,
                                                               milliseconds patience) {
  if (auto allowed = may_propose(command.body); !allowed) co_return allowed.error();
  auto applied = co_await group_.propose(now_stamped(ml::encode(command)), patience);
  if (!applied) co_return applied.error();
  co_return to_recorded(applied->index, applied->result);
}

asio::awaitable<Result<LogIndex>> RaftLedger::read_index_on_core(milliseconds patience) {
  const MonoTime deadline = mono_now() + patience;
  for (;;) {
    Result<LogIndex> index = Error{Errc::unavailable, "no leader"};
    const auto left = std::max(left_until(deadline), milliseconds{1});
    if (group_.status().role == consensus::Role::leader) {
      index = co_await group_.read_index(left);
    } else if (auto address = leader_address(); address) {
      auto request = read_index_request(left);
      const auto answered = co_await links_.call(
          std::move(*address), node::Channel::ledger, std::move(request), left);
      if (answered && answered->size() == 8)
        index = LogIndex{from_big_endian_key(as_text(*answered))};
      else if (!answered)
        index = answered.error();
    } else {
      index = address.error();
    }
    if (index || !may_try_again(index.error()) || left_until(deadline) <= kRetryPause ||
        has_lost_majority())
      co_return index;
    co_await node::pause(kRetryPause);
  }
}

asio::awaitable<Result<Bytes>> RaftLedger::answer(NodeId from, Bytes request) {
  const auto parsed = parse_ledger_request(request);
  if (!parsed) co_return parsed.error();
  // One hop: a node that does not lead answers not_leader; the asker looks for the leader again.
  if (parsed->kind == LedgerRequest::Kind::read_index) {
    const auto index = co_await group_.read_index(parsed->patience);
    if (!index) co_return index.error();
    co_return to_bytes(big_endian_key(index->value));
  }
  // What does not parse would stop every voter that applies it.
  const auto command = ml::decode_command(parsed->command);
  if (!command) {
    log_.warn("refused a command that does not parse from={}", from.hex());
    co_return command.error();
  }
  if (auto allowed = may_propose(command->body); !allowed) co_return allowed.error();
  auto applied = co_await group_.propose(now_stamped(parsed->command), parsed->patience);
  if (!applied) co_return applied.error();
  co_return to_bytes(big_endian_key(applied->index.value) + applied->result);
}

}  // namespace starling::bootstrap
