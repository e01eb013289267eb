/// Checkpoints of trials on other nodes: one copy each, so that a node that is lost for good costs
/// what was trained since the last one; and the way by which a running trial comes to another node.
///
/// Nobody is told where a copy lies: it is where rendezvous hashing puts it among the nodes that
/// are alive, and who needs one asks there and at the node that ran the trial last. A copy is
/// checked by the hash in the file before it takes a name.
///
/// Threads: the core thread; the disk is touched on a thread of its own.
#pragma once

#include "ml/work/checkpoint_files.h"
#include "ml/work/checkpoint_packets.h"
#include "node/base/log.h"
#include "node/gossip/member.h"
#include "node/net/peer_links.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <vector>

namespace starling::ml {

namespace asio = boost::asio;

inline constexpr std::size_t kCheckpointPieceBytes = 256 << 10;

/// What it needs of its node.
struct CheckpointSources {
  NodeId self;
  std::string own_address;
  std::function<std::vector<node::Member>()> members;
  std::function<bool(NodeId node)> is_leaving;     ///< gives up its work, and keeps nothing new
  std::function<bool(const WorkName&)> runs_here;  ///< then its own file is the newest
  std::function<bool()> has_room;                  ///< on the disk
  /// Somebody can finish an attempt of this node sooner. False if it cannot have it.
  std::function<bool(std::uint64_t token, NodeId thief)> on_yield;
};

class CheckpointExchange {
 public:
  CheckpointExchange(node::PeerLinks& links,
                     const CheckpointFiles& files,
                     CheckpointSources sources,
                     Logger log);
  ~CheckpointExchange();

  /// A request on `Channel::work`.
  asio::awaitable<Result<Bytes>> answer(Bytes body);

  /// Returns when `to`, or the node whose turn it is, keeps the newest checkpoint of `work`.
  /// Errors: `not_found`, `unavailable` (nobody to keep it), or what that node says.
  asio::awaitable<Result<>> copy_out(WorkName work, std::optional<NodeId> to);

  /// If another node has a newer one than lies here, it lies here afterwards. `last`: who ran it.
  asio::awaitable<void> bring(WorkName work, std::optional<NodeId> last);

  /// Asks `owner` to give up an attempt in favour of this node. Errors: what the owner says.
  asio::awaitable<Result<>> ask_to_yield(NodeId owner, WorkName work, std::uint64_t token);

  /// Ends the disk work under way.
  void stop();

 private:
  /// What a node said that it has.
  struct Offer {
    std::string address;
    CheckpointFound found;
  };

  asio::awaitable<Result<>> offer(WorkName work, std::string address, std::uint32_t epoch);
  asio::awaitable<Result<Bytes>> answer_find(WorkName work);
  asio::awaitable<Result<Bytes>> answer_read(CheckpointRequest request);
  asio::awaitable<Result<>> take(WorkName work, std::string address, std::uint32_t epoch);
  asio::awaitable<Result<Bytes>> ask(std::string address,
                                     CheckpointRequest request,
                                     std::chrono::milliseconds patience);
  asio::awaitable<Result<CheckpointFound>> find(WorkName work, std::string address);
  asio::awaitable<bool> may_pull(WorkName work);
  asio::awaitable<Result<>> pull(WorkName work, Offer offer);
  asio::awaitable<Result<>> pull_pieces(WorkName work, Offer offer, std::filesystem::path file);
  asio::awaitable<std::uint32_t> epoch_here(WorkName work);
  std::vector<NodeId> keepers(const WorkName& work) const;
  std::optional<std::string> address_of(NodeId node) const;

  node::PeerLinks& links_;
  const CheckpointFiles& files_;
  CheckpointSources sources_;
  Logger log_;
  asio::thread_pool disk_{1};
  /// Outlives this in what is still suspended when a node ends.
  std::shared_ptr<std::set<WorkName>> pulling_ = std::make_shared<std::set<WorkName>>();
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
};

}  // namespace starling::ml
