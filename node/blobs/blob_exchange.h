/// Blobs between nodes: serves reads of the own store and fetches from others, piece by piece.
///
/// Threads: members are called on the core thread and their coroutines run there; the disk is
///          touched on a small pool of its own, so that a slow disk never delays a heartbeat.
#pragma once

#include "node/base/error.h"
#include "node/base/hash.h"
#include "node/blobs/blob_store.h"
#include "node/net/peer_links.h"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace starling::node {

inline constexpr std::size_t kBlobPieceBytes = 256 << 10;

class BlobExchange {
 public:
  /// Answers `Channel::blobs` of `links` from now on. `own_address` is where `links` listens, for
  /// peers that are asked to fetch. `links` and `store` must outlive it.
  BlobExchange(asio::any_io_executor core,
               PeerLinks& links,
               BlobStore& store,
               std::string own_address);
  ~BlobExchange();

  /// Returns when the blob is stored and fsynced here; at once if it was. A second fetch of the
  /// same blob meanwhile joins nothing: both run, and the last rename wins with the same bytes.
  /// Errors: `not_found` (the peer has none), `corrupt` (its content has another hash; nothing is
  ///         kept), `io`, `unavailable`, `timed_out`.
  asio::awaitable<Result<>> fetch(ContentHash hash, std::string from_address);

  /// False also if the peer cannot be asked.
  asio::awaitable<bool> peer_has(ContentHash hash, std::string address);

  /// Asks the peer to fetch it from here; returns when it is stored and fsynced there.
  asio::awaitable<Result<>> push(ContentHash hash, std::string to_address);

  /// Ends the disk work under way; fetches end with `unavailable`.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace starling::node
