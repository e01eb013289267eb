/// Keeps what this node believes of others in step with the replicated state: who is a member, who
/// was removed, which invitations are open, which keys the swarm speaks by. The keys are kept in
/// the file `swarm-keys` of the data directory too, because they are needed before the state is.
///
/// Threads: the core thread.
#pragma once

#include "consensus/group/raft_group.h"
#include "node/base/log.h"
#include "node/gossip/gossip_service.h"
#include "node/net/peer_links.h"
#include "node/secure/trust.h"

#include <filesystem>
#include <functional>

namespace starling::bootstrap {

class MemberWatch {
 public:
  /// All must outlive it. `on_removed` is called once if this node was removed itself.
  MemberWatch(consensus::RaftGroup& group,
              node::GossipService& gossip,
              node::PeerLinks& links,
              node::Trust& trust,
              std::filesystem::path key_file,
              std::function<void()> on_removed,
              Logger log);

  /// Something was applied.
  void look();

  /// These are the swarm's keys, by the state or by a member's word.
  void take_ring(node::SwarmKeyRing ring);

  /// Gossip speaks of that member.
  void heard_of(const node::Member& member);

 private:
  consensus::RaftGroup& group_;
  node::GossipService& gossip_;
  node::PeerLinks& links_;
  node::Trust& trust_;
  std::filesystem::path key_file_;
  std::function<void()> on_removed_;
  Logger log_;
  std::uint64_t seen_ = 0;
};

/// Errors: `io`.
Result<> write_key_ring(const std::filesystem::path& file, const node::SwarmKeyRing& ring);

/// Empty if there is no such file. Errors: `io`, `invalid_argument` naming the file.
Result<node::SwarmKeyRing> read_key_ring(const std::filesystem::path& file);

}  // namespace starling::bootstrap
