/// Brings a data directory into a swarm: its keys, founding, joining.
///
/// Threads: the core thread.
#pragma once

#include "bootstrap/identity.h"
#include "bootstrap/joiner.h"
#include "bootstrap/settings.h"
#include "node/net/peer_links.h"
#include "node/secure/trust.h"

#include <filesystem>
#include <memory>
#include <optional>

namespace starling::bootstrap {

/// Where a data directory keeps the swarm's keys.
std::filesystem::path key_file_of(const std::filesystem::path& data);

class SwarmEntry {
 public:
  /// All must outlive it.
  SwarmEntry(const Settings& settings, Identity& identity, node::Trust& trust);

  /// Reads the keys, and founds if --found says so and there is no swarm yet.
  /// Errors: `invalid_argument`, saying which option is missing or wrong; `io`.
  Result<> prepare();

  /// Returns when `identity` has a swarm. Errors: `unavailable` when stopped, `io`.
  asio::awaitable<Result<>> enter(asio::any_io_executor core, node::PeerLinks& links);

  void stop();

 private:
  Result<> found();
  Result<> make_first_key();
  void add_given_key(node::SwarmKeyRing& ring) const;
  Result<> take_in(const node::Admitted& admitted);

  const Settings& settings_;
  Identity& identity_;
  node::Trust& trust_;
  node::SwarmKeyRing given_keys_;
  std::optional<node::JoinToken> token_;
  std::shared_ptr<Joiner> joiner_;
  bool is_stopped_ = false;
};

}  // namespace starling::bootstrap
