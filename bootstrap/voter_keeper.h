/// On the leader: carries out `next_voters` while the swarm changes, and raises the feature level
/// once every voter runs a program that understands it.
///
/// Threads: the core thread.
#pragma once

#include "bootstrap/raft_ledger.h"
#include "consensus/group/raft_group.h"
#include "node/base/log.h"
#include "node/gossip/gossip_service.h"

#include <boost/asio/steady_timer.hpp>

namespace starling::bootstrap {

namespace asio = boost::asio;

class VoterKeeper {
 public:
  VoterKeeper(asio::any_io_executor core,
              consensus::RaftGroup& group,
              node::GossipService& gossip,
              RaftLedger& ledger,
              NodeId self,
              Logger log);

  void start();
  void stop();

 private:
  asio::awaitable<void> run();
  asio::awaitable<void> one_look();
  asio::awaitable<void> raise_feature_level(consensus::RaftStatus status);

  asio::any_io_executor core_;
  consensus::RaftGroup& group_;
  node::GossipService& gossip_;
  RaftLedger& ledger_;
  NodeId self_;
  Logger log_;
  asio::steady_timer alarm_;
  bool is_stopped_ = false;
};

}  // namespace starling::bootstrap
