/// On the leader: looks after the members. Carries out `VoterPlan`, moves the swarm on to its
/// newest key once every member knows it, and raises the feature level once every voter runs a
/// program that understands it. Each decision about voters is an event, with its reason.
///
/// Threads: the core thread.
#pragma once

#include "bootstrap/raft_ledger.h"
#include "bootstrap/voter_plan.h"
#include "consensus/group/raft_group.h"
#include "node/base/log.h"
#include "node/gossip/gossip_service.h"

#include <boost/asio/steady_timer.hpp>

#include <set>
#include <string>

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

  /// This node may lead now: what is to be decided is decided at once.
  void wake();

 private:
  asio::awaitable<void> run();

  struct HandOver {
    std::string why;
    std::set<NodeId> to;  ///< empty: anybody
  };

  HandOver hand_over_of(const consensus::RaftStatus& status) const;
  asio::awaitable<void> one_look();
  asio::awaitable<void> change(VoterChange change);
  asio::awaitable<void> use_newest_key();
  asio::awaitable<void> raise_feature_level(consensus::RaftStatus status);
  bool has_disk_space(const node::Member& member);
  VoterInput input_of(const consensus::RaftStatus& status);

  asio::any_io_executor core_;
  consensus::RaftGroup& group_;
  node::GossipService& gossip_;
  RaftLedger& ledger_;
  NodeId self_;
  Logger log_;
  asio::steady_timer alarm_;
  std::set<NodeId> short_of_disk_;
  VoterPlan plan_;
  Term plan_term_;  ///< what an earlier leadership saw is forgotten
  MonoTime hand_over_at_{0};
  bool is_woken_ = false;
  bool is_stopped_ = false;
};

}  // namespace starling::bootstrap
