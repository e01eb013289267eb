#include "bootstrap/blob_sync.h"

#include "ml/study/study_state.h"
#include "ml/study/swarm_members.h"
#include "node/base/clock.h"
#include "node/net/pause.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <set>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr auto kBreath = 100ms;  // between looks, however much is applied
constexpr auto kReplicatePatience = 60s;

}  // namespace

BlobSync::BlobSync(asio::any_io_executor core,
                   node::BlobStore& store,
                   node::BlobExchange& exchange,
                   BlobSyncSources sources,
                   BlobTimings timings,
                   Logger log)
    : core_(core),
      store_(store),
      exchange_(exchange),
      sources_(std::move(sources)),
      timings_(timings),
      log_(std::move(log)),
      alarm_(core) {}

void BlobSync::start() {
  exchange_.on_damage([this](const ContentHash& blob) {
    log_.error("a blob was damaged on the disk; its chunks that are whole are kept blob={}",
               blob.hex());
    wake();
  });
  node::spawn(core_, keep_copies());
  node::spawn(core_, keep_clean());
  node::spawn(core_, keep_whole());
}

void BlobSync::stop() {
  stopped_ = true;
  alarm_.cancel();
}

void BlobSync::wake() {
  is_woken_ = true;
  alarm_.cancel();
}

asio::awaitable<void> BlobSync::keep_copies() {
  while (!stopped_) {
    is_woken_ = false;
    co_await fetch_missing();
    co_await node::pause(kBreath);
    if (stopped_) co_return;
    if (is_woken_) continue;  // meanwhile
    alarm_.expires_after(timings_.look_again);
    co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

/// The members change while others are asked.
std::vector<std::pair<NodeId, std::string>> BlobSync::addressed(
    const std::vector<NodeId>& nodes) const {
  std::vector<std::pair<NodeId, std::string>> found;
  for (const NodeId node : nodes)
    found.emplace_back(node, addresses_.at(node));
  return found;
}

bool BlobSync::may_hold(const StateView& view, const node::Member& member) {
  const bool is_there =
      member.state == node::MemberState::alive || member.state == node::MemberState::suspect;
  if (is_there) gone_since_.erase(member.id);
  const MonoTime now = mono_now();
  const MonoTime since = is_there ? now : gone_since_.try_emplace(member.id, now).first->second;
  return now - since < timings_.gone_after && ml::member_of(view, member.id) &&
         !ml::is_draining(view, member.id) && !member.facts.disk_is_short;
}

void BlobSync::look_at_members() {
  const auto view = sources_.state();
  std::vector<node::BlobNode> nodes;
  addresses_.clear();
  for (const auto& member : sources_.members()) {
    nodes.push_back({.id = member.id,
                     .domain = node::failure_domain(member.facts),
                     .is_alive = member.state == node::MemberState::alive,
                     .may_hold = may_hold(*view, member)});
    addresses_.emplace(member.id, member.facts.address);
  }
  placement_.set_nodes(std::move(nodes));
}

asio::awaitable<void> BlobSync::fetch_missing() {
  look_at_members();
  const auto references = ml::referenced_blobs(*sources_.state());
  std::vector<node::BlobNeed> needs;
  for (const auto& [blob, use] : references)
    needs.push_back({.blob = blob, .everywhere = use == ml::BlobUse::model});
  const auto has = [this](const ContentHash& blob) { return store_.has(blob); };
  for (const ContentHash& blob : placement_.missing(sources_.self, needs, has)) {
    if (stopped_) co_return;
    if (!sources_.has_room()) co_await make_room();
    if (!sources_.has_room()) {
      log_.warn("there is no room on the disk for a copy of a blob blob={}", blob.hex());
      continue;
    }
    const auto fetched = co_await fetch_from_anyone(blob, timings_.repair_bytes_per_second);
    if (!fetched) {
      log_.warn("no member gives a blob that should be here, trying again blob={} why={}",
                blob.hex(),
                fetched.error().detail);
    }
  }
}

asio::awaitable<Result<>> BlobSync::fetch_from_anyone(ContentHash blob,
                                                      std::uint64_t bytes_per_second) {
  look_at_members();
  std::vector<std::string> from;
  for (auto& [node, address] : addressed(placement_.sources(blob, sources_.self)))
    from.push_back(std::move(address));
  const auto asked = from.size();
  auto fetched = co_await exchange_.fetch(blob, std::move(from), bytes_per_second);
  if (fetched) log_.info("holds a blob now asked={} blob={}", asked, blob.hex());
  co_return fetched;
}

asio::awaitable<Result<>> BlobSync::fetch(ContentHash blob) {
  note_used(blob);
  if (store_.is_checked(blob)) co_return Result<>{};
  auto work = fetch_on_core(blob);
  co_return co_await asio::co_spawn(core_, std::move(work), asio::use_awaitable);
}

void BlobSync::note_used(const ContentHash& blob) {
  const std::lock_guard lock{mutex_};
  used_[blob] = mono_now();
}

MonoTime BlobSync::last_used(const ContentHash& blob) {
  const std::lock_guard lock{mutex_};
  const auto known = used_.find(blob);
  return known == used_.end() ? MonoTime{0} : known->second;
}

/// What is damaged here is set aside by the look, and mended from others.
asio::awaitable<Result<>> BlobSync::fetch_on_core(ContentHash blob) {
  auto whole = co_await exchange_.check(blob);
  if (whole) co_return whole;
  const std::string here = whole.error().detail;
  whole = co_await fetch_from_anyone(blob, 0);
  if (!whole && whole.error().code == Errc::no_space) {
    co_await make_room();
    whole = co_await fetch_from_anyone(blob, 0);
  }
  if (whole) whole = co_await exchange_.check(blob);
  if (whole) co_return whole;
  if (whole.error().code == Errc::no_space) co_return whole;
  co_return Error{Errc::unavailable,
                  fmt::format("no member that answers holds the file {}; try again ({}; {})",
                              blob.hex(),
                              here,
                              whole.error().detail)};
}

asio::awaitable<Result<>> BlobSync::replicate(ContentHash blob) {
  auto work = replicate_on_core(blob);
  co_return co_await asio::co_spawn(core_, std::move(work), asio::use_awaitable);
}

asio::awaitable<Result<>> BlobSync::replicate_on_core(ContentHash blob) {
  const MonoTime deadline = mono_now() + kReplicatePatience;
  std::set<NodeId> holders{sources_.self};
  std::string last_error = "no other member is alive";
  for (;;) {
    const std::size_t needed = sources_.copies_to_seal();
    look_at_members();
    for (const auto& [node, address] : addressed(placement_.sources(blob, sources_.self))) {
      if (holders.size() >= needed) break;
      if (holders.contains(node)) continue;
      const auto pushed = co_await exchange_.push(blob, address);
      if (pushed)
        holders.insert(node);
      else
        last_error = pushed.error().detail;
    }
    if (holders.size() >= needed) co_return Result<>{};
    if (mono_now() > deadline || stopped_) {
      co_return Error{Errc::unavailable,
                      fmt::format("only {} of {} disks that are needed hold the data: {}",
                                  holders.size(),
                                  needed,
                                  last_error)};
    }
    co_await node::pause(kBreath);
  }
}

asio::awaitable<void> BlobSync::keep_clean() {
  while (!stopped_) {
    co_await node::pause(timings_.sweep_every);
    if (!stopped_) co_await collect();
    if (!stopped_ && !sources_.has_room()) co_await make_room();
  }
}

/// A state that is behind may lack what is new: so a leader is asked before anything goes.
asio::awaitable<void> BlobSync::collect() {
  std::vector<ContentHash> unneeded;
  const auto known = ml::referenced_blobs(*sources_.state());
  for (const auto& blobs : {store_.list(), store_.parts()}) {
    for (const ContentHash& blob : blobs) {
      if (known.contains(blob)) store_.note_needed(blob);
      if (store_.unneeded_for(blob) >= timings_.keep_unneeded) unneeded.push_back(blob);
    }
  }
  if (unneeded.empty()) co_return;
  const auto caught_up = co_await sources_.catch_up();
  if (!caught_up || stopped_) co_return;
  const auto needed = ml::referenced_blobs(*sources_.state());
  for (const ContentHash& blob : unneeded) {
    const bool stays = needed.contains(blob) || store_.unneeded_for(blob) < timings_.keep_unneeded;
    if (!stays && store_.remove(blob))
      log_.info("removed a blob that nobody needs blob={}", blob.hex());
  }
}

/// Longest unused first; what was never used here before all. Models belong on every node.
asio::awaitable<void> BlobSync::make_room() {
  std::vector<std::pair<MonoTime, ContentHash>> spare;
  for (const auto& [blob, use] : ml::referenced_blobs(*sources_.state())) {
    if (use == ml::BlobUse::model) continue;
    const MonoTime used = last_used(blob);
    const bool is_in_use = used != MonoTime{0} && mono_now() - used < timings_.used_lately;
    if (store_.has(blob) && !is_in_use) spare.emplace_back(used, blob);
  }
  std::ranges::sort(spare);
  for (const auto& [used, blob] : spare) {
    if (stopped_ || sources_.has_room()) co_return;
    const bool may_go = co_await is_spare(blob);
    if (may_go && store_.remove(blob))
      log_.info("removed a copy of a blob to make room blob={}", blob.hex());
  }
}

/// Every node that should hold it says that it does, and this is none of them.
asio::awaitable<bool> BlobSync::is_spare(ContentHash blob) {
  look_at_members();
  const auto holders = addressed(placement_.holders(blob));
  if (holders.size() < node::kBlobCopies || placement_.is_holder(blob, sources_.self))
    co_return false;
  for (const auto& [holder, address] : holders) {
    const bool has = co_await exchange_.peer_has(blob, address);
    if (!has) co_return false;
  }
  co_return true;
}

asio::awaitable<void> BlobSync::keep_whole() {
  while (!stopped_) {
    const MonoTime began = mono_now();
    for (const ContentHash& blob : store_.list()) {
      if (stopped_) co_return;
      co_await exchange_.scrub(blob, timings_.scrub_bytes_per_second);
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - began);
    co_await node::pause(std::max<std::chrono::milliseconds>(timings_.scrub_every - took, kBreath));
  }
}

}  // namespace starling::bootstrap
