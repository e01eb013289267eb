/// ml::Ledger over Raft: finds the leader, forwards to it (one hop), tries again while it is safe.
///
/// Every command is idempotent, by its key or by what it says (tokens, numbers), so an unknown
/// outcome is asked for again until the caller's patience ends.
#pragma once

#include "bootstrap/disk_guard.h"
#include "consensus/group/raft_group.h"
#include "ml/study/cluster_clock.h"
#include "ml/study/ledger.h"
#include "node/base/log.h"
#include "node/net/peer_links.h"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <optional>
#include <string>

namespace starling::bootstrap {

namespace asio = boost::asio;

/// Threads: `append` and `read_index` from any; the rest on the core thread.
class RaftLedger : public ml::Ledger {
 public:
  using AddressOf = std::function<std::optional<std::string>(NodeId node)>;

  /// Registers itself for Channel::ledger. All must outlive it.
  RaftLedger(asio::any_io_executor core,
             consensus::RaftGroup& group,
             node::PeerLinks& links,
             AddressOf address_of,
             const DiskGuard& disk,
             Logger log);

  asio::awaitable<Result<ml::Recorded>> append(ml::Command command,
                                               std::chrono::milliseconds patience) override;

  /// On the leader, on the core thread: the time that rules run by.
  std::uint64_t cluster_now_ms();

  /// Errors: `unavailable`, `timed_out`.
  asio::awaitable<Result<LogIndex>> read_index(std::chrono::milliseconds patience);

 private:
  asio::awaitable<Result<ml::Recorded>> append_on_core(ml::Command command,
                                                       std::chrono::milliseconds patience);
  asio::awaitable<Result<ml::Recorded>> propose_here(ml::Command command,
                                                     std::chrono::milliseconds patience);
  asio::awaitable<Result<ml::Recorded>> try_once(ml::Command command,
                                                 std::chrono::milliseconds patience);
  asio::awaitable<Result<LogIndex>> read_index_on_core(std::chrono::milliseconds patience);
  asio::awaitable<Result<Bytes>> answer(NodeId from, Bytes request);
  Result<std::string> leader_address() const;
  bool has_lost_majority() const;
  std::string now_stamped(std::string_view command);
  Result<> may_propose(const ml::CommandBody& body) const;
  Result<> is_understood(const ml::CommandBody& body) const;

  asio::any_io_executor core_;
  consensus::RaftGroup& group_;
  node::PeerLinks& links_;
  AddressOf address_of_;
  const DiskGuard& disk_;
  Logger log_;
  ml::ClusterClock clock_;
};

}  // namespace starling::bootstrap
