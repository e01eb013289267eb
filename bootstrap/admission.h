/// Letting nodes in: what is asked on Channel::admission, and the member that answers.
#pragma once

#include "bootstrap/raft_ledger.h"
#include "node/base/ids.h"
#include "node/net/peer_links.h"
#include "node/secure/admitted.h"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <string>
#include <vector>

namespace starling::bootstrap {

inline constexpr std::size_t kMemberNameMax = 64;

/// On a member: lets others in, their keys becoming members' by a committed command, and sees to it
/// that this node stays one. A founder, and who lost its state, is not in the log of members yet;
/// who was away while the swarm changed its key hears nobody until it has asked for the new one.
///
/// Threads: the core thread.
class Admission {
 public:
  struct Parts {
    RaftLedger& ledger;
    consensus::RaftGroup& group;
    node::PeerLinks& links;
    const node::Trust& trust;
    RaftLedger::AddressOf address_of;
    std::function<std::vector<std::string>()> addresses;   ///< of members, as known here
    std::function<bool()> is_alone;                        ///< gossip sees nobody else alive
    std::function<void(node::SwarmKeyRing ring)> on_ring;  ///< newer than what `trust` has
  };

  /// Registers itself. All must outlive it.
  Admission(asio::any_io_executor core, Parts parts, Logger log);

  /// Runs until `stop`. `name`: this node's.
  asio::awaitable<void> stay(std::string name);

  /// It leads now, and so can let itself in.
  void wake();

  void stop();

 private:
  asio::awaitable<Result<>> admit_once(std::string name);
  asio::awaitable<void> ask_for_keys(std::string name);
  asio::awaitable<Result<Bytes>> answer(node::PeerCaller caller, Bytes name);

  Parts parts_;
  Logger log_;
  asio::steady_timer alarm_;
  bool is_woken_ = false;
  bool is_stopped_ = false;
};

/// Asks the member at `address` to let this node in.
/// Errors: `unavailable` (nobody there, no leader now), or why it is refused.
asio::awaitable<Result<node::SignedAdmitted>> ask_admission(node::PeerLinks& links,
                                                            std::string address,
                                                            std::string name);

}  // namespace starling::bootstrap
