/// Carries out `FoundingCore`: gets a node without a swarm into one, or finds that it is to found
/// it.
///
/// Threads: the core thread.
#pragma once

#include "bootstrap/admission.h"
#include "bootstrap/founding.h"
#include "node/base/log.h"
#include "node/net/peer_links.h"

#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace starling::bootstrap {

class Joiner : public std::enable_shared_from_this<Joiner> {
 public:
  /// `expected`: the swarm of the join token, if there is one.
  Joiner(asio::any_io_executor core,
         node::PeerLinks& links,
         std::vector<std::string> seeds,
         std::string name,
         std::optional<SwarmId> expected,
         Logger log);

  /// Returns when this node was let in; nothing: it is to found a swarm.
  /// Errors: `unavailable` when it was stopped, `conflict` if it was let into another swarm than
  ///         the token's.
  asio::awaitable<Result<std::optional<node::Admitted>>> run();

  void stop();

 private:
  asio::awaitable<std::vector<OwnerProbe>> probe(std::string address);
  asio::awaitable<void> look_for_a_swarm(std::string address);
  asio::awaitable<Result<Bytes>> hear(Bytes state);
  void complain();

  asio::any_io_executor core_;
  node::PeerLinks& links_;
  std::string name_;
  std::optional<SwarmId> expected_;
  Logger log_;
  FoundingCore founding_;
  asio::steady_timer alarm_;
  MonoTime complain_at_;
  bool is_stopped_ = false;
};

/// Every HOST:PORT that a HOST:PORT stands for, numeric; empty if its name is unknown now.
asio::awaitable<std::vector<std::string>> resolve_all(std::string address);

}  // namespace starling::bootstrap
