/// Keeps every blob that the state refers to on every node, and makes sure that a majority of the
/// voters holds a new one before the log speaks of it.
///
/// Threads: the core thread, except `replicate` and `fetch`, which any thread may call.
#pragma once

#include "consensus/group/raft_group.h"
#include "node/base/log.h"
#include "node/blobs/blob_exchange.h"
#include "node/blobs/blob_store.h"
#include "node/gossip/gossip_service.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <set>

namespace starling::bootstrap {

namespace asio = boost::asio;

class BlobSync {
 public:
  BlobSync(asio::any_io_executor core,
           node::BlobStore& store,
           node::BlobExchange& exchange,
           node::GossipService& gossip,
           consensus::RaftGroup& group,
           NodeId self,
           Logger log);

  void start();
  void stop();

  /// Something was applied: look for blobs that are missing here.
  void wake();

  /// Errors: `unavailable`: fewer voters than a majority could store it.
  asio::awaitable<Result<>> replicate(ContentHash blob);

  /// Returns once this node holds the blob. Errors: `unavailable`: nobody alive has it.
  asio::awaitable<Result<>> fetch(ContentHash blob);

 private:
  asio::awaitable<void> run();
  asio::awaitable<void> fetch_missing();
  asio::awaitable<bool> fetch_from_anyone(ContentHash blob);
  asio::awaitable<Result<>> replicate_on_core(ContentHash blob);

  asio::any_io_executor core_;
  node::BlobStore& store_;
  node::BlobExchange& exchange_;
  node::GossipService& gossip_;
  consensus::RaftGroup& group_;
  NodeId self_;
  Logger log_;
  asio::steady_timer alarm_;
  bool stopped_ = false;
  bool is_woken_ = false;
};

}  // namespace starling::bootstrap
