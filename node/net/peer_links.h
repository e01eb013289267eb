/// Talk between nodes over TCP: one-way messages and calls. To each address at most two outgoing
/// connections: one for talk and one for bulk (snapshot, blobs), so that talk never waits for bulk.
///
/// A connection begins with the handshake (node/secure/handshake.h), in which both sides prove who
/// they are and that they know a shared key, and exchange hellos {swarm, node, version, recovery
/// epoch}. Whoever knows no key gets no byte back. Then come sealed records with frames: kind u8
/// (hello, message, request, answer, refusal), channel u8, request id u64, body. The side that was
/// connected to begins with its hello again, or with a refusal: a sentence that says why. A later
/// hello asks whether the peer is still there, and is answered with one.
/// A node that has no swarm yet says "none" and may ask on `Channel::admission` only.
///
/// Threads: all members are called on the executor given at construction (the core thread), and
///          all handlers run there.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/net/peer_envelope.h"
#include "node/secure/trust.h"

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
  membership = 1,  ///< push/pull of gossip state, calls
  raft = 2,        ///< Raft messages, one-way
  snapshot = 3,    ///< Raft snapshot chunks, calls
  ledger = 4,      ///< commands forwarded to the leader, read index, calls
  blobs = 5,       ///< blob chunks, calls
  work = 6,        ///< trial progress to the leader, one-way
  admission = 7,   ///< asking to be let in, calls; the only one for who is not a member
  relay = 8,       ///< the committed log for who is not sent it, calls
  survey = 9,      ///< how much of the log a member holds, calls
};

struct PeerLinksLimits {
  std::size_t queued_bytes_max = 8 << 20;  ///< per address; one-way messages above it are dropped
  std::size_t connections_max = 512;       ///< incoming
  std::size_t strangers_max = 64;  ///< incoming, of one address, of who is not proven a member
  std::chrono::milliseconds connect_patience{1000};
  std::chrono::milliseconds handshake_patience{3000};
  std::chrono::milliseconds idle_patience{60000};   ///< an idle connection is closed
  std::chrono::milliseconds answer_patience{5000};  ///< and one to a peer that does not answer
};

/// Who asks to be let in, as the handshake proved it.
struct PeerCaller {
  NodeKey key;
  CredentialKind kind = CredentialKind::swarm_key;  ///< of the shared key that it showed
  KeyId key_id{};
};

class PeerLinks {
 public:
  using MessageHandler = std::function<void(NodeId from, Bytes body)>;
  using RequestHandler = std::function<asio::awaitable<Result<Bytes>>(NodeId from, Bytes body)>;

  using AdmissionHandler =
      std::function<asio::awaitable<Result<Bytes>>(const PeerCaller& caller, Bytes body)>;

  /// `listener` is bound and listening; if its address is a specific one, outgoing connections
  /// leave from it too. `trust` says who this node is and whom it believes; it must outlive this.
  PeerLinks(asio::ip::tcp::acceptor listener, const Trust& trust, PeerLinksLimits limits);
  ~PeerLinks();

  /// The swarm whose members may talk to this node, none until it has joined, and how often it was
  /// recovered.
  void set_swarm(SwarmId swarm, std::uint64_t recovery_epoch = 0);

  /// What this node says of itself.
  const Hello& hello() const;

  /// Whether its swarm has one member and holds nothing yet.
  void set_provisional(bool is_provisional);

  /// Closes what `trust` would not let begin any more.
  void drop_distrusted();

  /// `trust` can show a better key than before: what this node connected by another ends.
  void connect_anew();

  /// Called when a member says that this node was removed from the swarm.
  void on_removed(std::function<void()> handler);

  /// Called whenever somebody that knows the swarm's key says that the swarm was recovered without
  /// this node, as `recovery_epoch` counts.
  void on_recovered(std::function<void(std::uint64_t recovery_epoch)> handler);

  using TwinHandler = std::function<void(const std::string& where, bool must_give_way)>;

  /// Called when another process is met that has this node's key: it runs on a copy of this node's
  /// data directory. One of the two must stop, and both are told which.
  void on_twin(TwinHandler handler);

  using OtherSwarmHandler =
      std::function<void(SwarmId theirs, const std::string& where, bool must_dissolve)>;

  /// Called whenever a member of another swarm is met that knows this one's secret. The two never
  /// merge; if one of them holds nothing, it is told to dissolve itself.
  void on_other_swarm(OtherSwarmHandler handler);

  /// Connects, makes sure of who is there, and closes.
  /// Errors: `unavailable` (nobody there), `unauthorized` (no one who knows a key of this node).
  asio::awaitable<Result<Hello>> who_is(std::string address);

  void on_message(Channel channel, MessageHandler handler);
  void on_request(Channel channel, RequestHandler handler);
  void on_admission(AdmissionHandler handler);

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
