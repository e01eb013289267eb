/// The node as the HTTP API sees it: web::NodeView over the running parts.
#pragma once

#include "bootstrap/blob_sync.h"
#include "bootstrap/disk_guard.h"
#include "bootstrap/other_swarm.h"
#include "bootstrap/raft_ledger.h"
#include "consensus/group/raft_group.h"
#include "ml/serve/predictor.h"
#include "ml/work/work_host.h"
#include "node/blobs/blob_store.h"
#include "node/gossip/gossip_service.h"
#include "web/api/node_view.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

namespace starling::bootstrap {

/// The parts, owned by SwarmNode; all outlive the view.
struct NodeParts {
  SwarmId swarm;
  NodeId self;
  asio::any_io_executor core;
  asio::thread_pool& background;
  consensus::RaftGroup& group;
  RaftLedger& ledger;
  node::GossipService& gossip;
  node::BlobStore& blobs;
  BlobSync& blob_sync;
  ml::Predictor& predictor;
  const DiskGuard& disk;
  const OtherSwarm& other_swarm;
};

class LiveNode : public web::NodeView {
 public:
  explicit LiveNode(NodeParts parts) : parts_(std::move(parts)) {}

  web::SwarmStatus swarm() const override;
  Result<> ready() const override;
  Result<> room_to_grow() const override;
  std::shared_ptr<const StateView> state() const override;
  LogIndex applied() const override;
  asio::awaitable<Result<>> wait_applied(LogIndex index,
                                         std::chrono::milliseconds patience) override;
  asio::awaitable<Result<LogIndex>> read_index(std::chrono::milliseconds patience) override;
  ml::Ledger& ledger() override;
  node::BlobStore& blobs() override;
  asio::awaitable<Result<ml::TableProfile>> profile(ContentHash blob,
                                                    ml::TableOptions options) override;
  asio::awaitable<Result<>> replicate(ContentHash blob) override;
  asio::awaitable<Result<>> fetch(ContentHash blob) override;
  asio::awaitable<Result<std::string>> predict(web::PredictCall call) override;

 private:
  asio::awaitable<Result<ml::TableProfile>> profile_in_background(ContentHash blob,
                                                                  ml::TableOptions options);
  asio::awaitable<Result<ml::Predictions>> predict_on_core(std::filesystem::path artifact,
                                                           std::vector<ml::RawRow> rows,
                                                           ml::MissingColumns missing);

  NodeParts parts_;
};

}  // namespace starling::bootstrap
