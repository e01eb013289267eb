#include "bootstrap/voter_keeper.h"

#include "bootstrap/voter_plan.h"
#include "ml/study/study_state.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 250ms;
constexpr auto kChangePatience = 5s;
constexpr std::uint64_t kCaughtUpEntries = 64;  // behind by so few is as good as not behind

}  // namespace

VoterKeeper::VoterKeeper(asio::any_io_executor core,
                         consensus::RaftGroup& group,
                         node::GossipService& gossip,
                         RaftLedger& ledger,
                         NodeId self,
                         Logger log)
    : core_(core),
      group_(group),
      gossip_(gossip),
      ledger_(ledger),
      self_(self),
      log_(std::move(log)),
      alarm_(core) {}

void VoterKeeper::start() {
  node::spawn(core_, run());
}

void VoterKeeper::stop() {
  is_stopped_ = true;
  alarm_.cancel();
}

asio::awaitable<void> VoterKeeper::run() {
  while (!is_stopped_) {
    co_await one_look();
    if (is_stopped_) co_return;
    alarm_.expires_after(kLookEvery);
    co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<void> VoterKeeper::one_look() {
  const auto status = group_.status();
  if (status.role != consensus::Role::leader || status.changing_voters) co_return;
  VoterInput input{.alive = {self_},
                   .voters = status.voters,
                   .learners = status.learners,
                   .caught_up = {},
                   .self = self_};
  for (const auto& member : gossip_.members()) {
    // A suspect is not dead yet: replacing it now and taking it back later would help nobody.
    const bool counts =
        member.state == node::MemberState::alive ||
        (member.state == node::MemberState::suspect && status.voters.contains(member.id));
    if (counts && !status.forgetful.contains(member.id)) input.alive.insert(member.id);
  }
  for (const auto& [peer, match] : status.match) {
    if (match.value > 0 && match.value + kCaughtUpEntries >= status.commit.value)
      input.caught_up.insert(peer);
  }
  auto next = next_voters(input);
  if (!next) {
    co_await raise_feature_level(status);
    co_return;
  }
  log_.info("changing members voters={} standbys={}", next->voters.size(), next->learners.size());
  auto voters = std::move(next->voters);
  auto learners = std::move(next->learners);
  const auto changed =
      co_await group_.change_members(std::move(voters), std::move(learners), kChangePatience);
  if (!changed) log_.info("members did not change, trying again why={}", changed.error().detail);
}

asio::awaitable<void> VoterKeeper::raise_feature_level(consensus::RaftStatus status) {
  std::uint32_t level = ml::kFeatureLevel;
  for (const NodeId voter : status.voters) {
    const auto member = gossip_.member(voter);
    level = std::min(level, voter == self_ ? level : member ? member->facts.feature_level : 0);
  }
  if (level <= ml::feature_level(*group_.view())) co_return;
  ml::Command command;
  command.body = ml::RaiseFeatureLevel{level};
  const auto raised = co_await ledger_.append(std::move(command), kChangePatience);
  if (!raised) log_.info("the feature level stays for now why={}", raised.error().detail);
}

}  // namespace starling::bootstrap
