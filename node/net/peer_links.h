/// Talk between nodes over TCP: one-way messages and calls. To each address at most two outgoing
/// connections: one for talk and one for bulk (snapshot, blobs), so that talk never waits for bulk.
///
/// A frame (node/net/frame.h) holds: kind u8 (hello, message, request, answer, refusal), channel
/// u8, request id u64, body. The first frame of a connection is a hello {swarm id, node id,
/// version}; one from another swarm is refused with a sentence that says so. Each hello is answered
/// with one, so a later one asks whether the peer is still there. A node that has no
/// swarm yet says "none" and may use `Channel::membership` only.
///
/// Threads: all members are called on the executor given at construction (the core thread), and
///          all handlers run there.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/ids.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace starling::node {

namespace asio = boost::asio;

/// Who speaks with whom. Values travel on the wire: append only.
enum class Channel : std::uint8_t {
  membership = 1,  ///< push/pull of gossip state when joining
  raft = 2,        ///< Raft messages, one-way
  snapshot = 3,    ///< Raft snapshot chunks, calls
  ledger = 4,      ///< commands forwarded to the leader, read index, calls
  blobs = 5,       ///< blob chunks, calls
  work = 6,        ///< trial progress to the leader, one-way
};

struct PeerLinksLimits {
  std::size_t queued_bytes_max = 8 << 20;  ///< per address; one-way messages above it are dropped
  std::size_t connections_max = 512;       ///< incoming
  std::chrono::milliseconds connect_patience{1000};
  std::chrono::milliseconds idle_patience{60000};   ///< an idle connection is closed
  std::chrono::milliseconds answer_patience{5000};  ///< and one to a peer that does not answer
};

class PeerLinks {
 public:
  using MessageHandler = std::function<void(NodeId from, Bytes body)>;
  using RequestHandler = std::function<asio::awaitable<Result<Bytes>>(NodeId from, Bytes body)>;

  /// `listener` is bound and listening; if its address is a specific one, outgoing connections
  /// leave from it too. `self` names this node in every hello.
  PeerLinks(asio::ip::tcp::acceptor listener, NodeId self, PeerLinksLimits limits);
  ~PeerLinks();

  /// The swarm whose members may talk to this node; none until it has joined.
  void set_swarm(SwarmId swarm);

  void on_message(Channel channel, MessageHandler handler);
  void on_request(Channel channel, RequestHandler handler);

  /// Starts accepting. Handlers must be set before.
  void start();

  /// Sends and forgets: lost if the peer cannot be reached or its queue is full. `address` is
  /// HOST:PORT (loopback numeric or a name).
  void send(const std::string& address, Channel channel, Bytes body);

  /// Asks and waits for the answer.
  /// Errors: `timed_out` (outcome unknown), `unavailable` (not connected: nothing was sent), or the
  ///         very error that the peer's handler returned.
  asio::awaitable<Result<Bytes>> call(std::string address,
                                      Channel channel,
                                      Bytes body,
                                      std::chrono::milliseconds patience);

  /// Closes everything; pending calls end with `unavailable` or `timed_out`.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace starling::node
