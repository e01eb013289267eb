/// Letting nodes in: what is asked on Channel::admission, and the member that answers.
#pragma once

#include "bootstrap/raft_ledger.h"
#include "node/base/ids.h"
#include "node/net/peer_links.h"
#include "node/secure/admitted.h"

#include <boost/asio/steady_timer.hpp>

#include <string>

namespace starling::bootstrap {

inline constexpr std::size_t kMemberNameMax = 64;

/// On a member: lets others in, their keys becoming members' by a committed command, and sees to it
/// that this node is in the log of members itself, which a founder, and who lost its state, is not.
///
/// Threads: the core thread.
class Admission {
 public:
  /// Registers itself. All must outlive it.
  Admission(asio::any_io_executor core,
            RaftLedger& ledger,
            consensus::RaftGroup& group,
            node::PeerLinks& links,
            const node::Trust& trust,
            RaftLedger::AddressOf address_of,
            Logger log);

  /// Returns when this node's own state says that it is a member, or after `stop`.
  asio::awaitable<void> admit_self(std::string name);

  void stop();

 private:
  asio::awaitable<Result<>> admit_once(std::string name);
  asio::awaitable<Result<Bytes>> answer(node::PeerCaller caller, Bytes name);

  RaftLedger& ledger_;
  consensus::RaftGroup& group_;
  node::PeerLinks& links_;
  const node::Trust& trust_;
  RaftLedger::AddressOf address_of_;
  Logger log_;
  asio::steady_timer alarm_;
  bool is_stopped_ = false;
};

/// Asks the member at `address` to let this node in.
/// Errors: `unavailable` (nobody there, no leader now), or why it is refused.
asio::awaitable<Result<node::Admitted>> ask_admission(node::PeerLinks& links,
                                                      std::string address,
                                                      std::string name);

}  // namespace starling::bootstrap
