/// Blobs between nodes: serves reads of the own store, and fetches from several others at once,
/// chunk by chunk, each checked as it arrives.
///
/// Threads: members are called on the core thread and their coroutines run there; the disk is
///          touched on a small pool of its own, so that a slow disk never delays a heartbeat.
#pragma once

#include "node/base/error.h"
#include "node/base/hash.h"
#include "node/blobs/blob_store.h"
#include "node/net/peer_links.h"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace starling::node {

inline constexpr std::size_t kBlobPieceBytes = 256 << 10;
inline constexpr std::size_t kBlobSourcesMax = 4;  ///< asked at once for one blob
inline constexpr std::uint64_t kBlobBytesMax = std::uint64_t{1} << 40;

class BlobExchange {
 public:
  /// Answers `Channel::blobs` of `links` from now on. `own_address` is where `links` listens, for
  /// peers that are asked to fetch. `links` and `store` must outlive it.
  BlobExchange(asio::any_io_executor core,
               PeerLinks& links,
               BlobStore& store,
               std::string own_address);
  ~BlobExchange();

  /// How many bytes of the disk blobs may take now; unlimited before. A fetch that needs more ends
  /// with `no_space`, and what it had fetched is removed.
  void set_room(std::function<std::uint64_t()> room);

  /// A blob here was found damaged while it was read, and set aside.
  void on_damage(std::function<void(const ContentHash& hash)> handler);

  /// Returns when the blob is stored and fsynced here; at once if it was. Of `from` the first that
  /// have it are asked, `kBlobSourcesMax` at once; a chunk that one does not give, or gives wrong,
  /// is asked of the others, and that one no more. At most `bytes_per_second`, unless it is 0.
  /// A fetch of what is being fetched waits for that one. In memory: 1 MiB for each source.
  /// Errors: `not_found` (nobody has it), `corrupt` (its content has another hash; nothing is
  ///         kept), `io`, `no_space`, `unavailable`, `timed_out`. What was fetched until then is
  ///         kept.
  asio::awaitable<Result<>> fetch(ContentHash hash,
                                  std::vector<std::string> from,
                                  std::uint64_t bytes_per_second = 0);

  /// False also if the peer cannot be asked.
  asio::awaitable<bool> peer_has(ContentHash hash, std::string address);

  /// Asks the peer to fetch it from here; returns when it is stored and fsynced there.
  asio::awaitable<Result<>> push(ContentHash hash, std::string to_address);

  /// It is here, and what the disk gives is what was stored: read through once while this process
  /// runs. Errors: `not_found`; `corrupt`: it was set aside; `io`.
  asio::awaitable<Result<>> check(ContentHash hash);

  /// Reads all of it at `bytes_per_second`, whatever was read before. Errors: as `check`.
  asio::awaitable<Result<>> scrub(ContentHash hash, std::uint64_t bytes_per_second);

  /// Ends the disk work under way; fetches end with `unavailable`.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace starling::node
