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

  PeerHouse(NodeId self, PeerLinksLimits given, asio::ip::address own)
      : hello{.swarm = {}, .node = self},
        limits(given),
        own_address(std::move(own)),
        log("net", self.hex().substr(0, 8)) {}

  Hello hello;
  PeerLinksLimits limits;
  asio::ip::address own_address;  ///< where this node listens; its connections leave from there
  Logger log;
  std::array<PeerLinks::MessageHandler, kChannels> on_message{};
  std::array<PeerLinks::RequestHandler, kChannels> on_request{};
  std::map<std::string, std::string> last_refusal;  ///< address -> sentence, to log each once
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

  asio::awaitable<Result<Bytes>> call(std::uint64_t id,
                                      Channel channel,
                                      Bytes body,
                                      std::chrono::milliseconds patience);

  /// Ends the connection: calls that were written end with `timed_out`, others `unavailable`.
  void close(const std::string& why);

 private:
  static asio::awaitable<void> run(std::shared_ptr<OutgoingSession> self);
  static asio::awaitable<void> write(std::shared_ptr<OutgoingSession> self);
  static asio::awaitable<void> watch(std::shared_ptr<OutgoingSession> self);
  void close_if_idle();
  void close_if_deaf();

  /// Nothing wrong, or why the connection must end.
  std::string take(BytesView payload);
  void refused(std::string_view sentence);

  std::string address_;
  std::shared_ptr<PeerHouse> house_;
  PeerWire wire_;
  asio::steady_timer look_;
  std::optional<PeerWire::Clock::time_point> asked_;  ///< whether the peer still answers
  std::map<std::uint64_t, std::shared_ptr<PendingCall>> pending_;
  bool accepted_ = false;  ///< The peer took our hello, so it may carry out what we sent.
  bool refused_ = false;   ///< It took no hello of ours, so it carried out nothing.
};

/// Serves one accepted connection until it ends.
class IncomingSession : public std::enable_shared_from_this<IncomingSession> {
 public:
  IncomingSession(asio::ip::tcp::socket socket, std::shared_ptr<PeerHouse> house);

  void start();

  bool is_over() const { return wire_.is_closed(); }

  void close();

 private:
  static asio::awaitable<void> run(std::shared_ptr<IncomingSession> self);
  static asio::awaitable<void> write(std::shared_ptr<IncomingSession> self);
  static asio::awaitable<void> close_when_idle(std::shared_ptr<IncomingSession> self);
  static asio::awaitable<void> answer(std::shared_ptr<IncomingSession> self,
                                      Envelope envelope,
                                      Bytes body);

  Result<> take(const Bytes& payload);
  Result<> take_hello(BytesView body);
  std::optional<Error> why_not(std::uint8_t channel) const;
  void send_answer(const Envelope& request, const Result<Bytes>& result);

  std::shared_ptr<PeerHouse> house_;
  PeerWire wire_;
  asio::steady_timer idle_;
  std::optional<Hello> peer_;
  bool refused_ = false;  ///< Reads on, and ignores, so that the refusal is not lost in a reset.
  std::size_t running_ = 0;
};

}  // namespace starling::node
