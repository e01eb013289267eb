/// The two ends of one connection between nodes: who asks (outgoing) and who answers (incoming).
///
/// Threads: the executor of the sockets.
#pragma once

#include "node/base/log.h"
#include "node/net/peer_links.h"
#include "node/net/peer_wire.h"

#include <boost/asio/steady_timer.hpp>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace starling::node {

/// What all sessions of one `PeerLinks` share.
struct PeerHouse {
  static constexpr std::size_t kChannels = 256;

  PeerHouse(const Trust& given_trust, PeerLinksLimits given, asio::ip::address own);

  /// What this node says of itself now.
  Hello own_hello() const;

  /// Somebody that proved its key, and that it knows the swarm's newest, says this hello.
  void look_at_epoch(const Hello& theirs, const PublicKey& key) const;

  /// Somebody that proved its key, and that it knows the swarm's newest, is of another swarm.
  void look_at_swarm(const Hello& theirs, const PublicKey& key, const std::string& where) const;

  /// Whoever proved this node's own key and is not this process, whatever the disk incarnation.
  /// `ours`: as it was said in the same handshake.
  void look_for_twin(const Hello& theirs,
                     const Hello& ours,
                     const PublicKey& key,
                     const std::string& where) const;

  const Trust& trust;
  Hello hello;
  PeerWire::Clock::time_point started = PeerWire::Clock::now();
  PeerLinksLimits limits;
  asio::ip::address own_address;  ///< where this node listens; its connections leave from there
  Logger log;
  std::array<PeerLinks::MessageHandler, kChannels> on_message{};
  std::array<PeerLinks::RequestHandler, kChannels> on_request{};
  PeerLinks::AdmissionHandler on_admission;
  std::function<void()> on_removed;
  PeerLinks::TwinHandler on_twin;
  PeerLinks::OtherSwarmHandler on_other_swarm;
  std::function<void(std::uint64_t recovery_epoch)> on_recovered;
  std::map<std::string, std::string> last_refusal;     ///< address -> sentence, to log each once
  PeerWire::Clock::time_point warned_at{};             ///< of strangers, once a second at most
  std::map<std::string, std::size_t> next_credential;  ///< address -> which of ours to show there
};

/// One call that waits for its answer.
struct PendingCall {
  explicit PendingCall(const asio::any_io_executor& executor) : alarm(executor) {}

  asio::steady_timer alarm;
  std::optional<Result<Bytes>> outcome;
};

/// Connects to one address when made, sends what was queued meanwhile, and lives until the
/// connection ends. It is then over for good; the next send makes another.
class OutgoingSession : public std::enable_shared_from_this<OutgoingSession> {
 public:
  OutgoingSession(const asio::any_io_executor& executor,
                  std::string address,
                  std::shared_ptr<PeerHouse> house);

  void start();

  bool is_over() const { return wire_.is_closed(); }

  /// A larger body than the whole queue may hold is taken when nothing else waits.
  bool has_room(std::size_t body_bytes) const;

  void send_message(Channel channel, BytesView body);
  void send_hello();

  /// Who is there, once the handshake is over.
  const std::optional<Hello>& peer() const { return peer_; }

  /// Returns when the handshake is over or the connection ended, which `why_over` then explains.
  asio::awaitable<void> opened();

  const Error& why_over() const { return why_over_; }

  /// False: by what is known now, it would not have begun.
  bool may_go_on() const;

  asio::awaitable<Result<Bytes>> call(std::uint64_t id,
                                      Channel channel,
                                      Bytes body,
                                      std::chrono::milliseconds patience);

  /// Ends the connection: calls that were written end with `timed_out`, others `unavailable`.
  void close(const std::string& why);

 private:
  static asio::awaitable<void> run(std::shared_ptr<OutgoingSession> self);
  static asio::awaitable<void> give_up_slow_handshake(std::shared_ptr<OutgoingSession> self);
  asio::awaitable<Result<>> shake();
  Result<> meet(const HandshakePeer& peer);
  bool may_carry(Channel channel) const;
  static asio::awaitable<void> write(std::shared_ptr<OutgoingSession> self);
  static asio::awaitable<void> watch(std::shared_ptr<OutgoingSession> self);
  void close_if_idle();
  void close_if_deaf();

  /// Nothing wrong, or why the connection must end.
  std::string take(BytesView payload);
  void refused(std::string_view sentence, RefusalReason reason);

  std::string address_;
  std::shared_ptr<PeerHouse> house_;
  PeerWire wire_;
  asio::steady_timer look_;
  std::optional<PeerWire::Clock::time_point> asked_;  ///< whether the peer still answers
  std::map<std::uint64_t, std::shared_ptr<PendingCall>> pending_;
  asio::steady_timer opened_;  ///< ends when the handshake is over
  Hello said_;                 ///< by this node in the handshake
  std::optional<Hello> peer_;
  PublicKey peer_key_{};
  Credential shown_;  ///< what this node proved to know
  Error why_over_{Errc::unavailable, "not connected"};
  bool accepted_ = false;  ///< The peer took our hello, so it may carry out what we sent.
  bool refused_ = false;   ///< It took no hello of ours, so it carried out nothing.
};

/// Serves one accepted connection until it ends.
class IncomingSession : public std::enable_shared_from_this<IncomingSession> {
 public:
  IncomingSession(asio::ip::tcp::socket socket, std::shared_ptr<PeerHouse> house);

  void start();

  bool is_over() const { return wire_.is_closed(); }

  /// Its handshake is not over yet, or it may not do everything.
  bool is_stranger() const { return rights_ != PeerRights::all || refused_; }

  const asio::ip::address& source() const { return source_; }

  /// False: by what is known now, it would not have been let in.
  bool may_go_on() const;

  void close();

 private:
  static asio::awaitable<void> run(std::shared_ptr<IncomingSession> self);
  asio::awaitable<Result<>> shake();
  Result<> meet(const HandshakeResponder& handshake);
  void greet(const std::string& refusal, RefusalReason reason);
  static asio::awaitable<void> write(std::shared_ptr<IncomingSession> self);
  static asio::awaitable<void> close_when_idle(std::shared_ptr<IncomingSession> self);
  static asio::awaitable<void> answer(std::shared_ptr<IncomingSession> self,
                                      Envelope envelope,
                                      Bytes body);

  Result<> take(const Bytes& payload);
  Result<> take_hello(BytesView body);
  std::optional<Error> why_not(std::uint8_t channel) const;
  asio::awaitable<Result<Bytes>> handle(std::uint8_t channel, Bytes body);
  void send_answer(const Envelope& request, const Result<Bytes>& result);

  std::shared_ptr<PeerHouse> house_;
  PeerWire wire_;
  asio::steady_timer idle_;
  asio::ip::address source_;
  Hello said_;  ///< by this node in the handshake
  std::optional<Hello> peer_;
  PeerCaller caller_;
  PeerRights rights_ = PeerRights::none;
  bool refused_ = false;  ///< Reads on, and ignores, so that the refusal is not lost in a reset.
  std::size_t running_ = 0;
};

}  // namespace starling::node
