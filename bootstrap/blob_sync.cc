#include "bootstrap/blob_sync.h"

#include "ml/study/study_state.h"
#include "node/base/clock.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookAgain = 5s;  // when a blob is missing and nobody had it
constexpr auto kReplicatePatience = 60s;

bool may_have_blobs(const node::Member& member, NodeId self) {
  return member.id != self && member.state == node::MemberState::alive;
}

}  // namespace

BlobSync::BlobSync(asio::any_io_executor core,
                   node::BlobStore& store,
                   node::BlobExchange& exchange,
                   node::GossipService& gossip,
                   consensus::RaftGroup& group,
                   NodeId self,
                   Logger log)
    : core_(core),
      store_(store),
      exchange_(exchange),
      gossip_(gossip),
      group_(group),
      self_(self),
      log_(std::move(log)),
      alarm_(core) {}

void BlobSync::start() {
  node::spawn(core_, run());
}

void BlobSync::stop() {
  stopped_ = true;
  alarm_.cancel();
}

void BlobSync::wake() {
  is_woken_ = true;
  alarm_.cancel();
}

asio::awaitable<void> BlobSync::run() {
  while (!stopped_) {
    is_woken_ = false;
    co_await fetch_missing();
    if (stopped_) co_return;
    if (is_woken_) continue;  // while it fetched
    alarm_.expires_after(kLookAgain);
    co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<void> BlobSync::fetch_missing() {
  const auto view = group_.view();
  for (const ContentHash& blob : ml::referenced_blobs(*view)) {
    if (stopped_) co_return;
    if (store_.has(blob)) continue;
    if (!co_await fetch_from_anyone(blob))
      log_.warn("no member has a blob that is missing here, trying again blob={}", blob.hex());
  }
}

asio::awaitable<bool> BlobSync::fetch_from_anyone(ContentHash blob) {
  for (const auto& member : gossip_.members()) {
    if (!may_have_blobs(member, self_)) continue;
    const auto fetched = co_await exchange_.fetch(blob, member.facts.address);
    if (fetched) {
      log_.info("copied a blob from={} blob={}", member.facts.name, blob.hex());
      co_return true;
    }
  }
  co_return false;
}

asio::awaitable<Result<>> BlobSync::fetch(ContentHash blob) {
  if (store_.has(blob)) co_return Result<>{};
  auto work = fetch_from_anyone(blob);
  const bool is_here = co_await asio::co_spawn(core_, std::move(work), asio::use_awaitable);
  if (is_here) co_return Result<>{};
  co_return Error{Errc::unavailable,
                  fmt::format("no member that answers holds the file {}; try again", blob.hex())};
}

asio::awaitable<Result<>> BlobSync::replicate(ContentHash blob) {
  auto work = replicate_on_core(blob);
  co_return co_await asio::co_spawn(core_, std::move(work), asio::use_awaitable);
}

asio::awaitable<Result<>> BlobSync::replicate_on_core(ContentHash blob) {
  const MonoTime deadline = mono_now() + kReplicatePatience;
  std::set<NodeId> holders{self_};
  std::string last_error = "no other voter is alive";
  for (;;) {
    const auto voters = group_.status().voters;
    const auto held = static_cast<std::size_t>(
        std::count_if(voters.begin(), voters.end(), [&holders](NodeId voter) {
          return holders.contains(voter);
        }));
    if (held >= voters.size() / 2 + 1) co_return Result<>{};
    if (mono_now() > deadline) {
      co_return Error{Errc::unavailable,
                      fmt::format("only {} of {} voters hold the data, a majority is needed: {}",
                                  held,
                                  voters.size(),
                                  last_error)};
    }
    for (const NodeId voter : voters) {
      const auto member = gossip_.member(voter);
      if (holders.contains(voter) || !member || !may_have_blobs(*member, self_)) continue;
      const auto pushed = co_await exchange_.push(blob, member->facts.address);
      if (pushed)
        holders.insert(voter);
      else
        last_error = pushed.error().detail;
    }
    asio::steady_timer breath{core_, 100ms};
    co_await breath.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace starling::bootstrap
