/// Keeps the swarm's blobs: three copies of each data set on nodes that everybody computes
/// (node/blobs/blob_placement.h), models on every node, others where they are used.
///
/// - A new blob is on a second disk before the log speaks of it; the third copy follows.
/// - Each node fetches what it should hold and lacks, first those whose
///   holders are mostly out of reach. When a holder is gone
///   for `gone_after`, is drained or has no room, the next in its order takes its place.
/// - What nobody refers to is removed `keep_unneeded` later, never before a leader has confirmed
///   that this node knows all that is committed. What is held beyond the three copies goes, longest
///   unused first, when the disk is short, and only while all holders say that they have it.
/// - Every stored byte is read and compared with its hash once in `scrub_every`; a damaged blob is
///   set aside and its damaged chunks are fetched anew.
///
/// Threads: the core thread, except `replicate` and `fetch`, which any thread may call.
#pragma once

#include "node/base/log.h"
#include "node/base/state_view.h"
#include "node/blobs/blob_exchange.h"
#include "node/blobs/blob_placement.h"
#include "node/blobs/blob_store.h"
#include "node/gossip/member.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace starling::bootstrap {

namespace asio = boost::asio;

struct BlobTimings {
  std::chrono::milliseconds look_again = std::chrono::seconds{5};
  std::chrono::milliseconds gone_after = std::chrono::minutes{15};
  std::chrono::milliseconds sweep_every = std::chrono::minutes{10};
  std::chrono::seconds keep_unneeded = std::chrono::hours{24};
  std::chrono::milliseconds used_lately = std::chrono::minutes{10};
  std::chrono::milliseconds scrub_every = std::chrono::hours{14 * 24};
  std::uint64_t scrub_bytes_per_second = 2 << 20;
  std::uint64_t repair_bytes_per_second = 64 << 20;
};

/// What it needs of its node.
struct BlobSyncSources {
  NodeId self;
  std::function<std::shared_ptr<const StateView>()> state;
  std::function<std::vector<node::Member>()> members;
  /// How many disks must hold a new blob.
  std::function<std::size_t()> copies_to_seal;
  /// Returns when the state here has all that was committed before. Errors: no leader.
  std::function<asio::awaitable<Result<>>()> catch_up;
  std::function<bool()> has_room;  ///< on the disk
};

class BlobSync {
 public:
  BlobSync(asio::any_io_executor core,
           node::BlobStore& store,
           node::BlobExchange& exchange,
           BlobSyncSources sources,
           BlobTimings timings,
           Logger log);

  void start();
  void stop();

  /// Something was applied: look for blobs that are missing here.
  void wake();

  /// Returns when enough disks hold it. Errors: `unavailable`.
  asio::awaitable<Result<>> replicate(ContentHash blob);

  /// Returns once this node holds the blob, read through and found whole.
  /// Errors: `unavailable`: nobody alive has it.
  asio::awaitable<Result<>> fetch(ContentHash blob);

 private:
  asio::awaitable<void> keep_copies();
  asio::awaitable<void> keep_clean();
  asio::awaitable<void> keep_whole();
  asio::awaitable<void> fetch_missing();
  asio::awaitable<Result<>> fetch_from_anyone(ContentHash blob, std::uint64_t bytes_per_second);
  asio::awaitable<Result<>> fetch_on_core(ContentHash blob);
  asio::awaitable<Result<>> replicate_on_core(ContentHash blob);
  asio::awaitable<void> collect();
  asio::awaitable<void> make_room();
  asio::awaitable<bool> is_spare(ContentHash blob);
  void look_at_members();
  std::vector<std::pair<NodeId, std::string>> addressed(const std::vector<NodeId>& nodes) const;
  void note_used(const ContentHash& blob);
  MonoTime last_used(const ContentHash& blob);
  bool may_hold(const StateView& view, const node::Member& member);

  asio::any_io_executor core_;
  node::BlobStore& store_;
  node::BlobExchange& exchange_;
  BlobSyncSources sources_;
  BlobTimings timings_;
  Logger log_;
  asio::steady_timer alarm_;
  node::BlobPlacement placement_;
  std::map<NodeId, std::string> addresses_;
  std::map<NodeId, MonoTime> gone_since_;
  std::mutex mutex_;                      ///< of `used_`
  std::map<ContentHash, MonoTime> used_;  ///< by somebody here, since this process began
  bool stopped_ = false;
  bool is_woken_ = false;
};

}  // namespace starling::bootstrap
