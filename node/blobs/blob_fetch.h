/// One blob on its way here, from several nodes at once. Internal to BlobExchange.
///
/// Threads: the core thread; the disk is touched on the pool.
#pragma once

#include "node/blobs/blob_packets.h"
#include "node/blobs/blob_store.h"
#include "node/net/on_disk.h"
#include "node/net/peer_links.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace starling::node {

/// All must outlive the fetch but the flag, which is its owner's last word.
struct BlobFetchParts {
  asio::any_io_executor core;
  PeerLinks& links;
  BlobStore& store;
  asio::thread_pool& disk;
  std::function<std::uint64_t()> room;  ///< bytes that may be taken of the disk
  std::shared_ptr<const bool> is_stopped;
};

class BlobFetch : public std::enable_shared_from_this<BlobFetch> {
 public:
  BlobFetch(BlobFetchParts parts, ContentHash hash, std::uint64_t bytes_per_second);

  /// As `BlobExchange::fetch`. Call it once.
  asio::awaitable<Result<>> run(std::vector<std::string> from);

 private:
  using Writer = std::shared_ptr<BlobWriter>;
  using Part = std::shared_ptr<PartialBlob>;

  asio::awaitable<void> find_sources();
  asio::awaitable<Result<>> fetch_by_list();
  void drop_part();
  asio::awaitable<Result<ChunkList>> ask_list(std::string address);
  asio::awaitable<Result<Bytes>> ask_piece(std::string address, BlobRequest request);
  asio::awaitable<Result<Bytes>> ask_chunk(std::string address, std::size_t chunk);
  asio::awaitable<Result<>> fetch_chunks();
  asio::awaitable<Result<Part>> open_part();
  asio::awaitable<void> pull(std::string source);
  asio::awaitable<Result<>> fetch_chunk(std::string source, std::size_t chunk);
  asio::awaitable<Result<>> fetch_whole(std::string source);
  asio::awaitable<Result<>> append_pieces(std::string source, Writer writer);
  asio::awaitable<void> rest(std::uint64_t bytes);

  BlobFetchParts parts_;
  ContentHash hash_;
  std::uint64_t bytes_per_second_;
  std::deque<std::string> untried_;
  ChunkList list_;
  std::vector<std::string> sources_;  ///< that have it and have given no wrong chunk
  std::vector<std::string> older_;    ///< of a version that knows no lists
  Part part_;
  std::deque<std::size_t> todo_;  ///< chunks
  std::size_t pulling_ = 0;
  asio::steady_timer all_pulled_;
  Error last_error_;
};

}  // namespace starling::node
