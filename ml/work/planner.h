/// On the leader: turns the scheduler's decisions and the swarm's progress reports into commands.
///
/// Threads: the core thread.
#pragma once

#include "ml/schedule/node_rooms.h"
#include "ml/study/ledger.h"
#include "ml/study/study_state.h"
#include "node/base/log.h"
#include "node/gossip/member.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace starling::ml {

namespace asio = boost::asio;

/// What the planner needs to know of its node.
struct PlannerSources {
  std::function<bool()> is_leader;
  std::function<std::shared_ptr<const StateView>()> state;
  std::function<std::vector<node::Member>()> members;
  std::function<std::uint64_t()> cluster_now_ms;  ///< on the leader
};

class Planner {
 public:
  Planner(asio::any_io_executor core, Ledger& ledger, PlannerSources sources, Logger log);

  void start();
  void stop();

  /// Something was applied, or a member changed.
  void wake();

  /// A node's report; kept until the next round, at most 10 log entries a second in all.
  void report(const ProgressPoint& point);

 private:
  asio::awaitable<void> run();
  asio::awaitable<void> one_round();
  asio::awaitable<void> flush_progress();
  bool knows_all(const StateView& view, const std::vector<node::Member>& members) const;
  std::vector<NodeId> gone_nodes(const StateView& view, const std::vector<node::Member>& members);

  asio::any_io_executor core_;
  Ledger& ledger_;
  PlannerSources sources_;
  Logger log_;
  asio::steady_timer alarm_;
  std::map<std::pair<std::string, std::uint32_t>, std::vector<ProgressPoint>> pending_;
  AwayRooms away_;
  MonoTime leader_since_{0};
  MonoTime progress_sent_{0};
  bool is_woken_ = false;
  bool is_stopped_ = false;
};

}  // namespace starling::ml
