/// What the API needs of the node it runs in. `bootstrap` implements it; tests do too.
#pragma once

#include "ml/study/command.h"
#include "ml/study/ledger.h"
#include "ml/table/profile.h"
#include "node/base/error.h"
#include "node/base/hash.h"
#include "node/base/state_view.h"
#include "node/blobs/blob_store.h"
#include "node/gossip/member.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace starling::web {

namespace asio = boost::asio;

struct MemberStatus {
  node::Member member;
  std::string role;  ///< voter, standby or leaf
  bool is_leader = false;
  std::uint32_t trials_queued = 0;
};

struct SwarmStatus {
  SwarmId swarm;
  NodeId self;
  std::optional<NodeId> leader;
  std::uint64_t term = 0;
  std::uint64_t commit_index = 0;
  std::uint64_t applied_index = 0;
  std::optional<NodeId> upstream;  ///< whom this node follows, if it is a leaf
  std::size_t depth = 0;           ///< hops from it to a voter or standby
  std::vector<MemberStatus> members;
  std::vector<std::string> notes;
};

/// Prediction as JSON text, so that this room needs to know nothing of models.
struct PredictCall {
  std::string model;
  std::optional<std::uint64_t> version;  ///< none: the latest
  std::string body;
  bool is_csv = false;
};

/// Threads: any; coroutines complete on the caller's executor.
class NodeView {
 public:
  virtual ~NodeView() = default;

  virtual SwarmStatus swarm() const = 0;

  /// Errors: `unavailable` with the reason (no leader, not joined, behind).
  virtual Result<> ready() const = 0;

  /// Errors: `no_space`: this node's disk is low.
  virtual Result<> room_to_grow() const = 0;

  /// The applied state, frozen now.
  virtual std::shared_ptr<const StateView> state() const = 0;
  virtual LogIndex applied() const = 0;

  /// Errors: `timed_out`.
  virtual asio::awaitable<Result<>> wait_applied(LogIndex index,
                                                 std::chrono::milliseconds patience) = 0;

  /// Asks the leader for an index that makes a read after it linearizable.
  virtual asio::awaitable<Result<LogIndex>> read_index(std::chrono::milliseconds patience) = 0;

  virtual ml::Ledger& ledger() = 0;
  virtual node::BlobStore& blobs() = 0;

  /// Reads a stored CSV blob and profiles it (blocking work on a background thread).
  virtual asio::awaitable<Result<ml::TableProfile>> profile(ContentHash blob,
                                                            ml::TableOptions options) = 0;

  /// Returns once enough members hold the blob on disk, this node's copy included.
  virtual asio::awaitable<Result<>> replicate(ContentHash blob) = 0;

  /// Returns once this node holds the blob, copied from another member if need be.
  /// Errors: `unavailable`: no member that is alive has it.
  virtual asio::awaitable<Result<>> fetch(ContentHash blob) = 0;

  /// Errors carry the sentence to show. Returns the answer's body (JSON, or CSV if asked so).
  virtual asio::awaitable<Result<std::string>> predict(PredictCall call) = 0;
};

}  // namespace starling::web
